// Schemas of custom resources must be structural: every value has one type, said in one place.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
import type { V1JSONSchemaProps } from '../generated/types.gen.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts';
import { isEmbedded, isIntOrString, patternProblem, ruleProblems } from '../schema/structural/mod.ts';
import { completenessErrors } from './completeness.ts';
import { defaultErrors } from './schema-defaults.ts';

/** A schema nests no deeper than any real one; a hostile one would exhaust the stack. */
const depthMax = 100;
const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const unsupported = ['id', '$schema', '$ref', 'definitions', 'dependencies', 'patternProperties', 'additionalItems'] as const;
/** What logical junctors may not say again. */
const structural = [
  'type',
  'description',
  'default',
  'title',
  'nullable',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-map-type',
] as const;

interface Position {
  readonly path: string;
  /** What the schema is of, which is how a missing type is worded. */
  readonly of: 'root' | 'field' | 'item' | 'junctor';
  readonly depth: number;
}

const isSchema = (value: unknown): value is V1JSONSchemaProps => typeof value === 'object' && value !== null && !Array.isArray(value);

export function validateSchema(schema: V1JSONSchemaProps, path: string, hasStatus: boolean, errors: FieldError[]): void {
  if (schema.nullable === true) errors.push(forbiddenField(`${path}.nullable`, 'nullable cannot be true at the root'));
  if (hasStatus && schema.type !== 'object' && schema.type !== undefined) {
    errors.push(
      invalidValue(
        `${path}.type`,
        schema.type,
        'only "object" is allowed as the type at the root of the schema if the status subresource is enabled',
      ),
    );
  }
  const before = errors.length;
  validateNode(schema, { path, of: 'root', depth: 0 }, errors);
  errors.push(...completenessErrors(schema, path));
  // Only a schema that is structural says what the defaults and the rules are about.
  if (errors.length === before) errors.push(...defaultErrors(schema, path));
  if (errors.length === before) errors.push(...ruleProblems(schema, path));
}

function validateNode(schema: V1JSONSchemaProps, at: Position, errors: FieldError[]): void {
  if (at.depth > depthMax) return void errors.push(forbiddenField(at.path, `schema may not be nested deeper than ${depthMax}`));
  for (const field of unsupported) {
    if (schema[field] !== undefined) errors.push(forbiddenField(`${at.path}.${field}`, `${field} is not supported`));
  }
  if (schema.uniqueItems === true) {
    errors.push(
      forbiddenField(`${at.path}.uniqueItems`, 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'),
    );
  }
  validateType(schema, at, errors);
  validateExtensions(schema, at, errors);
  validateChildren(schema, at, errors);
  for (const junctor of ['allOf', 'anyOf', 'oneOf'] as const) {
    schema[junctor]?.forEach((part, i) => {
      validateNode(part, { path: `${at.path}.${junctor}[${i}]`, of: 'junctor', depth: at.depth + 1 }, errors);
    });
  }
  if (schema.not !== undefined) validateNode(schema.not, { path: `${at.path}.not`, of: 'junctor', depth: at.depth + 1 }, errors);
}

const missingType = {
  root: 'must not be empty at the root',
  field: 'must not be empty for specified object fields',
  item: 'must not be empty for specified array items',
} as const;

function validateType(schema: V1JSONSchemaProps, { path, of }: Position, errors: FieldError[]): void {
  const type = schema.type ?? '';
  if (of === 'junctor') return void validateJunctor(schema, path, errors);
  const anything = schema['x-kubernetes-preserve-unknown-fields'] === true || schema['x-kubernetes-int-or-string'] === true;
  if (type === 'null') errors.push(forbiddenField(`${path}.type`, 'type cannot be set to null, use nullable as an alternative'));
  else if (type === '') {
    if (of === 'root' || !anything) errors.push(required(`${path}.type`, missingType[of]));
  } else if (!types.includes(type)) errors.push(notSupported(`${path}.type`, type, types));
  else if (of === 'root' && type !== 'object') errors.push(invalidValue(`${path}.type`, type, 'must be object at the root'));
}

/** Each of int-or-string's two types may stand in a junctor; nothing else may. */
function validateJunctor(schema: V1JSONSchemaProps, path: string, errors: FieldError[]): void {
  const isIntOrString = schema.type === 'integer' || schema.type === 'string';
  for (const field of structural) {
    if (schema[field] === undefined || (field === 'type' && isIntOrString && Object.keys(schema).length === 1)) continue;
    errors.push(forbiddenField(`${path}.${field}`, 'must be empty to be structural'));
  }
}

function validateChildren(schema: V1JSONSchemaProps, at: Position, errors: FieldError[]): void {
  const { properties, additionalProperties, items } = schema;
  const of = at.of === 'junctor' ? 'junctor' : 'field';
  if (properties !== undefined && additionalProperties !== undefined && additionalProperties !== false) {
    errors.push(forbiddenField(`${at.path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
  }
  if (at.of === 'root' && additionalProperties !== undefined)
    errors.push(forbiddenField(`${at.path}.additionalProperties`, 'must not be used at the root'));
  if (additionalProperties === false) {
    errors.push(forbiddenField(`${at.path}.additionalProperties`, 'additionalProperties cannot be set to false'));
  } else if (isSchema(additionalProperties)) {
    validateNode(additionalProperties, { path: `${at.path}.additionalProperties`, of, depth: at.depth + 1 }, errors);
  }
  for (const [name, property] of Object.entries(properties ?? {})) {
    const path = at.of === 'root' && name === 'metadata' ? `${at.path}.properties[metadata]` : `${at.path}.properties[${name}]`;
    validateNode(property, { path, of, depth: at.depth + 1 }, errors);
  }
  if (at.of === 'root') validateMetadata(properties?.metadata, `${at.path}.properties[metadata]`, errors);
  if (Array.isArray(items)) errors.push(forbiddenField(`${at.path}.items`, 'items must be a schema object and not an array'));
  else if (isSchema(items)) {
    validateNode(items, { path: `${at.path}.items`, of: at.of === 'junctor' ? 'junctor' : 'item', depth: at.depth + 1 }, errors);
  } else if (schema.type === 'array' && at.of !== 'junctor') errors.push(required(`${at.path}.items`, 'must be specified'));
}

/** Metadata is the server's: a schema may only restrict the name. */
function validateMetadata(metadata: V1JSONSchemaProps | undefined, path: string, errors: FieldError[]): void {
  if (metadata === undefined) return;
  const others = Object.keys(metadata.properties ?? {}).filter((name) => name !== 'name' && name !== 'generateName');
  if (others.length > 0) {
    errors.push(forbiddenField(path, 'must not specify anything other than name and generateName, but metadata is implicitly specified'));
  }
}

function validateExtensions(schema: V1JSONSchemaProps, { path }: Position, errors: FieldError[]): void {
  const preserve = schema['x-kubernetes-preserve-unknown-fields'];
  if (preserve === false) errors.push(invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  if (isIntOrString(schema)) {
    for (const field of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const) {
      if (schema[field] === true)
        errors.push(invalidValue(`${path}.${field}`, true, 'must be false if x-kubernetes-int-or-string is true'));
    }
  }
  if (isEmbedded(schema)) validateEmbedded(schema, path, errors);
  const pattern = schema.pattern ? patternProblem(schema.pattern) : undefined;
  if (pattern !== undefined) errors.push(invalidValue(`${path}.pattern`, schema.pattern, pattern));
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined) {
    if (mapType !== 'atomic' && mapType !== 'granular') {
      errors.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
    }
    if (schema.type !== 'object')
      errors.push(invalidValue(`${path}.type`, schema.type ?? '', 'must be object if x-kubernetes-map-type is specified'));
  }
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (listType !== undefined) {
    if (!['atomic', 'map', 'set'].includes(listType))
      errors.push(notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'map', 'set']));
    if (schema.type !== 'array')
      errors.push(invalidValue(`${path}.type`, schema.type ?? '', 'must be array if x-kubernetes-list-type is specified'));
  }
  if (keys.length > 0 && listType !== 'map') {
    errors.push(invalidValue(`${path}.x-kubernetes-list-type`, listType ?? '', 'must be map if x-kubernetes-list-map-keys is non-empty'));
  }
  if (listType === 'map') validateListMap(schema, keys, path, errors);
  if (listType === 'set') validateSetItems(schema, path, errors);
  schema['x-kubernetes-validations']?.forEach(({ rule = '' }, i) => {
    if (rule.trim() === '') errors.push(required(`${path}.x-kubernetes-validations[${i}].rule`, 'rule is not specified'));
  });
}

function validateEmbedded(schema: V1JSONSchemaProps, path: string, errors: FieldError[]): void {
  const demand = 'if x-kubernetes-embedded-resource is true';
  const { type = '', properties, additionalProperties } = schema;
  if (type === '') errors.push(required(`${path}.type`, `must be object ${demand}`));
  else if (type !== 'object') errors.push(invalidValue(`${path}.type`, type, `must be object ${demand}`));
  if (additionalProperties !== undefined)
    errors.push(forbiddenField(`${path}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set'));
  if (schema['x-kubernetes-preserve-unknown-fields'] !== true && Object.keys(properties ?? {}).length === 0)
    errors.push(required(`${path}.properties`, `must not be empty ${demand} without x-kubernetes-preserve-unknown-fields`));
  for (const name of ['apiVersion', 'kind']) {
    const its = properties?.[name];
    if (its && its.type !== 'string') errors.push(invalidValue(`${path}.properties[${name}].type`, its.type ?? '', 'must be string'));
  }
  const { metadata } = properties ?? {};
  if (metadata && metadata.type !== 'object')
    errors.push(invalidValue(`${path}.properties[metadata].type`, metadata.type ?? '', 'must be object'));
}

/** Items of a set are told apart as wholes. */
function validateSetItems({ items }: V1JSONSchemaProps, path: string, errors: FieldError[]): void {
  if (!isSchema(items)) return;
  const field = items.type === 'array' ? 'x-kubernetes-list-type' : items.type === 'object' ? 'x-kubernetes-map-type' : undefined;
  const type = field && items[field];
  if (field === undefined || type === 'atomic' || (field === 'x-kubernetes-list-type' && type === undefined)) return;
  errors.push(invalidValue(`${path}.items.${field}`, type ?? null, 'must be atomic as item of a list with x-kubernetes-list-type=set'));
}

function validateListMap(schema: V1JSONSchemaProps, keys: readonly string[], path: string, errors: FieldError[]): void {
  const at = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) errors.push(required(at, 'must not be empty if x-kubernetes-list-type is map'));
  const items = isSchema(schema.items) ? schema.items : undefined;
  if (items !== undefined && items.type !== 'object') {
    errors.push(invalidValue(`${path}.items.type`, items.type ?? '', "must be object if parent array's x-kubernetes-list-type is map"));
  }
  const seen = new Set<string>();
  const needed = new Set(items?.required ?? []);
  keys.forEach((key, i) => {
    const property = items?.properties?.[key];
    if (property === undefined) {
      errors.push(invalidValue(`${at}[${i}]`, key, 'entries must all be names of item properties'));
    } else if (property.type === 'array' || property.type === 'object') {
      errors.push(
        invalidValue(
          `${path}.items.properties[${key}].type`,
          property.type,
          "must be a scalar type if parent array's x-kubernetes-list-type is map",
        ),
      );
    }
    if (property !== undefined && property.default === undefined && !needed.has(key)) {
      const detail = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
      errors.push(required(`${path}.items.properties[${key}].default`, detail));
    }
    if (seen.has(key)) errors.push(invalidValue(`${at}[${i}]`, key, 'must be unique'));
    seen.add(key);
  });
}
