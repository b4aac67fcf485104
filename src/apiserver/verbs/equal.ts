// Equality of JSON values: the order of keys says nothing, and an absent field is the same as undefined.

export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => jsonEqual(item, b[index]));
  }
  return fieldsEqual(a as Fields, b as Fields);
}

type Fields = Readonly<Record<string, unknown>>;

/** Equality of two objects but for some of their own fields. */
export function fieldsEqual(a: Fields, b: Fields, except: readonly string[] = []): boolean {
  for (const key of Object.keys(a)) if (!except.includes(key) && !jsonEqual(a[key], b[key])) return false;
  for (const key of Object.keys(b)) if (b[key] !== undefined && a[key] === undefined && !except.includes(key)) return false;
  return true;
}
