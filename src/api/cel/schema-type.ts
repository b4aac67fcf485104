// Structural schemas as CEL types, with the sizes that the estimate of costs goes by.
// Source: https://kubernetes.io/docs/reference/using-api/cel/#type-checking, and the figures of k8s.io/apiserver/pkg/cel.
import { requestBytesMax } from './limits.ts';
import { escapeName } from './names.ts';
import { boolType, type CelField, type CelType, doubleType, intType } from './types.ts';

/** What CEL looks at in an OpenAPI v3 schema; references are already resolved. */
export interface CelSchema {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, CelSchema>>;
  readonly additionalProperties?: boolean | CelSchema;
  readonly items?: CelSchema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

export interface SchemaTypeOptions {
  /** The schema is a whole resource: apiVersion, kind, metadata.name and metadata.generateName are there, declared or not. */
  readonly isResource?: boolean;
  /** The name of the root's type. */
  readonly name?: string;
}

/** The bytes of `""`, `0s`, a date and a time in JSON, and of the longest of each. */
const stringBytesMin = 2;
const durationBytes = { min: 3, max: 32 };
const dateBytes = 12;
const dateTimeBytes = { min: 21, max: 32 };
/** maxLength counts code points, the estimate bytes. */
const bytesPerCodePoint = 4;

const atLeastZero = (value: number): number => Math.max(0, value);

const text: CelSchema = { type: 'string' };
const objectMeta: CelSchema = { type: 'object', properties: { name: text, generateName: text } };

function asResource(schema: CelSchema): CelSchema {
  const { metadata } = schema.properties ?? {};
  const named = metadata?.properties?.name?.type === 'string' && metadata.properties.generateName?.type === 'string';
  return { ...schema, properties: { ...schema.properties, kind: text, apiVersion: text, metadata: named ? metadata : objectMeta } };
}

function stringTypeOf(schema: CelSchema): CelType {
  const { maxLength } = schema;
  switch (schema.format) {
    case 'byte':
      return {
        kind: 'bytes',
        minBytes: stringBytesMin,
        maxElements: maxLength === undefined ? requestBytesMax - 2 : atLeastZero(maxLength),
      };
    case 'duration':
      return { kind: 'duration', minBytes: durationBytes.min, maxElements: durationBytes.max };
    case 'date':
      return { kind: 'timestamp', minBytes: dateBytes, maxElements: dateBytes };
    case 'date-time':
      return { kind: 'timestamp', minBytes: dateTimeBytes.min, maxElements: dateTimeBytes.max };
  }
  const longestOfEnum = (schema.enum ?? []).reduce<number>(
    (most, value) => (typeof value === 'string' ? Math.max(most, Buffer.byteLength(value)) : most),
    0,
  );
  const bounded = maxLength !== undefined ? atLeastZero(maxLength) * bytesPerCodePoint : undefined;
  const maxElements = bounded ?? (schema.enum?.length ? longestOfEnum : requestBytesMax - 2);
  return { kind: 'string', minBytes: stringBytesMin, maxElements };
}

function listTypeOf(schema: CelSchema, name: string): CelType | undefined {
  const element = schema.items && typeOf(schema.items, `${name}.@idx`);
  if (element === undefined) return undefined;
  const maxElements =
    schema.maxItems === undefined ? Math.floor((requestBytesMax - 2) / ((element.minBytes ?? 0) + 1)) : atLeastZero(schema.maxItems);
  const base = { kind: 'list', element, maxElements, minBytes: 2 } as const;
  const listType = schema['x-kubernetes-list-type'];
  if (listType === 'set') return { ...base, listType };
  if (listType === 'map') return { ...base, listType, mapKeys: schema['x-kubernetes-list-map-keys'] ?? [] };
  return base;
}

/** A key, its quotes, a colon and a comma, beside the value. */
const entryBytes = 6;

function mapTypeOf(schema: CelSchema, values: CelSchema, name: string): CelType | undefined {
  const value = typeOf(values, `${name}.@elem`);
  if (value === undefined) return undefined;
  const fits = Math.floor((requestBytesMax - 2) / ((value.minBytes ?? 0) + entryBytes));
  const maxElements = schema.maxProperties === undefined ? fits : atLeastZero(schema.maxProperties);
  return { kind: 'map', key: { kind: 'string', maxElements: 0 }, value, maxElements, minBytes: 2 };
}

function objectTypeOf(schema: CelSchema, name: string): CelType | undefined {
  if (typeof schema.additionalProperties === 'object') return mapTypeOf(schema, schema.additionalProperties, name);
  const fields = new Map<string, CelField>();
  const required = new Set(schema.required);
  let minBytes = 2;
  for (const [jsonName, property] of Object.entries(schema.properties ?? {})) {
    const escaped = escapeName(jsonName);
    const type = typeOf(property, `${name}.${escaped ?? jsonName}`);
    if (type === undefined) continue;
    if (escaped !== undefined) fields.set(escaped, { type, jsonName });
    if (required.has(jsonName) && property.default === undefined) minBytes += Buffer.byteLength(jsonName) + (type.minBytes ?? 0) + 4;
  }
  return { kind: 'object', name, fields, minBytes, maxElements: 0 };
}

function typeOf(schema: CelSchema, name: string, isResource = schema['x-kubernetes-embedded-resource'] === true): CelType | undefined {
  if (schema['x-kubernetes-int-or-string']) {
    const { maxLength } = schema;
    return {
      kind: 'dyn',
      minBytes: 1,
      maxElements: maxLength === undefined ? requestBytesMax - 2 : atLeastZero(maxLength) * bytesPerCodePoint,
    };
  }
  switch (schema.type) {
    case 'array':
      return listTypeOf(schema, name);
    case 'object':
      return objectTypeOf(isResource ? asResource(schema) : schema, name);
    case 'string':
      return stringTypeOf(schema);
    case 'boolean':
      return boolType;
    case 'number':
      return doubleType;
    case 'integer':
      return intType;
    default:
      return isResource ? objectTypeOf(asResource(schema), name) : undefined;
  }
}

/**
 * The type of the values that a structural schema describes; undefined when CEL cannot see them, because the schema does not say what they
 * are. Fields that the schema only preserves are not seen either, and fields whose names cannot be escaped.
 */
export const celTypeOfSchema = (schema: CelSchema, options: SchemaTypeOptions = {}): CelType | undefined =>
  typeOf(schema, options.name ?? 'object', options.isResource ?? schema['x-kubernetes-embedded-resource'] === true);
