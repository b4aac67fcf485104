// The definitions of custom kinds: the schema that users wrote, with what every object has besides. What Swagger 2.0 cannot say is left out there.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#publish-validation-schema-in-openapi

import type { V1JSONSchemaProps as JsonSchema } from '../../generated/types.gen.ts';
import type { CustomShape } from '../../kind.ts';
import { definitionOf, schemaOf } from '../load.ts';
import { type Dialect, type Json, refTo } from './definitions.ts';
import { describeField } from './docs.ts';

/** `com.example.stable.v1.CronTab` */
export const customDefinition = (custom: CustomShape, kind = custom.groupVersionKind.kind): string => {
  const { group, version } = custom.groupVersionKind;
  return [...group.split('.').reverse(), version, kind].join('.');
};

export const customListDefinition = (custom: CustomShape): string => customDefinition(custom, custom.listKind);

const described = (field: string, dialect: Dialect, type: string | undefined): Json => {
  const schema = schemaOf('V1ConfigMap');
  const of = schema.fields.get(field);
  const description = of ? describeField(schema, of) : '';
  if (type === undefined) return { description, type: 'string' };
  const ref = refTo(definitionOf(type), dialect);
  return { description, ...(dialect === 'v3' ? { allOf: [ref] } : ref) };
};

const objectFields = (dialect: Dialect): Json => ({
  apiVersion: described('apiVersion', dialect, undefined),
  kind: described('kind', dialect, undefined),
  metadata: described('metadata', dialect, 'V1ObjectMeta'),
});

/** The kind and its list, by name. */
export function customDefinitions(custom: CustomShape, dialect: Dialect): readonly (readonly [string, Json])[] {
  const { group, version, kind } = custom.groupVersionKind;
  const body = dialect === 'v2' ? forSwagger(custom.schema) : custom.schema;
  const shape = withObjects(body, dialect);
  const object: Json = {
    // Fields may be anything: then nothing is said of them, so that clients do not miss those that are not named.
    ...(dialect === 'v2' && custom.schema['x-kubernetes-preserve-unknown-fields'] === true
      ? { type: 'object' }
      : { ...shape, properties: { ...(shape.properties as Json | undefined), ...objectFields(dialect) } }),
    'x-kubernetes-group-version-kind': [{ group, kind, version }],
  };
  const list: Json = {
    description: `${custom.listKind} is a list of ${kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      ...objectFields(dialect),
      metadata: described('metadata', dialect, 'V1ListMeta'),
      items: { description: `The list of ${kind} objects.`, type: 'array', items: refTo(customDefinition(custom), dialect) },
    },
    'x-kubernetes-group-version-kind': [{ group, kind: custom.listKind, version }],
  };
  return [
    [customDefinition(custom), object],
    [customListDefinition(custom), list],
  ];
}

const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The same change for every schema below this one. */
function below(schema: JsonSchema, change: (schema: JsonSchema) => Json): Json {
  const { properties, items, additionalProperties } = schema;
  return {
    ...schema,
    ...(properties ? { properties: Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, change(of)])) } : {}),
    ...(isSchema(items) ? { items: change(items) } : {}),
    ...(isSchema(additionalProperties) ? { additionalProperties: change(additionalProperties) } : {}),
  };
}

/** Embedded objects have a kind, an apiVersion and metadata of their own. */
function withObjects(schema: JsonSchema | Json, dialect: Dialect): Json {
  const made = below(schema as JsonSchema, (inner) => withObjects(inner, dialect));
  if (made['x-kubernetes-embedded-resource'] !== true) return made;
  if (dialect === 'v2' && made['x-kubernetes-preserve-unknown-fields'] === true) return made;
  return { ...made, properties: { ...(made.properties as Json | undefined), ...objectFields(dialect) } };
}

/** Without what Swagger 2.0 has no word for. */
function forSwagger(schema: JsonSchema): Json {
  const { allOf: _all, anyOf: _any, oneOf: _one, not: _not, default: _default, nullable, ...rest } = schema;
  const { type, properties, items, ...others } = rest;
  const preserves = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (nullable === true) return below(others, forSwagger);
  // A type that may be either of two is none.
  const kept = schema['x-kubernetes-int-or-string'] === true ? {} : { type };
  return below({ ...others, ...kept, ...(preserves ? {} : { properties, items }) }, forSwagger);
}
