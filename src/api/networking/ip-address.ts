// IPAddress: an address of the service range that is taken, and by whom. Its name is the address.
import type { V1IPAddress } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { nameColumn } from '../meta/columns.ts';
import { validateName, validateUnchanged } from '../meta/field-checks.ts';
import { type FieldError, required } from '../meta/field-error.ts';
import { ipProblems } from '../meta/ip.ts';
import { dnsSubdomainProblems, pathSegmentProblems } from '../meta/names.ts';
import { addProblems } from '../meta/validate-metadata.ts';

function validate({ metadata, spec }: V1IPAddress): FieldError[] {
  const errors: FieldError[] = [];
  const name = metadata?.name ?? '';
  addProblems(errors, 'metadata.name', name, ipProblems(name));
  const parent = spec?.parentRef;
  const path = 'spec.parentRef';
  if (parent === undefined) errors.push(required(path));
  else {
    if (parent.group) addProblems(errors, `${path}.group`, parent.group, dnsSubdomainProblems(parent.group));
    validateName(parent.resource, pathSegmentProblems, `${path}.resource`, errors);
    validateName(parent.name, pathSegmentProblems, `${path}.name`, errors);
    if (parent.namespace) addProblems(errors, `${path}.namespace`, parent.namespace, pathSegmentProblems(parent.namespace));
  }
  return errors;
}

/** `services/default/kubernetes`, with the group behind the resource where there is one. */
function parentCell({ spec }: V1IPAddress): string {
  const parent = spec?.parentRef;
  if (parent === undefined) return '';
  const resource = parent.group ? `${parent.resource}.${parent.group}` : parent.resource;
  return parent.namespace ? `${resource}/${parent.namespace}/${parent.name}` : `${resource}/${parent.name}`;
}

export const ipaddresses: KindDefinition<V1IPAddress> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  resource: 'ipaddresses',
  singular: 'ipaddress',
  shortNames: ['ip'],
  namespaced: false,
  schema: 'V1IPAddress',
  nameRule: 'pathSegment',
  hasGeneration: false,
  columns: [nameColumn, { name: 'ParentRef', type: 'string', cell: parentCell }],
  validateCreate: validate,
  update: {
    validate: (next, old) => {
      const errors: FieldError[] = [];
      validateUnchanged(next.spec?.parentRef, old.spec?.parentRef, 'spec.parentRef', errors);
      return errors;
    },
  },
};
