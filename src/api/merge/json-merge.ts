// JSON merge patch. Source: RFC 7386.

type Json = unknown;
type JsonMap = Readonly<Record<string, Json>>;

const isMap = (value: Json): value is JsonMap => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Gives the patched document. Neither argument is changed; what the patch does not touch is shared with `document`. */
export function mergePatch(document: Json, patch: Json): Json {
  if (!isMap(patch)) return patch;
  const base = isMap(document) ? document : {};
  const merged: Record<string, Json> = {};
  for (const key of Object.keys(base)) if (!Object.hasOwn(patch, key)) define(merged, key, base[key]);
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value !== null) define(merged, key, mergePatch(Object.hasOwn(base, key) ? base[key] : undefined, value));
  }
  return merged;
}

/** Sets an own property also where the key is `__proto__`. */
function define(target: Record<string, Json>, key: string, value: Json): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}
