// The JSONPaths that definitions of custom resources use: of columns, selectable fields and the scale subresource.
// Source: https://kubernetes.io/docs/reference/kubectl/jsonpath/ (fields, quoted fields, indexes, wildcards, and filters by equality)

/** A step: a field, an index (from the end when negative), everything, or the items whose field has a value. */
type Step =
  | { readonly is: 'field'; readonly name: string }
  | { readonly is: 'index'; readonly index: number }
  | { readonly is: 'all' }
  | { readonly is: 'filter'; readonly path: readonly Step[]; readonly equal: boolean; readonly value: unknown };

export type JsonPath = readonly Step[];

export class JsonPathError extends Error {
  override readonly name = 'JsonPathError';
}

const field = /^\.?([A-Za-z0-9_\-$/]|\\.)+/;
const quoted = /^\.?\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]/;
const index = /^\.?\[\s*(-?\d+)\s*\]/;
const wildcard = /^(?:\.?\[\s*\*\s*\]|\.\*)/;
const filter = /^\.?\[\s*\?\(\s*@((?:[^=!<>)]|\\.)+?)\s*(==|!=)\s*(?:'([^']*)'|"([^"]*)"|([^)'"\s]+))\s*\)\s*\]/;
const stepsMax = 100;

const unescaped = (text: string): string => text.replace(/\\(.)/g, '$1');

/** Reads `.spec.items[0].name`, with or without braces around it. Throws JsonPathError. */
export function parseJsonPath(text: string): JsonPath {
  const inner = /^\{(.*)\}$/s.exec(text.trim())?.[1] ?? text.trim();
  const steps: Step[] = [];
  for (let rest = inner; rest !== '' && rest !== '.'; ) {
    const found = stepAt(rest);
    if (!found || steps.length === stepsMax)
      throw new JsonPathError(`unrecognized character in JSONPath ${JSON.stringify(text)} at ${JSON.stringify(rest)}`);
    steps.push(found.step);
    rest = rest.slice(found.length);
  }
  return steps;
}

function stepAt(text: string): { readonly step: Step; readonly length: number } | undefined {
  const all = wildcard.exec(text);
  if (all) return { step: { is: 'all' }, length: all[0].length };
  const named = field.exec(text);
  if (named) return { step: { is: 'field', name: unescaped(named[0].replace(/^\./, '')) }, length: named[0].length };
  const inQuotes = quoted.exec(text);
  if (inQuotes) return { step: { is: 'field', name: unescaped(inQuotes[1] ?? inQuotes[2] ?? '') }, length: inQuotes[0].length };
  const at = index.exec(text);
  if (at) return { step: { is: 'index', index: Number(at[1]) }, length: at[0].length };
  const by = filter.exec(text);
  if (!by) return undefined;
  const value = by[3] ?? by[4] ?? literal(by[5] ?? '');
  return { step: { is: 'filter', path: parseJsonPath(by[1] ?? ''), equal: by[2] === '==', value }, length: by[0].length };
}

function literal(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return Number.isNaN(Number(text)) ? text : Number(text);
}

/** Every value that the path leads to, in order. What is not there is left out. */
export function findValues(root: unknown, path: JsonPath): readonly unknown[] {
  let values: readonly unknown[] = [root];
  for (const step of path) values = values.flatMap((value) => follow(value, step));
  return values;
}

/** The value of a path without wildcards and filters. */
export const findValue = (root: unknown, path: JsonPath): unknown => findValues(root, path)[0];

function follow(value: unknown, step: Step): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  switch (step.is) {
    case 'field':
      return Object.hasOwn(value, step.name) ? [(value as Record<string, unknown>)[step.name]] : [];
    case 'index': {
      const item = Array.isArray(value) ? value.at(step.index) : undefined;
      return item === undefined ? [] : [item];
    }
    case 'all':
      return Array.isArray(value) ? value : Object.values(value);
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => (findValue(item, step.path) === step.value) === step.equal) : [];
  }
}

/** Sets the value of a path of plain fields, making the objects on the way. */
export function setValue(root: Record<string, unknown>, path: JsonPath, value: unknown): void {
  let at = root;
  for (const [depth, step] of path.entries()) {
    if (step.is !== 'field' || step.name === '__proto__') throw new JsonPathError('only a path of plain fields can be written');
    if (depth === path.length - 1) {
      at[step.name] = value;
      return;
    }
    const next = Object.hasOwn(at, step.name) ? at[step.name] : undefined;
    if (typeof next === 'object' && next !== null) at = next as Record<string, unknown>;
    else {
      const made: Record<string, unknown> = {};
      at[step.name] = made;
      at = made;
    }
  }
}
