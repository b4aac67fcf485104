// Equality and order of values: numbers compare across their types, everything else with its own kind.
import {
  addWork,
  CelDuration,
  CelList,
  type CelMap,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  Failure,
  isMap,
  isOpaque,
  JsonObject,
  keyTextOf,
  noSuchOverload,
  type Result,
} from './values.ts';

const numeric = (value: CelValue): bigint | number | undefined =>
  typeof value === 'bigint' || typeof value === 'number' ? value : value instanceof CelUint ? value.value : undefined;

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Math.sign(Buffer.compare(a, b));
}

/** By code points, as bytes of UTF-8 sort; surrogates come after what they must precede, so that plain `<` is right only without them. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const highX = x >= 0xd800 && x <= 0xdfff;
    const highY = y >= 0xd800 && y <= 0xdfff;
    if (highX !== highY) return highX ? 1 : -1;
    return x < y ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

/** -1, 0 or 1; undefined where nothing is in order (NaN); a failure for types that have no order. */
export function compareValues(a: CelValue, b: CelValue): number | undefined | Failure {
  const x = numeric(a);
  const y = numeric(b);
  if (x !== undefined && y !== undefined) {
    if (Number.isNaN(x) || Number.isNaN(y)) return undefined;
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof CelTimestamp && b instanceof CelTimestamp) return a.nanos < b.nanos ? -1 : Number(a.nanos > b.nanos);
  if (a instanceof CelDuration && b instanceof CelDuration) return a.nanos < b.nanos ? -1 : Number(a.nanos > b.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  return noSuchOverload;
}

/** The key by which items of a `set` or `map` list are the same; undefined when the item has none. */
export function itemKey(item: Result, order: CelList['order']): string | undefined {
  if (item instanceof Failure || item === null) return undefined;
  if (order?.listType !== 'map') return keyTextOf(item) ?? (typeof item === 'number' ? `d${item}` : undefined);
  if (!isMap(item)) return undefined;
  const parts = (order.mapKeys ?? []).map((name) => {
    const value = item instanceof JsonObject ? item.getJson(name) : item.get(name);
    return value === undefined || value === null || value instanceof Failure ? null : (keyTextOf(value) ?? null);
  });
  return JSON.stringify(parts);
}

/** Equal, without regard to order: each item of one has its like in the other. */
function unorderedEqual(a: CelList, b: CelList): boolean | Failure {
  const byKey = new Map<string, Result>();
  for (let i = 0; i < a.size; i++) byKey.set(itemKey(a.at(i), a.order) ?? '', a.at(i));
  for (let i = 0; i < b.size; i++) {
    const item = b.at(i);
    const like = byKey.get(itemKey(item, a.order) ?? '');
    if (like === undefined) return false;
    const equal = equalResults(like, item);
    if (equal !== true) return equal;
  }
  return true;
}

function listsEqual(a: CelList, b: CelList): boolean | Failure {
  if (a.size !== b.size) return false;
  if (a.items === b.items && a.element === b.element) return true;
  if (a.order !== undefined) return unorderedEqual(a, b);
  for (let i = 0; i < a.size; i++) {
    const equal = equalResults(a.at(i), b.at(i));
    if (equal !== true) return equal;
  }
  return true;
}

const entryOf = (map: CelMap, key: CelValue): Result | undefined =>
  map instanceof JsonObject && typeof key === 'string' ? map.getJson(key) : map.get(key);

function mapsEqual(a: CelMap, b: CelMap): boolean | Failure {
  const keys = a.keys();
  if (keys.length !== b.keys().length) return false;
  for (const key of keys) {
    const x = entryOf(a, key);
    const y = entryOf(b, key);
    if (x === undefined || y === undefined) return false;
    const equal = equalResults(x, y);
    if (equal !== true) return equal;
  }
  return true;
}

function equalResults(a: Result, b: Result): boolean | Failure {
  if (a instanceof Failure) return a;
  return b instanceof Failure ? b : equalValues(a, b);
}

/** `==`: values of different kinds are not equal. A failure when an item cannot be looked at. */
export function equalValues(a: CelValue, b: CelValue): boolean | Failure {
  addWork(1);
  if (a === b) return true;
  if (typeof a === 'string' || typeof a === 'boolean' || a === null || b === null) return false;
  const x = numeric(a);
  if (x !== undefined) {
    const y = numeric(b);
    // biome-ignore lint/suspicious/noDoubleEquals: an int and a double are equal when the numbers are.
    return y !== undefined && x == y;
  }
  if (a instanceof CelList) return b instanceof CelList && listsEqual(a, b);
  if (isMap(a)) return isMap(b) && mapsEqual(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && compareBytes(a, b) === 0;
  if (a instanceof CelDuration) return b instanceof CelDuration && a.nanos === b.nanos;
  if (a instanceof CelTimestamp) return b instanceof CelTimestamp && a.nanos === b.nanos;
  if (a instanceof CelTypeValue) return b instanceof CelTypeValue && a.name === b.name;
  if (a instanceof CelOptional) {
    if (!(b instanceof CelOptional)) return false;
    return a.value === undefined || b.value === undefined ? a.value === b.value : equalValues(a.value, b.value);
  }
  return isOpaque(a) && isOpaque(b) && a.opaqueType === b.opaqueType && a.equals(b);
}

/** Whether the list has an item equal to `value`; items that cannot be looked at only count when none is. */
export function listContains(list: CelList, value: CelValue): boolean | Failure {
  let failure: Failure | undefined;
  for (let i = 0; i < list.size; i++) {
    const equal = equalResults(list.at(i), value);
    if (equal === true) return true;
    if (equal instanceof Failure) failure ??= equal;
  }
  return failure ?? false;
}
