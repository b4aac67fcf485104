// ServiceCIDR: a range from which services get their addresses.
import type { V1ServiceCIDR, V1ServiceCIDRSpec } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';
import { cidrProblems, ipFamilyOf } from '../meta/ip.ts';
import { addProblems, immutableProblem } from '../meta/validate-metadata.ts';

/** Holds a ServiceCIDR in place while Services have addresses of it that no other range has. */
export const serviceCidrProtection = 'networking.k8s.io/service-cidr-finalizer';

const path = 'spec.cidrs';
const familyOf = (cidr: string | undefined) => ipFamilyOf((cidr ?? '').split('/')[0] ?? '');

function validateSpec(spec: V1ServiceCIDRSpec, errors: FieldError[]): void {
  const cidrs = spec.cidrs ?? [];
  if (cidrs.length === 0) return void errors.push(required(path, 'at least one CIDR required'));
  if (cidrs.length > 2) return void errors.push(invalidValue(path, spec, 'may only hold up to 2 values'));
  cidrs.forEach((cidr, i) => {
    addProblems(errors, `${path}[${i}]`, cidr, cidrProblems(cidr));
  });
  if (cidrs.length === 2 && familyOf(cidrs[0]) === familyOf(cidrs[1]) && familyOf(cidrs[0]) !== undefined) {
    errors.push(invalidValue(path, cidrs, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'));
  }
}

function validate({ spec = {} }: V1ServiceCIDR): FieldError[] {
  const errors: FieldError[] = [];
  validateSpec(spec, errors);
  return errors;
}

/** The ranges stay; a second family may come. */
function validateUpdate(next: V1ServiceCIDR, old: V1ServiceCIDR): FieldError[] {
  const errors: FieldError[] = [];
  const [cidrs, before] = [next.spec?.cidrs ?? [], old.spec?.cidrs ?? []];
  if (cidrs.length !== before.length && !(before.length === 1 && cidrs.length === 2)) return [invalidValue(path, cidrs, immutableProblem)];
  before.forEach((cidr, i) => {
    if (cidrs[i] !== cidr) errors.push(invalidValue(`${path}[${i}]`, cidrs[i], immutableProblem));
  });
  if (cidrs.length !== before.length) validateSpec(next.spec ?? {}, errors);
  return errors;
}

export const servicecidrs: KindDefinition<V1ServiceCIDR> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  resource: 'servicecidrs',
  singular: 'servicecidr',
  namespaced: false,
  schema: 'V1ServiceCIDR',
  hasGeneration: false,
  columns: [nameColumn, { name: 'CIDRs', type: 'string', cell: ({ spec }) => (spec?.cidrs ?? []).join(',') }, ageColumn],
  prepareCreate: (draft) => {
    draft.status = {};
  },
  validateCreate: validate,
  update: { prepare: keepStatus, validate: validateUpdate },
  status: {},
};
