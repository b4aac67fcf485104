// StorageClass: a kind of storage, and who makes volumes of it.
import type { V1StorageClass, V1TopologySelectorTerm } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { sameMeaning } from '../meta/equal.ts';
import {
  validateChoice,
  validateDistinct,
  validateOptionalChoice,
  validateParameters,
  validateQualifiedName,
  validateUnchanged,
} from '../meta/field-checks.ts';
import { duplicate, type FieldError, forbiddenField, required } from '../meta/field-error.ts';
import { qualifiedNameProblems } from '../meta/names.ts';
import { addProblems } from '../meta/validate-metadata.ts';

const defaultAnnotations = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'];

function validateTopologies(terms: readonly V1TopologySelectorTerm[] | undefined, errors: FieldError[]): void {
  const seen = new Set<string>();
  terms?.forEach((term, i) => {
    const at = `allowedTopologies[${i}]`;
    const keys = new Set<string>();
    term.matchLabelExpressions?.forEach(({ key = '', values = [] }, j) => {
      const path = `${at}.matchLabelExpressions[${j}]`;
      addProblems(errors, `${path}.key`, key, qualifiedNameProblems(key));
      if (keys.has(key)) errors.push(duplicate(`${path}.key`, key));
      keys.add(key);
      if (values.length === 0) errors.push(required(`${path}.values`));
      validateDistinct(values, (k) => `${path}.values[${k}]`, errors);
    });
    const text = JSON.stringify(term.matchLabelExpressions ?? []);
    if (seen.has(text)) errors.push(duplicate(`${at}.matchLabelExpressions`, ''));
    seen.add(text);
  });
}

function validate(storage: V1StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  validateQualifiedName(storage.provisioner ?? '', 'provisioner', errors);
  validateParameters(storage.parameters, 'parameters', errors);
  validateOptionalChoice(storage.reclaimPolicy, ['Delete', 'Retain'], 'reclaimPolicy', errors);
  validateChoice(storage.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer'], 'volumeBindingMode', errors);
  validateTopologies(storage.allowedTopologies, errors);
  return errors;
}

function validateUpdate(next: V1StorageClass, old: V1StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy'] as const) {
    if (!sameMeaning(next[field], old[field])) errors.push(forbiddenField(field, `updates to ${field} are forbidden.`));
  }
  validateUnchanged(next.volumeBindingMode, old.volumeBindingMode, 'volumeBindingMode', errors);
  return [...errors, ...validate(next)];
}

export const isDefaultClass = ({ metadata }: V1StorageClass): boolean =>
  defaultAnnotations.some((key) => metadata?.annotations?.[key] === 'true');

export const storageclasses: KindDefinition<V1StorageClass> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  resource: 'storageclasses',
  singular: 'storageclass',
  shortNames: ['sc'],
  namespaced: false,
  schema: 'V1StorageClass',
  hasGeneration: false,
  columns: [
    { ...nameColumn, cell: (storage) => `${storage.metadata?.name ?? ''}${isDefaultClass(storage) ? ' (default)' : ''}` },
    { name: 'Provisioner', type: 'string', cell: ({ provisioner }) => provisioner ?? '' },
    { name: 'ReclaimPolicy', type: 'string', cell: ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete' },
    { name: 'VolumeBindingMode', type: 'string', cell: ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate' },
    { name: 'AllowVolumeExpansion', type: 'string', cell: ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false },
    ageColumn,
  ],
  setDefaults: (draft) => {
    draft.reclaimPolicy ??= 'Delete';
    draft.volumeBindingMode ??= 'Immediate';
  },
  validateCreate: validate,
  update: { validate: validateUpdate },
  deleteReturnsObject: true,
};
