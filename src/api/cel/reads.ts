// Which names an expression reads: its variables, and those that its macros bind.
import type { Expr } from './ast.ts';

export function namesReadBy(tree: Expr): ReadonlySet<string> {
  const names = new Set<string>();
  collect(tree, names);
  return names;
}

/** Of a node, a list of them, or what holds one. */
function collect(part: unknown, names: Set<string>): void {
  if (typeof part !== 'object' || part === null) return;
  if (Array.isArray(part)) {
    for (const one of part) collect(one, names);
    return;
  }
  const { node, name } = part as { readonly node?: string; readonly name?: string };
  if (node === 'literal') return;
  if (node === 'ident' && name !== undefined) names.add(name);
  for (const member of Object.values(part)) collect(member, names);
}
