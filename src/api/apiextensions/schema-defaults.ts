// What a schema gives by default must itself be what the schema asks for: judged when the definition is written, not when an object gets it.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
import type { V1JSONSchemaProps } from '../generated/types.gen.ts';
import { equalValues } from '../merge/apply/values.ts';
import { type FieldError, invalidValue } from '../meta/field-error.ts';
import { embeddedErrors, isEmbedded, pruneValueBy, valueErrors, valueRuleErrors } from '../schema/structural/mod.ts';

type Schema = V1JSONSchemaProps;

interface Place {
  readonly path: string;
  /** The schema of the object whose kind, apiVersion and metadata these are. */
  readonly object: boolean;
  /** Inside those three: what they must be no schema says. */
  readonly inMeta: boolean;
}

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value);
const metaFields = new Set(['apiVersion', 'kind', 'metadata']);

export const defaultErrors = (schema: Schema, path: string): FieldError[] => below(schema, { path, object: true, inMeta: false });

function below(schema: Schema, { path, object, inMeta }: Place): FieldError[] {
  const meta = isEmbedded(schema) ? false : inMeta;
  // Null is as good as none.
  const errors: FieldError[] = (schema.default ?? undefined) === undefined ? [] : errorsOfDefault(schema, path, meta);
  const { items, properties, additionalProperties } = schema;
  if (isSchema(items)) errors.push(...below(items, { path: `${path}.items`, object: isEmbedded(items), inMeta: meta }));
  const isObject = object || isEmbedded(schema);
  for (const [name, property] of Object.entries(properties ?? {})) {
    const at = `${path}.properties[${name}]`;
    errors.push(...below(property, { path: at, object: isEmbedded(property), inMeta: meta || (isObject && metaFields.has(name)) }));
  }
  if (isSchema(additionalProperties)) {
    errors.push(...below(additionalProperties, { path: `${path}.additionalProperties`, object: false, inMeta: meta }));
  }
  return errors;
}

function errorsOfDefault(schema: Schema, path: string, inMeta: boolean): FieldError[] {
  const at = `${path}.default`;
  const value = schema.default as unknown;
  if (inMeta) return valueErrors(value, schema, at);
  if (!equalValues(pruneValueBy(value, schema), value)) return [invalidValue(at, value, 'must not have unknown fields')];
  const embedded = embeddedErrors(value, schema, at, false);
  if (embedded.length > 0) return embedded;
  const wrong = valueErrors(value, schema, at);
  return wrong.length > 0 ? wrong : valueRuleErrors(value, schema, at);
}
