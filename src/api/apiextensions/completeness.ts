// What a junctor speaks of must be described outside of it too: only there it gets its type.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
import type { V1JSONSchemaProps } from '../generated/types.gen.ts';
import { type FieldError, required } from '../meta/field-error.ts';

type Schema = V1JSONSchemaProps;

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The schemas of the junctors of one schema, with their places. */
function junctorsOf(schema: Schema, path: string): readonly (readonly [Schema, string])[] {
  const listed = (['allOf', 'anyOf', 'oneOf'] as const).flatMap((name) =>
    (schema[name] ?? []).map((part, i) => [part, `${path}.${name}[${i}]`] as const),
  );
  return schema.not === undefined ? listed : [...listed, [schema.not, `${path}.not`]];
}

export function completenessErrors(schema: Schema, path: string): FieldError[] {
  const errors = junctorsOf(schema, path).flatMap(([part, at]) => missing(schema, part, { path, at }));
  const { items, properties, additionalProperties } = schema;
  if (isSchema(items)) errors.push(...completenessErrors(items, `${path}.items`));
  for (const [name, property] of Object.entries(properties ?? {}))
    errors.push(...completenessErrors(property, `${path}.properties[${name}]`));
  if (isSchema(additionalProperties)) errors.push(...completenessErrors(additionalProperties, `${path}.additionalProperties`));
  return errors;
}

/** `path` is that of the schema, `at` that of the junctor's part. */
function missing(schema: Schema | undefined, part: Schema, { path, at }: { readonly path: string; readonly at: string }): FieldError[] {
  const errors = junctorsOf(part, at).flatMap(([inner, where]) => missing(schema, inner, { path, at: where }));
  const items = isSchema(schema?.items) ? schema.items : undefined;
  if (isSchema(part.items)) {
    if (!items) errors.push(required(`${path}.items`, `because it is defined in ${at}.items`));
    else errors.push(...missing(items, part.items, { path: `${path}.items`, at: `${at}.items` }));
  }
  for (const [name, property] of Object.entries(part.properties ?? {})) {
    const own = schema?.properties !== undefined && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    const here = { path: `${path}.properties[${name}]`, at: `${at}.properties[${name}]` };
    if (!own) errors.push(required(here.path, `because it is defined in ${here.at}`));
    else errors.push(...missing(own, property, here));
  }
  return errors;
}
