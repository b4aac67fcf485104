// Selectors of devices: CEL over what a driver says of a device. Loaded when the first device is published.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/device-class-v1/
import {
  boolType,
  type CelProgram,
  compileCel,
  dynType,
  LiteralMap,
  mapOf,
  objectOf,
  quantityType,
  stringType,
} from '../../api/cel/mod.ts';
import type { V1Device, V1DeviceAttribute, V1DeviceSelector } from '../../api/mod.ts';
import type { PoolDevice } from './devices.ts';

/** What one selector may spend on one device. Source: upstream's CELSelectorExpressionMaxCost. */
const costMax = 1_000_000;
/** Compiled expressions that are kept. */
const programsMax = 1_000;

const deviceType = objectOf('kubernetes.DRADevice', {
  driver: stringType,
  allowMultipleAllocations: boolType,
  attributes: mapOf(stringType, mapOf(stringType, dynType)),
  capacity: mapOf(stringType, mapOf(stringType, quantityType)),
});
const env = { variables: { device: deviceType } };
const text = { variables: { text: stringType } };
const toQuantity = compileCel('quantity(text)', text);
const toVersion = compileCel('semver(text)', text);

type CelMember = Parameters<LiteralMap['insert']>[1];

export type DeviceSelects = (selectors: readonly V1DeviceSelector[], device: PoolDevice) => boolean;

export function createDeviceSelects(): DeviceSelects {
  const programs = new Map<string, CelProgram>();
  // Devices are frozen: what a selector says of one holds as long as it stands.
  const answers = new WeakMap<V1Device, Map<string, boolean>>();
  const values = new WeakMap<V1Device, object>();
  const programOf = (expression: string): CelProgram => {
    const known = programs.get(expression);
    if (known) return known;
    const program = compileCel(expression, env, { resultType: boolType });
    if (programs.size >= programsMax) programs.clear();
    programs.set(expression, program);
    return program;
  };
  const answer = (expression: string, one: PoolDevice): boolean => {
    const known = answers.get(one.device) ?? new Map<string, boolean>();
    answers.set(one.device, known);
    const before = known.get(expression);
    if (before !== undefined) return before;
    const value = values.get(one.device) ?? celDevice(one);
    values.set(one.device, value);
    const result = programOf(expression).evaluate({ device: value }, { remaining: costMax }) === true;
    known.set(expression, result);
    return result;
  };
  return (selectors, device) => selectors.every(({ cel }) => cel === undefined || answer(cel.expression, device));
}

function celDevice({ driver, device }: PoolDevice): object {
  const attributes = Object.entries(device.attributes ?? {}).map(([name, attribute]) => [name, attributeOf(attribute)] as const);
  const capacity = Object.entries(device.capacity ?? {}).map(
    ([name, { value }]) => [name, toQuantity.evaluate({ text: value }, { remaining: costMax })] as const,
  );
  return {
    driver,
    allowMultipleAllocations: device.allowMultipleAllocations === true,
    attributes: byDomain(driver, attributes),
    capacity: byDomain(driver, capacity),
  };
}

function attributeOf({ bool, int, string, version, bools, ints, strings, versions }: V1DeviceAttribute): unknown {
  const versionOf = (one: string) => toVersion.evaluate({ text: one }, { remaining: costMax });
  if (int !== undefined) return BigInt(int);
  if (version !== undefined) return versionOf(version);
  return bool ?? string ?? bools ?? ints ?? strings ?? versions?.map(versionOf);
}

/** A name without a domain is the driver's own. */
function byDomain(driver: string, entries: readonly (readonly [string, unknown])[]): LiteralMap {
  const maps = new Map<string, LiteralMap>();
  for (const [name, value] of entries) {
    const slash = name.indexOf('/');
    const domain = slash < 0 ? driver : name.slice(0, slash);
    const map = maps.get(domain) ?? new LiteralMap();
    maps.set(domain, map);
    map.insert(slash < 0 ? name : name.slice(slash + 1), value as CelMember);
  }
  // Of a domain that the device does not know nothing is said, rather than that it fails.
  const domains = new LiteralMap(undefined, new LiteralMap());
  for (const [domain, map] of maps) domains.insert(domain, map);
  return domains;
}
