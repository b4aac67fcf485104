// The schema's types as OpenAPI schemas, in the two dialects: v2 (Swagger) and v3.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy (x-kubernetes-*)
import { definitionOf, schemaOf, typeOfDefinition } from '../load.ts';
import type { FieldSchema, ObjectSchema, ValueSchema } from '../schema.ts';
import { describeField, describeType } from './docs.ts';

/** An OpenAPI document or a part of it. */
export type Json = { [key: string]: unknown };
export type Dialect = 'v2' | 'v3';

const quantity = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const intOrString = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
const time = 'io.k8s.apimachinery.pkg.apis.meta.v1.Time';
const microTime = 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime';
const rawExtension = 'io.k8s.apimachinery.pkg.runtime.RawExtension';

const quantityText =
  'Quantity is a fixed-point representation of a number, written as text: an integer or a decimal fraction with an optional decimal suffix (n, u, m, k, M, G, T, P, E), binary suffix (Ki, Mi, Gi, Ti, Pi, Ei) or decimal exponent (1e3).';
const intOrStringText = 'IntOrString is a type that can hold an int32 or a string.';
const timeText = 'Time is an RFC 3339 timestamp in seconds.';
const microTimeText = 'MicroTime is an RFC 3339 timestamp with microseconds.';
const rawText = 'RawExtension holds any object.';

/** Definitions of values that are no objects on the wire. */
const valueDefinitions: Readonly<Record<Dialect, Readonly<Record<string, Json>>>> = {
  v2: {
    [quantity]: { description: quantityText, type: 'string' },
    [intOrString]: { description: intOrStringText, type: 'string', format: 'int-or-string' },
    [time]: { description: timeText, type: 'string', format: 'date-time' },
    [microTime]: { description: microTimeText, type: 'string', format: 'date-time' },
    [rawExtension]: { description: rawText, type: 'object' },
  },
  v3: {
    [quantity]: { description: quantityText, oneOf: [{ type: 'string' }, { type: 'number' }] },
    [intOrString]: { description: intOrStringText, format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
    [time]: { description: timeText, type: 'string', format: 'date-time' },
    [microTime]: { description: microTimeText, type: 'string', format: 'date-time' },
    [rawExtension]: { description: rawText, type: 'object' },
  },
};

const refPrefix: Readonly<Record<Dialect, string>> = { v2: '#/definitions/', v3: '#/components/schemas/' };

/** `{ $ref }` of a definition. */
export const refTo = (definition: string, dialect: Dialect): Json => ({ $ref: `${refPrefix[dialect]}${definition}` });

/** The definitions of these types and of everything that they refer to, one a step, each once. */
export function* definitionsOf(typeNames: Iterable<string>, dialect: Dialect): Generator<readonly [string, Json]> {
  const made = new Set<string>();
  const wanted = [...typeNames].map(definitionOf);
  for (let definition = wanted.pop(); definition !== undefined; definition = wanted.pop()) {
    if (made.has(definition)) continue;
    made.add(definition);
    const typeName = typeOfDefinition(definition);
    const schema = typeName === undefined ? valueDefinitions[dialect][definition] : objectDefinition(schemaOf(typeName), dialect, wanted);
    if (schema) yield [definition, schema];
  }
}

function objectDefinition(schema: ObjectSchema, dialect: Dialect, refs: string[]): Json {
  const properties = [...schema.fields.values()].map((field) => [field.name, property(schema, field, dialect, refs)] as const);
  const of = schema.groupVersionKind;
  return {
    description: describeType(schema.typeName),
    type: 'object',
    ...(schema.required.length > 0 ? { required: schema.required } : {}),
    ...(properties.length > 0 ? { properties: Object.fromEntries(properties) } : {}),
    ...(of ? { 'x-kubernetes-group-version-kind': [{ group: of.group, kind: of.kind, version: of.version }] } : {}),
    ...(schema.mapType ? { 'x-kubernetes-map-type': schema.mapType } : {}),
  };
}

function property(owner: ObjectSchema, field: FieldSchema, dialect: Dialect, refs: string[]): Json {
  const shape = valueSchema(field, dialect, refs);
  const description = describeField(owner, field);
  // In v3 nothing may stand beside a $ref.
  const body = dialect === 'v3' && '$ref' in shape ? { allOf: [shape] } : shape;
  return {
    ...(description === '' ? {} : { description }),
    ...body,
    ...(dialect === 'v3' && field.default !== undefined ? { default: field.default } : {}),
    ...extensions(field),
  };
}

function extensions(field: FieldSchema): Json {
  const ownMapType = field.kind === 'object' ? (field.mapType === field.object?.mapType ? undefined : field.mapType) : field.mapType;
  return {
    ...(field.listType ? { 'x-kubernetes-list-type': field.listType } : {}),
    ...(field.listMapKeys.length > 0 ? { 'x-kubernetes-list-map-keys': field.listMapKeys } : {}),
    ...(ownMapType ? { 'x-kubernetes-map-type': ownMapType } : {}),
    ...(field.patchStrategy.length > 0 ? { 'x-kubernetes-patch-strategy': field.patchStrategy.join(',') } : {}),
    ...(field.patchMergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': field.patchMergeKey }),
  };
}

/** The shape of a value; definitions that it refers to are added to `refs`. */
function valueSchema(value: ValueSchema, dialect: Dialect, refs: string[]): Json {
  const ref = (definition: string): Json => {
    refs.push(definition);
    return refTo(definition, dialect);
  };
  const element = (): Json => valueSchema(value.element as ValueSchema, dialect, refs);
  switch (value.kind) {
    case 'object':
      return ref((value.object as ObjectSchema).definition);
    case 'array':
      return { type: 'array', items: element() };
    case 'map':
      return { type: 'object', additionalProperties: element() };
    case 'string':
      return { type: 'string' };
    case 'boolean':
      return { type: 'boolean' };
    case 'integer':
    case 'number':
      return { type: value.kind, format: value.format };
    case 'bytes':
      return { type: 'string', format: 'byte' };
    case 'quantity':
      return ref(quantity);
    case 'int-or-string':
      return ref(intOrString);
    case 'time':
      return ref(time);
    case 'micro-time':
      return ref(microTime);
    case 'any':
      return value.goType === 'runtime.RawExtension' ? ref(rawExtension) : {};
  }
}
