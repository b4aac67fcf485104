// ResourceClaim: devices for pods, and what has been allocated.
import type { V1AllocationResult, ResourceV1ResourceClaim as V1ResourceClaim, V1ResourceClaimStatus } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { validateDriverName, validateName, validateUnchanged } from '../meta/field-checks.ts';
import { duplicate, type FieldError, forbiddenField, invalidValue, required } from '../meta/field-error.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { requestNames, setClaimSpecDefaults, validateClaimSpec, validateEach } from './device-claim.ts';

const consumersMax = 256;
const resultsMax = 32;
const poolNameMax = 253;

export function validatePoolName(name: string, path: string, errors: FieldError[]): void {
  if (name === '') return void errors.push(required(path));
  if (name.length > poolNameMax) errors.push(invalidValue(path, name, `must be no more than ${poolNameMax} bytes`));
  for (const part of name.split('/')) addProblems(errors, path, part, dnsSubdomainProblems(part));
}

function validate({ spec }: V1ResourceClaim): FieldError[] {
  const errors: FieldError[] = [];
  validateClaimSpec(spec, 'spec', errors);
  return errors;
}

function validateAllocation(allocation: V1AllocationResult, names: ReadonlySet<string>, path: string, errors: FieldError[]): void {
  validateEach(allocation.devices?.results, resultsMax, `${path}.devices.results`, errors, (result, at) => {
    if (!names.has(result.request)) {
      const detail = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
      errors.push(invalidValue(`${at}.request`, result.request, detail));
    }
    validateDriverName(result.driver ?? '', `${at}.driver`, errors);
    validatePoolName(result.pool ?? '', `${at}.pool`, errors);
    validateName(result.device, dnsLabelProblems, `${at}.device`, errors);
  });
}

function validateConsumers(next: V1ResourceClaim, old: V1ResourceClaimStatus, errors: FieldError[]): void {
  const path = 'status.reservedFor';
  const consumers = next.status?.reservedFor ?? [];
  const uids = new Set<string>();
  validateEach(consumers, consumersMax, path, errors, ({ resource = '', name = '', uid = '' }, at) => {
    if (resource === '') errors.push(required(`${at}.resource`));
    if (name === '') errors.push(required(`${at}.name`));
    if (uid === '') errors.push(required(`${at}.uid`));
    else if (uids.has(uid)) errors.push(duplicate(`${at}.uid`, uid));
    uids.add(uid);
  });
  if (consumers.length === 0) return;
  if (next.status?.allocation === undefined) errors.push(forbiddenField(path, 'may not be specified when `allocated` is not set'));
  else if (next.metadata?.deletionTimestamp !== undefined) {
    const before = new Set((old.reservedFor ?? []).map(({ uid }) => uid));
    if (consumers.some(({ uid }) => !before.has(uid)))
      errors.push(forbiddenField(path, 'new reservations are not allowed when `deletionTimestamp` is set'));
  }
}

function validateStatus(next: V1ResourceClaim, old: V1ResourceClaim): FieldError[] {
  const errors: FieldError[] = [];
  const [status, before] = [next.status ?? {}, old.status ?? {}];
  validateConsumers(next, before, errors);
  if (status.allocation !== undefined) {
    if (before.allocation !== undefined) validateUnchanged(status.allocation, before.allocation, 'status.allocation', errors);
    else validateAllocation(status.allocation, requestNames(next.spec?.devices), 'status.allocation', errors);
  }
  const allocated = new Set(
    (status.allocation?.devices?.results ?? []).map(({ driver, pool, device, shareID }) => `${driver}/${pool}/${device}/${shareID ?? ''}`),
  );
  status.devices?.forEach(({ driver, pool, device, shareID }, i) => {
    const id = `${driver}/${pool}/${device}/${shareID ?? ''}`;
    if (!allocated.has(id)) errors.push(invalidValue(`status.devices[${i}]`, id, 'must be an allocated device in the claim'));
  });
  return errors;
}

/** `pending`, `allocated,reserved`, `deleted,allocated`. */
function stateCell({ metadata, status }: V1ResourceClaim): string {
  const deleted = metadata?.deletionTimestamp !== undefined;
  const states = deleted ? ['deleted'] : [];
  if (status?.allocation === undefined) return (deleted ? states : ['pending']).join(',');
  states.push('allocated');
  if ((status.reservedFor ?? []).length > 0) states.push('reserved');
  return states.join(',');
}

export const resourceclaims: KindDefinition<V1ResourceClaim> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaim',
  resource: 'resourceclaims',
  singular: 'resourceclaim',
  namespaced: true,
  schema: 'ResourceV1ResourceClaim',
  hasGeneration: false,
  columns: [
    nameColumn,
    { name: 'State', type: 'string', description: 'A summary of the current state (allocated, pending, reserved, etc.).', cell: stateCell },
    ageColumn,
  ],
  setDefaults: (draft: Draft<V1ResourceClaim>) => setClaimSpecDefaults(draft.spec),
  prepareCreate: (draft) => {
    draft.status = {};
  },
  validateCreate: validate,
  update: {
    prepare: keepStatus,
    validate: (next, old) => {
      const errors: FieldError[] = [];
      validateUnchanged(next.spec, old.spec, 'spec', errors);
      return errors;
    },
  },
  status: { validate: validateStatus },
  deleteReturnsObject: true,
};
