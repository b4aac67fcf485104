// Makes a parsed JSON tree conform to a schema: unknown fields go, nulls become what Go makes of them, scalars take their canonical form.
import { canonicalQuantity } from '../meta/quantity.ts';
import { formatTime, parseTime } from '../meta/time.ts';
import type { FieldSchema, ObjectSchema, ValueSchema } from '../schema/mod.ts';
import { base64Problem, goNumberText, goTimeProblem } from './go-text.ts';
import { ExactNumber, exactInteger, settleNumbers } from './json-exact.ts';

/** A value of the wrong type or form, in the words of Go's decoder: `json: cannot unmarshal string into Go struct field ...`. */
export class FieldDecodeError extends Error {
  override readonly name = 'FieldDecodeError';
}

/** A step of a path: a field's name, an item's index, or a map's key. */
type Step = string | number | { readonly key: string };

/** Collects what a strict decoder reports, and knows where the walk is. */
interface Walk {
  readonly path: Step[];
  /** The type whose fields are being read. */
  struct: ObjectSchema;
  readonly unknown: string[] | undefined;
  /** The tree may hold ExactNumbers. */
  readonly exact: boolean;
  keys: number;
}

export interface Conformed {
  readonly value: Record<string, unknown>;
  /** Paths of unknown fields, as written in errors (`spec.containers[0].foo`). Empty unless asked for. */
  readonly unknownFields: readonly string[];
  /** How many object keys the tree had, unknown ones included. */
  readonly keys: number;
}

export interface ConformOptions {
  /** Report the unknown fields, and count all keys. Default false. */
  readonly collectUnknown?: boolean;
  /** The tree comes from the exact parser and may hold ExactNumbers. Default false. */
  readonly exact?: boolean;
}

/**
 * Conforms `tree` (a parsed JSON object, private to the caller, changed in place) to `schema`. Unknown fields are
 * dropped; field names are case-sensitive. Throws FieldDecodeError.
 *
 * - A null field counts as absent; a null in a list or map becomes the zero value (`""`, `{}`).
 * - Optional lists and maps that are empty are dropped, as Go's `omitempty` does.
 * - Times are written in UTC, quantities in their canonical form (`1024Mi` is `1Gi`).
 * - Integers that a double cannot hold become bigints.
 */
export function conform(tree: Record<string, unknown>, schema: ObjectSchema, options: ConformOptions = {}): Conformed {
  const unknown: string[] | undefined = options.collectUnknown === true ? [] : undefined;
  const walk: Walk = { path: [], struct: schema, unknown, exact: options.exact === true, keys: 0 };
  const value = conformObject(tree, schema, walk);
  return { value, unknownFields: walk.unknown ?? [], keys: walk.keys };
}

/** Returns `tree`, or a new object where fields had to go: deleting keys would leave a slow object behind. */
function conformObject(tree: Record<string, unknown>, schema: ObjectSchema, walk: Walk): Record<string, unknown> {
  const { fields } = schema;
  const outer = walk.struct;
  const depth = walk.path.length;
  walk.struct = schema;
  let dropped: Set<string> | undefined;
  for (const key in tree) {
    walk.keys++;
    const field = fields.get(key);
    const old = tree[key];
    // Most fields are text that is fine as it stands.
    if (typeof old === 'string' && field?.kind === 'string') continue;
    walk.path[depth] = key;
    if (field === undefined) {
      walk.unknown?.push(pathText(walk.path));
      if (walk.unknown) walk.keys += countKeys(old);
    } else if (old !== null && old !== undefined) {
      const value = conformValue(old, field, walk);
      if (field.required || !isEmptyCollection(value, field)) {
        if (value !== old) tree[key] = value;
        continue;
      }
    }
    dropped ??= new Set();
    dropped.add(key);
  }
  walk.path.length = depth;
  walk.struct = outer;
  return dropped === undefined ? tree : without(tree, dropped);
}

function without(tree: Record<string, unknown>, dropped: ReadonlySet<string>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const key in tree) if (!dropped.has(key)) kept[key] = tree[key];
  return kept;
}

function isEmptyCollection(value: unknown, field: FieldSchema): boolean {
  // Sending no entries is how a client resets the ownership of fields.
  if (field.kind === 'array') return (value as unknown[]).length === 0 && field.name !== 'managedFields';
  if (field.kind !== 'map') return false;
  for (const _key in value as object) return false;
  return true;
}

/** How many keys the objects of a tree have. */
export function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return 0;
  let count = 0;
  if (Array.isArray(value)) for (const item of value) count += countKeys(item);
  else for (const key in value) count += 1 + countKeys((value as Record<string, unknown>)[key]);
  return count;
}

/** `value` is not null. */
function conformValue(value: unknown, schema: ValueSchema, walk: Walk): unknown {
  switch (schema.kind) {
    case 'string':
      return typeof value === 'string' ? value : wrongType(value, schema, walk);
    case 'object':
      if (!isPlainObject(value)) return wrongType(value, schema, walk);
      return conformObject(value, schema.object as ObjectSchema, walk);
    case 'array':
      return conformArray(value, schema, walk);
    case 'map':
      return conformMap(value, schema, walk);
    case 'boolean':
      return typeof value === 'boolean' ? value : wrongType(value, schema, walk);
    case 'integer':
      return conformInteger(value, schema, walk);
    case 'number':
      if (value instanceof ExactNumber) return Number(value.text);
      return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : wrongType(value, schema, walk);
    case 'int-or-string':
      return typeof value === 'string' ? value : conformInteger(value, { ...schema, format: 'int32' }, walk);
    case 'quantity':
      return conformQuantity(value);
    case 'time':
    case 'micro-time':
      return conformTime(value, schema, walk);
    case 'bytes':
      if (typeof value !== 'string') return wrongType(value, schema, walk);
      throwIf(base64Problem(value));
      return value;
    case 'any':
      if (walk.unknown) walk.keys += countKeys(value);
      return walk.exact ? settleNumbers(value) : value;
  }
}

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);

function throwIf(problem: string | undefined): void {
  if (problem !== undefined) throw new FieldDecodeError(problem);
}

function conformArray(value: unknown, schema: ValueSchema, walk: Walk): unknown {
  if (!Array.isArray(value)) return wrongType(value, schema, walk);
  const element = schema.element as ValueSchema;
  const depth = walk.path.length;
  for (let i = 0; i < value.length; i++) {
    const item: unknown = value[i];
    walk.path[depth] = i;
    const next = item === null ? zeroOf(element) : conformValue(item, element, walk);
    if (next !== item) value[i] = next;
  }
  walk.path.length = depth;
  return value;
}

function conformMap(value: unknown, schema: ValueSchema, walk: Walk): unknown {
  if (!isPlainObject(value)) return wrongType(value, schema, walk);
  const element = schema.element as ValueSchema;
  const isString = element.kind === 'string';
  const depth = walk.path.length;
  for (const key in value) {
    walk.keys++;
    const item = value[key];
    if (isString && typeof item === 'string') continue;
    walk.path[depth] = { key };
    const next = item === null || item === undefined ? zeroOf(element) : conformValue(item, element, walk);
    if (next !== item) value[key] = next;
  }
  walk.path.length = depth;
  return value;
}

/** What a null becomes inside a list or map. */
function zeroOf(schema: ValueSchema): unknown {
  switch (schema.kind) {
    case 'string':
    case 'bytes':
      return '';
    case 'integer':
    case 'number':
    case 'int-or-string':
      return 0;
    case 'boolean':
      return false;
    case 'quantity':
      return '0';
    case 'object':
    case 'map':
      return {};
    case 'array':
      return [];
    default:
      return null;
  }
}

const int32Max = 2 ** 31;
const decimalInteger = /^-?\d+$/;

function conformInteger(value: unknown, schema: ValueSchema, walk: Walk): unknown {
  if (typeof value === 'number') {
    if (schema.format === 'int32' ? value >= -int32Max && value < int32Max && Number.isInteger(value) : Number.isSafeInteger(value))
      return value;
  } else if (typeof value !== 'bigint' && !(value instanceof ExactNumber)) return wrongType(value, schema, walk);
  // `2.0` and `1e3` are no integers however they are meant.
  const text = numberText(value);
  const exact = decimalInteger.test(text) ? exactInteger(text) : undefined;
  if (exact === undefined || (schema.format === 'int32' && (exact < -int32Max || exact >= int32Max))) return wrongType(value, schema, walk);
  return exact;
}

const shortQuantity = /^[1-9]\d{0,2}(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?$/;

function conformQuantity(value: unknown): string {
  if (typeof value === 'string' && shortQuantity.test(value)) return value;
  const text =
    typeof value === 'string' ? value.trim() : typeof value === 'object' && !(value instanceof ExactNumber) ? '{}' : numberText(value);
  try {
    return canonicalQuantity(text);
  } catch (error) {
    throw new FieldDecodeError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

const canonicalTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

function conformTime(value: unknown, schema: ValueSchema, walk: Walk): unknown {
  if (typeof value !== 'string') return wrongType(value, schema, walk);
  const plain = schema.kind === 'time' && canonicalTime.test(value);
  if (!plain) throwIf(goTimeProblem(value, schema.kind === 'micro-time'));
  const ms = parseTime(value);
  if (ms === undefined)
    throw new FieldDecodeError(goTimeProblem(value, false) ?? `parsing time ${JSON.stringify(value)}: day out of range`);
  if (plain) return value;
  if (schema.kind === 'time') return formatTime(Math.floor(ms));
  // Six decimals are kept as they are written: a double of milliseconds is not that exact.
  return formatTime(Math.floor(ms)).replace('Z', `${value.slice(19, 26)}Z`);
}

const isNumber = (value: unknown): boolean => typeof value === 'number' || typeof value === 'bigint' || value instanceof ExactNumber;

/** How upstream's decoder names the kind of a JSON value. */
export function jsonKind(value: unknown): 'string' | 'bool' | 'number' | 'array' | 'object' {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (isNumber(value)) return 'number';
  return Array.isArray(value) ? 'array' : 'object';
}

/** The same for a value that did not fit; where an integer was wanted the number itself is told. */
const valueName = (value: unknown, into: ValueSchema): string =>
  isNumber(value) && (into.kind === 'integer' || into.kind === 'int-or-string') ? `number ${numberText(value)}` : jsonKind(value);

const numberText = (value: unknown): string =>
  value instanceof ExactNumber ? value.text : typeof value === 'number' ? goNumberText(value) : String(value);

function wrongType(value: unknown, into: ValueSchema, walk: Walk): never {
  const field = walk.path.filter((step) => typeof step === 'string').join('.');
  throw new FieldDecodeError(
    `json: cannot unmarshal ${valueName(value, into)} into Go struct field ${walk.struct.goName}.${field} of type ${into.goType}`,
  );
}

/** `spec.containers[0].foo`, `metadata.labels.a`. */
function pathText(path: readonly Step[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else {
      const name = typeof step === 'string' ? step : step.key;
      text += text === '' ? name : `.${name}`;
    }
  }
  return text;
}
