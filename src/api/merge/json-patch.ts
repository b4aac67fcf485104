// JSON patch. Source: RFC 6902, with what upstream's server answers where it departs from it: `replace` of a missing key
// sets it, and `test` of a missing path against null passes.

type Json = unknown;

/** More operations than this are refused before anything is applied. Source: upstream's limit on JSON patches. */
export const jsonPatchOperationsMax = 10_000;

/** A patch that cannot be read (`malformed`), has too many operations (`tooLarge`), or does not fit the document (`inapplicable`). */
export class PatchError extends Error {
  override readonly name = 'PatchError';
  readonly problem: 'malformed' | 'tooLarge' | 'inapplicable';
  constructor(problem: PatchError['problem'], message: string) {
    super(message);
    this.problem = problem;
  }
}

const operationNames = ['add', 'remove', 'replace', 'move', 'copy', 'test'] as const;
type OperationName = (typeof operationNames)[number];

interface Operation {
  readonly op: OperationName;
  readonly path: readonly string[];
  readonly from: readonly string[];
  readonly value: Json;
}

/** Applies every operation, or throws {@link PatchError} and applies none. Neither argument is changed. */
export function jsonPatch(document: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw new PatchError('malformed', 'a JSON patch is a list of operations');
  if (patch.length > jsonPatchOperationsMax) {
    throw new PatchError('tooLarge', `The allowed maximum operations in a JSON patch is ${jsonPatchOperationsMax}, got ${patch.length}`);
  }
  return patch.map(parseOperation).reduce(apply, document);
}

function parseOperation(raw: Json, index: number): Operation {
  const { op, path, from, value } = (typeof raw === 'object' && raw !== null ? raw : {}) as Record<string, Json>;
  if (!operationNames.includes(op as OperationName))
    throw new PatchError('malformed', `operation ${index}: unknown op ${JSON.stringify(op)}`);
  const hasValue = typeof raw === 'object' && raw !== null && Object.hasOwn(raw, 'value');
  if ((op === 'add' || op === 'replace') && !hasValue)
    throw new PatchError('inapplicable', `${op} operation does not apply: it has no value`);
  const needsFrom = op === 'move' || op === 'copy';
  return {
    op: op as OperationName,
    path: parsePointer(path, 'path', index),
    from: needsFrom ? parsePointer(from, 'from', index) : [],
    value: value ?? null,
  };
}

function parsePointer(raw: Json, name: string, index: number): readonly string[] {
  if (typeof raw !== 'string' || (raw !== '' && !raw.startsWith('/'))) {
    throw new PatchError('inapplicable', `operation ${index}: ${name} wants a JSON pointer, got ${JSON.stringify(raw)}`);
  }
  return raw
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const printPointer = (path: readonly string[]): string => path.map((part) => `/${part}`).join('');
const missing = (op: OperationName, path: readonly string[]): PatchError =>
  new PatchError('inapplicable', `${op} operation does not apply: doc is missing path: ${printPointer(path)}`);

function apply(document: Json, operation: Operation): Json {
  const { op, path, from, value } = operation;
  switch (op) {
    case 'add':
      return edit(document, path, op, (container, key) => insert(container, key, value, operation), value);
    case 'replace':
      return edit(document, path, op, (container, key) => replaceAt(container, key, value, operation), value);
    case 'remove':
      return edit(document, path, op, (container, key) => removeAt(container, key, operation), null);
    case 'move': {
      const moved = read(document, from);
      if (moved === undefined) throw missing(op, from);
      const without = edit(document, from, op, (container, key) => removeAt(container, key, operation), null);
      return edit(without, path, op, (container, key) => insert(container, key, moved, operation), moved);
    }
    case 'copy': {
      const copied = read(document, from);
      if (copied === undefined) throw missing(op, from);
      return edit(document, path, op, (container, key) => insert(container, key, copied, operation), copied);
    }
    case 'test':
      if (!equal(read(document, path) ?? null, value))
        throw new PatchError('inapplicable', `testing value ${printPointer(path)} failed: test failed`);
      return document;
  }
}

/** Gives the document with the container of `path` changed by `change`; the way there is copied, everything else shared. */
function edit(
  document: Json,
  path: readonly string[],
  op: OperationName,
  change: (container: Json, key: string) => Json,
  whole: Json,
  depth = 0,
): Json {
  const key = path[depth];
  if (key === undefined) return whole;
  if (depth === path.length - 1) return change(document, key);
  const child = read(document, [key]);
  if (typeof child !== 'object' || child === null) throw missing(op, path);
  const changed = edit(child, path, op, change, whole, depth + 1);
  if (Array.isArray(document)) return document.map((item: Json, i) => (String(i) === key ? changed : item));
  return withKey(document as Record<string, Json>, key, changed);
}

/** The value at a path; undefined when there is none. */
function read(document: Json, path: readonly string[]): Json {
  let at = document;
  for (const key of path) {
    if (Array.isArray(at)) at = at[arrayIndex(key, at.length - 1) ?? -1];
    else if (typeof at === 'object' && at !== null && Object.hasOwn(at, key)) at = (at as Record<string, Json>)[key];
    else return undefined;
  }
  return at;
}

/** An index from 0 to `max`, written without leading zeros. */
function arrayIndex(key: string, max: number): number | undefined {
  if (!/^(0|[1-9]\d*)$/.test(key)) return undefined;
  const index = Number(key);
  return index <= max ? index : undefined;
}

function insert(container: Json, key: string, value: Json, operation: Operation): Json {
  if (Array.isArray(container)) {
    const index = key === '-' ? container.length : arrayIndex(key, container.length);
    if (index === undefined)
      throw new PatchError('inapplicable', `add operation does not apply: ${printPointer(operation.path)}: invalid index`);
    return [...container.slice(0, index), value, ...container.slice(index)];
  }
  if (typeof container !== 'object' || container === null) throw missing(operation.op, operation.path);
  return withKey(container as Record<string, Json>, key, value);
}

function replaceAt(container: Json, key: string, value: Json, operation: Operation): Json {
  if (!Array.isArray(container)) return insert(container, key, value, operation);
  const index = arrayIndex(key, container.length - 1);
  if (index === undefined) throw missing(operation.op, operation.path);
  return container.map((item: Json, i) => (i === index ? value : item));
}

function removeAt(container: Json, key: string, operation: Operation): Json {
  const path = operation.op === 'move' ? operation.from : operation.path;
  if (Array.isArray(container)) {
    const index = arrayIndex(key, container.length - 1);
    if (index === undefined) throw missing(operation.op, path);
    return container.filter((_, i) => i !== index);
  }
  if (typeof container !== 'object' || container === null || !Object.hasOwn(container, key)) throw missing(operation.op, path);
  const { [key]: _removed, ...rest } = container as Record<string, Json>;
  return rest;
}

function withKey(container: Record<string, Json>, key: string, value: Json): Json {
  const next = { ...container };
  // A plain assignment would set the prototype where the key is `__proto__`.
  Object.defineProperty(next, key, { value, enumerable: true, configurable: true, writable: true });
  return next;
}

/** Equality of JSON values: the order of keys does not count. */
export function equal(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && equal((a as Record<string, Json>)[key], (b as Record<string, Json>)[key]));
}
