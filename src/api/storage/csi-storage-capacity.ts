// CSIStorageCapacity: how much a driver has left for a storage class in a part of the cluster.

import type { V1CSIStorageCapacity } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { nameColumn } from '../meta/columns.ts';
import { createdAtColumn } from '../meta/endpoint-rules.ts';
import { validateQuantity, validateUnchanged } from '../meta/field-checks.ts';
import type { FieldError } from '../meta/field-error.ts';
import { dnsSubdomainProblems } from '../meta/names.ts';
import { canonicalQuantity, quantityProblem } from '../meta/quantity.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { validateLabelSelector } from '../meta/validate-selector.ts';

const amounts = ['capacity', 'maximumVolumeSize'] as const;

function validate(capacity: V1CSIStorageCapacity): FieldError[] {
  const errors: FieldError[] = [];
  const storageClass = capacity.storageClassName ?? '';
  addProblems(errors, 'storageClassName', storageClass, dnsSubdomainProblems(storageClass));
  validateLabelSelector(capacity.nodeTopology, 'nodeTopology', errors);
  for (const field of amounts) if (capacity[field] !== undefined) validateQuantity(capacity[field], field, errors);
  return errors;
}

export const csistoragecapacities: KindDefinition<V1CSIStorageCapacity> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  resource: 'csistoragecapacities',
  singular: 'csistoragecapacity',
  namespaced: true,
  schema: 'V1CSIStorageCapacity',
  hasGeneration: false,
  columns: [nameColumn, createdAtColumn],
  setDefaults: (draft) => {
    for (const field of amounts) {
      const text = draft[field];
      if (text !== undefined && quantityProblem(text) === undefined) draft[field] = canonicalQuantity(text);
    }
  },
  validateCreate: validate,
  update: {
    validate: (next, old) => {
      const errors = validate(next);
      validateUnchanged(next.nodeTopology, old.nodeTopology, 'nodeTopology', errors);
      validateUnchanged(next.storageClassName, old.storageClassName, 'storageClassName', errors);
      return errors;
    },
  },
};
