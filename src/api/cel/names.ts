// How the name of a JSON field is written as an identifier of CEL.
// Source: https://kubernetes.io/docs/reference/using-api/cel/#escaping

const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);

const escapes: Readonly<Record<string, string>> = { __: '__underscores__', '.': '__dot__', '-': '__dash__', '/': '__slash__' };

/** `a-b` as `a__dash__b`, `namespace` as `__namespace__`; undefined for a name that CEL cannot reach (`2x`, `a b`, `$ref`). */
export function escapeName(name: string): string | undefined {
  if (reserved.has(name)) return `__${name}__`;
  if (!/^[a-zA-Z_./-][a-zA-Z0-9_./-]*$/.test(name)) return undefined;
  return name.replace(/__|[-./]/g, (found) => escapes[found] ?? found);
}
