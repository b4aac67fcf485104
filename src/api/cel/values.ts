// The values that expressions work with. Booleans, strings and null are JavaScript's own, an int is a bigint, a double a number, bytes a Uint8Array.
// JSON is never converted as a whole: lists and maps look at it through the declared type, item by item.
import { CelEvaluationError } from './errors.ts';
import { escapeName } from './names.ts';
import { durationText, parseDuration, parseTimestamp, timestampText } from './time.ts';
import { type CelField, type CelListType, type CelObjectType, type CelType, dynType, runtimeTypeName } from './types.ts';

/** An error on its way through an expression: `||` and `&&` may still absorb it. */
export class Failure {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

export const noSuchOverload = new Failure('no such overload');
export const noSuchKey = (key: string): Failure => new Failure(`no such key: ${key}`);

/** An unsigned 64-bit integer. */
export class CelUint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

export class CelDuration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class CelTimestamp {
  /** Since 1970. */
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** What `type(x)` answers, and what `int`, `string`, ... are as values. */
export class CelTypeValue {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export class CelOptional {
  /** Undefined: it holds none. */
  readonly value: CelValue | undefined;
  constructor(value: CelValue | undefined) {
    this.value = value;
  }
}

export const noneOptional = new CelOptional(undefined);

/** A value that only functions look into: a quantity, an address, ... */
export interface CelOpaque {
  readonly opaqueType: string;
  /** What `size` would count, where that matters for costs. */
  readonly size?: number;
  equals(other: CelOpaque): boolean;
}

/** A value that is computed when somebody asks for it, once. Its CelEvaluationError is an error of the asking expression. */
export class CelLazy {
  readonly #compute: () => unknown;
  #result: { readonly value: unknown } | undefined;

  constructor(compute: () => unknown) {
    this.#compute = compute;
  }

  get(): unknown {
    this.#result ??= { value: this.#try() };
    return this.#result.value;
  }

  #try(): unknown {
    try {
      return this.#compute();
    } catch (error) {
      if (error instanceof CelEvaluationError) return new Failure(error.message);
      throw error;
    }
  }
}

export type CelMap = JsonMap | JsonObject | LiteralMap;

export type CelValue =
  | boolean
  | bigint
  | number
  | string
  | null
  | Uint8Array
  | CelUint
  | CelDuration
  | CelTimestamp
  | CelTypeValue
  | CelOptional
  | CelList
  | CelMap
  | CelOpaque;

export type Result = CelValue | Failure;

export class CelList {
  /** Values, or JSON that `element` describes. */
  readonly items: readonly unknown[];
  readonly element: CelType | undefined;
  readonly #order: Pick<CelListType, 'listType' | 'mapKeys'> | undefined;
  /** Set while a macro is still making the list, and nobody else holds it: then it may be added to in place. */
  growing: unknown[] | undefined;

  constructor(items: readonly unknown[], element?: CelType, order?: Pick<CelListType, 'listType' | 'mapKeys'>) {
    this.items = items;
    this.element = element;
    this.#order = order;
  }

  get size(): number {
    return this.items.length;
  }

  /** `index` must be within the list. */
  at(index: number): Result {
    const item = this.items[index];
    return this.element === undefined ? (item as Result) : lookAt(item, this.element);
  }

  get order(): Pick<CelListType, 'listType' | 'mapKeys'> | undefined {
    return this.#order;
  }
}

/** Comparisons made and keys counted since somebody last asked: work that the values' own sizes do not show, and that is charged all the same. */
let worked = 0;

export const addWork = (units: number): void => {
  worked += units;
};

export function takeWork(): number {
  const units = worked;
  worked = 0;
  return units;
}

/** The keys of the objects that the present evaluation has gone through: asking a large one for them takes long. */
const knownKeys = new Map<object, readonly string[]>();

/** Objects may have changed when the next evaluation begins. */
export function forgetKeys(): void {
  if (knownKeys.size > 0) knownKeys.clear();
}

function keysOf(source: Readonly<Record<string, unknown>>): readonly string[] {
  const known = knownKeys.get(source);
  if (known !== undefined) return known;
  const keys = Object.keys(source).filter((key) => source[key] !== undefined);
  worked += keys.length;
  knownKeys.set(source, keys);
  return keys;
}

export class JsonMap {
  readonly source: Readonly<Record<string, unknown>>;
  readonly valueType: CelType;

  constructor(source: Readonly<Record<string, unknown>>, valueType: CelType) {
    this.source = source;
    this.valueType = valueType;
  }

  get size(): number {
    return keysOf(this.source).length;
  }

  keys(): readonly CelValue[] {
    return keysOf(this.source);
  }

  get(key: CelValue): Result | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.source, key)) return undefined;
    const value = this.source[key];
    return value === undefined ? undefined : lookAt(value, this.valueType);
  }
}

/** The field that an expression's name means: the escaped one, or for a keyword the plain one. */
export const fieldOf = (type: CelObjectType, name: string): CelField | undefined =>
  type.fields.get(name) ?? type.fields.get(escapeName(name) ?? name);

export class JsonObject {
  readonly source: Readonly<Record<string, unknown>>;
  readonly type: CelObjectType;

  constructor(source: Readonly<Record<string, unknown>>, type: CelObjectType) {
    this.source = source;
    this.type = type;
  }

  get size(): number {
    return keysOf(this.source).length;
  }

  /** As in JSON: fields that the type does not declare count when objects are compared. */
  keys(): readonly CelValue[] {
    return keysOf(this.source);
  }

  get(key: CelValue): Result | undefined {
    if (typeof key !== 'string') return undefined;
    const field = fieldOf(this.type, key);
    if (field === undefined || !Object.hasOwn(this.source, field.jsonName)) return undefined;
    const value = this.source[field.jsonName];
    return value === undefined ? undefined : lookAt(value, field.type);
  }

  /** Whatever stands in JSON under this name, declared or not. */
  getJson(jsonName: string): Result | undefined {
    if (!Object.hasOwn(this.source, jsonName) || this.source[jsonName] === undefined) return undefined;
    const escaped = escapeName(jsonName);
    const field = escaped === undefined ? undefined : this.type.fields.get(escaped);
    return lookAt(this.source[jsonName], field?.type ?? dynType);
  }
}

/** Numbers that are equal are the same key, whatever their types; undefined for what cannot be a key. */
export function keyTextOf(key: CelValue): string | undefined {
  switch (typeof key) {
    case 'string':
      return `s${key}`;
    case 'boolean':
      return `b${key}`;
    case 'bigint':
      return `n${key}`;
    case 'number':
      return Number.isInteger(key) ? `n${BigInt(key)}` : undefined;
    default:
      return key instanceof CelUint ? `n${key.value}` : undefined;
  }
}

/** A map that an expression wrote. */
export class LiteralMap {
  readonly entries = new Map<string, { readonly key: CelValue; readonly value: CelValue }>();
  /** Set when the map is a message of this type. */
  readonly typeName: string | undefined;
  /** What stands for every key that is not there; undefined: nothing does. */
  readonly otherwise: CelValue | undefined;

  constructor(typeName?: string, otherwise?: CelValue) {
    this.typeName = typeName;
    this.otherwise = otherwise;
  }

  get size(): number {
    return this.entries.size;
  }

  keys(): readonly CelValue[] {
    worked += this.entries.size;
    return Array.from(this.entries.values(), ({ key }) => key);
  }

  get(key: CelValue): CelValue | undefined {
    const text = keyTextOf(key);
    return text === undefined ? undefined : (this.entries.get(text)?.value ?? this.otherwise);
  }

  /** Adds an entry; answers why it cannot be one. */
  insert(key: CelValue, value: CelValue): Failure | undefined {
    const text = keyTextOf(key);
    if (text === undefined || typeof key === 'number') return new Failure(`unsupported key type: ${typeNameOf(key)}`);
    if (this.entries.has(text)) return new Failure(`insert failed: key ${keyLabel(key)} already exists`);
    this.entries.set(text, { key, value });
    return undefined;
  }
}

export const isMap = (value: unknown): value is CelMap =>
  value instanceof JsonMap || value instanceof JsonObject || value instanceof LiteralMap;

export const isOpaque = (value: unknown): value is CelOpaque => typeof value === 'object' && value !== null && 'opaqueType' in value;

/** A key as messages write it. */
export const keyLabel = (key: CelValue): string =>
  key instanceof CelUint ? String(key.value) : key === null || typeof key === 'object' ? typeNameOf(key) : String(key);

export function typeNameOf(value: CelValue): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
  }
  if (value === null) return 'null_type';
  if (value instanceof CelList) return 'list';
  if (value instanceof JsonMap) return 'map';
  if (value instanceof JsonObject) return value.type.name;
  if (value instanceof LiteralMap) return value.typeName ?? 'map';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof CelUint) return 'uint';
  if (value instanceof CelDuration) return 'google.protobuf.Duration';
  if (value instanceof CelTimestamp) return 'google.protobuf.Timestamp';
  if (value instanceof CelTypeValue) return 'type';
  if (value instanceof CelOptional) return 'optional_type';
  return value.opaqueType;
}

const isValueObject = (value: object): value is CelValue & object =>
  value instanceof CelList ||
  isMap(value) ||
  value instanceof Uint8Array ||
  value instanceof CelUint ||
  value instanceof CelDuration ||
  value instanceof CelTimestamp ||
  value instanceof CelTypeValue ||
  value instanceof CelOptional ||
  isOpaque(value);

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;
export const isInt64 = (value: bigint): boolean => value >= int64Min && value <= int64Max;

/** A JSON number without a declared type is an int when it is whole, as upstream's decoder has it. */
function numberOf(json: number): CelValue {
  if (!Number.isInteger(json)) return json;
  const whole = BigInt(json);
  return isInt64(whole) ? whole : json;
}

const wrong = (wanted: string, json: unknown): Failure =>
  new Failure(`invalid data, expected ${wanted}, got ${json === null ? 'null' : Array.isArray(json) ? 'a list' : typeof json}`);

function stringFormValue(json: unknown, kind: 'bytes' | 'duration' | 'timestamp'): Result {
  if (typeof json !== 'string') return wrong('string', json);
  if (kind === 'bytes') {
    const bytes = new Uint8Array(Buffer.from(json, 'base64'));
    const canonical = /^[A-Za-z0-9+/]*={0,2}$/.test(json) && json.length % 4 === 0;
    return canonical ? bytes : new Failure(`Invalid byte formatted string ${json}: illegal base64 data`);
  }
  if (kind === 'duration') {
    const nanos = parseDuration(json);
    return nanos === undefined ? new Failure(`Invalid duration ${json}: unable to parse ${json} as duration`) : new CelDuration(nanos);
  }
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test(json);
  const nanos = parseTimestamp(isDate ? `${json}T00:00:00Z` : json);
  return nanos === undefined ? new Failure(`Invalid date-time formatted string ${json}`) : new CelTimestamp(nanos);
}

function structuredValue(json: object, type: CelType): Result {
  if (Array.isArray(json)) {
    if (type.kind === 'list') return new CelList(json, type.element, type.listType === undefined ? undefined : type);
    return type.kind === 'dyn' ? new CelList(json, dynType) : wrong(runtimeTypeName(type), json);
  }
  const source = json as Readonly<Record<string, unknown>>;
  if (type.kind === 'object') return new JsonObject(source, type);
  if (type.kind === 'map') return new JsonMap(source, type.value);
  return type.kind === 'dyn' ? new JsonMap(source, dynType) : wrong(runtimeTypeName(type), json);
}

function optionalLook(json: unknown, type: CelType): Result {
  const value = lookAt(json, type);
  return value instanceof Failure ? value : new CelOptional(value);
}

/** Looks at JSON (or a value) as `type` says. What does not fit is a failure, not an exception. */
export function lookAt(json: unknown, type: CelType): Result {
  if (type.kind === 'optional') return json instanceof CelOptional ? json : optionalLook(json, type.value);
  if (json === null) return null;
  switch (typeof json) {
    case 'string':
      if (type.kind === 'bytes' || type.kind === 'duration' || type.kind === 'timestamp') return stringFormValue(json, type.kind);
      return type.kind === 'string' || type.kind === 'dyn' ? json : wrong(runtimeTypeName(type), json);
    case 'boolean':
      return type.kind === 'bool' || type.kind === 'dyn' ? json : wrong(runtimeTypeName(type), json);
    case 'number':
      if (type.kind === 'double') return json;
      if (type.kind === 'int') return Number.isInteger(json) ? BigInt(json) : wrong('int', json);
      if (type.kind === 'uint') return Number.isInteger(json) && json >= 0 ? new CelUint(BigInt(json)) : wrong('uint', json);
      return type.kind === 'dyn' ? numberOf(json) : wrong(runtimeTypeName(type), json);
    case 'bigint':
      return type.kind === 'double' ? Number(json) : json;
    case 'object':
      if (json instanceof CelLazy) return lookAt(json.get(), type);
      if (json instanceof Failure) return json;
      return isValueObject(json) ? json : structuredValue(json, type);
    default:
      return wrong(runtimeTypeName(type), json);
  }
}

/** The value as JSON: what a mutation, an audit annotation or a parameter takes. Undefined when JSON has no such value. */
export function celToJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof CelUint) return celToJson(value.value);
  if (value instanceof CelTimestamp) return timestampText(value.nanos);
  if (value instanceof CelDuration) return durationText(value.nanos);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof CelOptional) return value.value === undefined ? undefined : celToJson(value.value);
  if (value instanceof CelList) return value.items.map((_, index) => celToJson(value.at(index)));
  if (value instanceof JsonMap || value instanceof JsonObject) return value.source;
  if (value instanceof LiteralMap) {
    const json: Record<string, unknown> = {};
    for (const { key, value: item } of value.entries.values()) {
      Object.defineProperty(json, keyLabel(key), { value: celToJson(item), enumerable: true, writable: true, configurable: true });
    }
    return json;
  }
  return undefined;
}
