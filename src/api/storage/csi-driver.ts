// CSIDriver: what a storage driver can do and wants to be told.
import type { V1CSIDriver, V1CSIDriverSpec } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, none } from '../meta/columns.ts';
import { validateDriverName, validateOptionalChoice, validateUnchanged } from '../meta/field-checks.ts';
import { duplicate, type FieldError, invalidValue, notSupported, required } from '../meta/field-error.ts';
import type { Draft } from '../meta/object.ts';

const groupPolicies = ['ReadWriteOnceWithFSType', 'File', 'None'];
const lifecycleModes = ['Ephemeral', 'Persistent'];
const tokenSecondsMin = 600;
const tokenSecondsMax = 2 ** 32;
const updateSecondsMin = 10;

function setDefaults(draft: Draft<V1CSIDriver>): void {
  draft.spec ??= {};
  const spec = draft.spec;
  spec.attachRequired ??= true;
  spec.podInfoOnMount ??= false;
  spec.storageCapacity ??= false;
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
  if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent'];
  spec.requiresRepublish ??= false;
  spec.seLinuxMount ??= false;
}

function validateTokens(spec: V1CSIDriverSpec, errors: FieldError[]): void {
  const audiences = new Set<string>();
  spec.tokenRequests?.forEach(({ audience = '', expirationSeconds: seconds }, i) => {
    const path = `spec.tokenRequests[${i}]`;
    if (audiences.has(audience)) errors.push(duplicate(`${path}.audience`, audience));
    audiences.add(audience);
    if (seconds === undefined) return;
    const at = `${path}.expirationSeconds`;
    if (seconds < tokenSecondsMin) errors.push(invalidValue(at, seconds, 'may not specify a duration less than 10 minutes'));
    if (seconds > tokenSecondsMax) errors.push(invalidValue(at, seconds, 'may not specify a duration larger than 2^32 seconds'));
  });
}

function validate({ metadata, spec = {} }: V1CSIDriver): FieldError[] {
  const errors: FieldError[] = [];
  validateDriverName(metadata?.name ?? '', 'name', errors);
  for (const field of ['attachRequired', 'podInfoOnMount', 'storageCapacity'] as const) {
    if (spec[field] === undefined) errors.push(required(`spec.${field}`));
  }
  validateOptionalChoice(spec.fsGroupPolicy, groupPolicies, 'spec.fsGroupPolicy', errors);
  validateTokens(spec, errors);
  spec.volumeLifecycleModes?.forEach((mode) => {
    if (!lifecycleModes.includes(mode)) errors.push(notSupported('spec.volumeLifecycleModes', mode, lifecycleModes));
  });
  const seconds = spec.nodeAllocatableUpdatePeriodSeconds;
  if (seconds !== undefined && seconds < updateSecondsMin) {
    const detail = `must be greater than or equal to ${updateSecondsMin} seconds`;
    errors.push(invalidValue('spec.nodeAllocatableUpdatePeriodSeconds', seconds, detail));
  }
  return errors;
}

function validateUpdate(next: V1CSIDriver, old: V1CSIDriver): FieldError[] {
  const errors = validate(next);
  validateUnchanged(next.spec?.attachRequired, old.spec?.attachRequired, 'spec.attachRequired', errors);
  validateUnchanged(next.spec?.volumeLifecycleModes, old.spec?.volumeLifecycleModes, 'spec.volumeLifecycleModes', errors);
  return errors;
}

const listed = (items: readonly string[], otherwise: string): string => (items.length === 0 ? otherwise : items.join(','));

export const csidrivers: KindDefinition<V1CSIDriver> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  resource: 'csidrivers',
  singular: 'csidriver',
  namespaced: false,
  schema: 'V1CSIDriver',
  hasGeneration: false,
  columns: [
    nameColumn,
    { name: 'AttachRequired', type: 'boolean', cell: ({ spec }) => spec?.attachRequired ?? true },
    { name: 'PodInfoOnMount', type: 'boolean', cell: ({ spec }) => spec?.podInfoOnMount ?? false },
    { name: 'StorageCapacity', type: 'boolean', cell: ({ spec }) => spec?.storageCapacity ?? false },
    {
      name: 'TokenRequests',
      type: 'string',
      cell: ({ spec }) =>
        listed(
          (spec?.tokenRequests ?? []).map(({ audience }) => audience),
          '<unset>',
        ),
    },
    { name: 'RequiresRepublish', type: 'boolean', cell: ({ spec }) => spec?.requiresRepublish ?? false },
    { name: 'Modes', type: 'string', cell: ({ spec }) => listed(spec?.volumeLifecycleModes ?? [], none) },
    ageColumn,
  ],
  setDefaults,
  validateCreate: validate,
  update: { validate: validateUpdate },
  deleteReturnsObject: true,
};
