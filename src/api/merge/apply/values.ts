// What the parts of server-side apply share about plain JSON values.

export type JsonMap = Readonly<Record<string, unknown>>;

export const isMap = (value: unknown): value is JsonMap => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A label may be called `constructor`: what objects inherit is no field. */
export const ownValue = (map: JsonMap, key: string): unknown => (Object.hasOwn(map, key) ? map[key] : undefined);

/** Absent and null are one: JSON shows neither. */
export const isNothing = (value: unknown): value is null | undefined => value === undefined || value === null;

/** True for null, {} and []. */
export function isHollow(value: unknown): boolean {
  if (isNothing(value)) return true;
  if (typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value) return false;
  return true;
}

/** Zero, as a field that is always there has it when nobody has set it. */
export const isZero = (value: unknown): boolean => value === '' || value === 0 || value === false || isHollow(value);

/** Equality of leaves: the order of keys says nothing. */
export function equalValues(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return isNothing(a) && isNothing(b);
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => equalValues(item, b[i]));
  if (Array.isArray(b)) return false;
  for (const key in a) if (!equalValues((a as JsonMap)[key], ownValue(b as JsonMap, key))) return false;
  for (const key in b) if (ownValue(a as JsonMap, key) === undefined && !isNothing((b as JsonMap)[key])) return false;
  return true;
}
