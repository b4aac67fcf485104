// ResourceSlice: devices that a driver offers, on one node or to several.
import type { V1Device, V1DeviceAttribute, V1ResourceSlice, V1ResourceSliceSpec } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { validateDriverName, validateName, validateQuantity, validateUnchanged } from '../meta/field-checks.ts';
import { duplicate, type FieldError, invalidValue, notSupported, required, tooMany } from '../meta/field-error.ts';
import { byteLength, dnsLabelProblems, dnsSubdomainProblems, labelValueProblems, qualifiedNameProblems } from '../meta/names.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { validateEach } from './device-claim.ts';
import { validatePoolName } from './resource-claim.ts';

const devicesMax = 128;
const propertiesMax = 32;
const taintsMax = 16;
const counterSetsMax = 8;
const attributeTextMax = 64;
const taintEffects = ['NoExecute', 'NoSchedule', 'None'];
const semver = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;

function validateAttribute(attribute: V1DeviceAttribute, path: string, errors: FieldError[]): void {
  const set = Object.entries(attribute).filter(([, value]) => value !== undefined);
  if (set.length === 0) errors.push(required(path, 'exactly one value must be specified'));
  else if (set.length > 1) errors.push(invalidValue(path, attribute, 'exactly one value must be specified'));
  const { string, version } = attribute;
  if (string !== undefined && byteLength(string) > attributeTextMax) {
    errors.push(invalidValue(`${path}.string`, string, `must be no more than ${attributeTextMax} bytes`));
  }
  if (version !== undefined && !semver.test(version)) {
    errors.push(invalidValue(`${path}.version`, version, 'must be a string compatible with semver.org spec 2.0.0'));
  }
}

function validateDevice(device: V1Device, path: string, errors: FieldError[]): void {
  validateName(device.name, dnsLabelProblems, `${path}.name`, errors);
  const [attributes, capacity] = [Object.entries(device.attributes ?? {}), Object.entries(device.capacity ?? {})];
  if (attributes.length + capacity.length > propertiesMax) {
    const count = attributes.length + capacity.length;
    errors.push(invalidValue(path, count, `the total number of attributes and capacities must not exceed ${propertiesMax}`));
  }
  for (const [name, attribute] of attributes) validateAttribute(attribute, `${path}.attributes[${name}]`, errors);
  for (const [name, { value }] of capacity) validateQuantity(value, `${path}.capacity[${name}].value`, errors, 'any');
  validateEach(device.taints, taintsMax, `${path}.taints`, errors, ({ key = '', value = '', effect = '' }, at) => {
    addProblems(errors, `${at}.key`, key, qualifiedNameProblems(key));
    if (value !== '') addProblems(errors, `${at}.value`, value, labelValueProblems(value));
    if (effect === '') errors.push(required(`${at}.effect`));
    else if (!taintEffects.includes(effect)) errors.push(notSupported(`${at}.effect`, effect, taintEffects));
  });
}

const placements = ['nodeName', 'nodeSelector', 'allNodes', 'perDeviceNodeSelection'] as const;

function validatePlacement(spec: Partial<V1ResourceSliceSpec>, errors: FieldError[]): void {
  const set = placements.filter((field) => spec[field] !== undefined && spec[field] !== false && spec[field] !== '');
  const one = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  if (set.length === 0) errors.push(required('spec', one));
  else if (set.length > 1)
    errors.push(invalidValue('spec', `{${set.map((field) => `\`${field}\``).join(', ')}}`, `${one}, but multiple fields are set`));
  if (spec.nodeName) addProblems(errors, 'spec.nodeName', spec.nodeName, dnsSubdomainProblems(spec.nodeName));
  if (spec.nodeSelector !== undefined && spec.nodeSelector.nodeSelectorTerms?.length !== 1) {
    errors.push(
      invalidValue('spec.nodeSelector.nodeSelectorTerms', spec.nodeSelector.nodeSelectorTerms, 'must have exactly one node selector term'),
    );
  }
}

function validate(slice: V1ResourceSlice): FieldError[] {
  const errors: FieldError[] = [];
  const spec: Partial<V1ResourceSliceSpec> = slice.spec ?? {};
  validateDriverName(spec.driver ?? '', 'spec.driver', errors);
  const { name: pool = '', generation = 0, resourceSliceCount: count = 0 } = spec.pool ?? {};
  validatePoolName(pool, 'spec.pool.name', errors);
  if (count <= 0) errors.push(invalidValue('spec.pool.resourceSliceCount', count, 'must be greater than zero'));
  if (generation < 0) errors.push(invalidValue('spec.pool.generation', generation, 'must be greater than or equal to zero'));
  validatePlacement(spec, errors);
  const names = new Set<string>();
  validateEach(spec.devices, devicesMax, 'spec.devices', errors, (device, at) => {
    validateDevice(device, at, errors);
    if (names.has(device.name)) errors.push(duplicate(`${at}.name`, device.name));
    names.add(device.name);
  });
  const sets = spec.sharedCounters ?? [];
  if (sets.length > counterSetsMax) errors.push(tooMany('spec.sharedCounters', sets.length, counterSetsMax));
  if (sets.length > 0 && (spec.devices ?? []).length > 0) {
    errors.push(invalidValue('spec', '', 'only one of `sharedCounters` or `devices` is allowed'));
  }
  sets.forEach(({ name, counters }, i) => {
    const at = `spec.sharedCounters[${i}]`;
    validateName(name, dnsLabelProblems, `${at}.name`, errors);
    if (Object.keys(counters ?? {}).length === 0) errors.push(required(`${at}.counters`));
    for (const [counter, { value }] of Object.entries(counters ?? {}))
      validateQuantity(value, `${at}.counters[${counter}].value`, errors, 'any');
  });
  return errors;
}

function validateUpdate(next: V1ResourceSlice, old: V1ResourceSlice): FieldError[] {
  const errors = validate(next);
  validateUnchanged(next.spec?.nodeName, old.spec?.nodeName, 'spec.nodeName', errors);
  validateUnchanged(next.spec?.driver, old.spec?.driver, 'spec.driver', errors);
  validateUnchanged(next.spec?.pool?.name, old.spec?.pool?.name, 'spec.pool.name', errors);
  return errors;
}

export const resourceslices: KindDefinition<V1ResourceSlice> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceSlice',
  resource: 'resourceslices',
  singular: 'resourceslice',
  namespaced: false,
  schema: 'V1ResourceSlice',
  hasGeneration: true,
  columns: [
    nameColumn,
    { name: 'Node', type: 'string', cell: ({ spec }) => spec?.nodeName ?? '' },
    { name: 'Driver', type: 'string', cell: ({ spec }) => spec?.driver ?? '' },
    { name: 'Pool', type: 'string', cell: ({ spec }) => spec?.pool?.name ?? '' },
    ageColumn,
  ],
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.driver': ({ spec }) => spec?.driver ?? '',
  },
  prepareCreate: (draft, { nowTime }) => {
    for (const device of draft.spec?.devices ?? []) for (const taint of device.taints ?? []) taint.timeAdded ??= nowTime;
  },
  validateCreate: validate,
  update: {
    prepare: (draft, _old, { nowTime }) => {
      for (const device of draft.spec?.devices ?? []) for (const taint of device.taints ?? []) taint.timeAdded ??= nowTime;
    },
    validate: validateUpdate,
  },
  deleteReturnsObject: true,
};
