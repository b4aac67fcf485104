// Judges a value by its structural schema, in upstream's words and order of causes.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
import { equalValues } from '../../merge/apply/values.ts';
import { type FieldError, invalidValue, typeInvalid } from '../../meta/field-error.ts';
import { childPath, isIntOrString, isValues, itemsOf, type JsonSchema, memberOf, type Values } from './model.ts';
import { arrayErrors, enumErrors, numberErrors, objectErrors, stringErrors, typeOf } from './value-rules.ts';

/** One value with the place that it has. */
interface Judged {
  readonly value: unknown;
  readonly path: string;
  /** What stood there before; undefined where nothing did, or nobody can tell. */
  readonly old: unknown;
}

/**
 * What is wrong with an object. With `old`, what has not changed since is let be: a schema that became stricter must not hinder other changes.
 * The errors of list and map types are not among them: see `listTypeErrors`.
 */
export const schemaErrors = (object: object, schema: JsonSchema, old?: object): FieldError[] =>
  errorsOf({ value: object, path: '', old }, schema);

/** What is wrong with one value, which stands at `path`. */
export const valueErrors = (value: unknown, schema: JsonSchema, path: string): FieldError[] =>
  errorsOf({ value, path, old: undefined }, schema);

function errorsOf(of: Judged, schema: JsonSchema): FieldError[] {
  if (of.old !== undefined && equalValues(of.value, of.old)) return [];
  const { value, path } = of;
  if (value === null) return schema.nullable === true || acceptsNull(schema) ? [] : [wrongType(path, typesOf(schema), value)];
  const wrong = typeErrors(value, schema, path);
  if (wrong.length > 0) return wrong;
  return [...enumErrors(value, schema, path), ...ownErrors(of, schema), ...junctorErrors(of, schema)];
}

/** A schema without a type takes everything. */
const acceptsNull = (schema: JsonSchema): boolean => (schema.type === undefined || schema.type === '' ? !isIntOrString(schema) : false);

const typesOf = (schema: JsonSchema): string => (isIntOrString(schema) ? 'integer,string' : (schema.type ?? ''));

function wrongType(path: string, wanted: string, value: unknown): FieldError {
  const given = typeOf(value);
  return typeInvalid(path === '' ? '<nil>' : path, given, `${path} in body must be of type ${wanted}: ${JSON.stringify(given)}`);
}

function typeErrors(value: unknown, schema: JsonSchema, path: string): FieldError[] {
  const given = typeOf(value);
  if (isIntOrString(schema)) return given === 'integer' || given === 'string' ? [] : [wrongType(path, typesOf(schema), value)];
  const { type } = schema;
  if (type === undefined || type === '' || type === given || (type === 'number' && given === 'integer')) return [];
  return [wrongType(path, type, value)];
}

function ownErrors({ value, path, old }: Judged, schema: JsonSchema): FieldError[] {
  if (typeof value === 'string') return stringErrors(value, schema, path);
  if (typeof value === 'number' || typeof value === 'bigint') return numberErrors(value, schema, path);
  if (Array.isArray(value)) return [...arrayErrors(value, schema, path), ...itemErrors(value, schema, path, old)];
  return isValues(value) ? [...objectErrors(value, schema, path), ...memberErrors(value, schema, path, old)] : [];
}

function itemErrors(list: readonly unknown[], schema: JsonSchema, path: string, old: unknown): FieldError[] {
  const items = itemsOf(schema);
  if (!items) return [];
  const standing = standingItems(old, schema);
  return list.flatMap((value, index) => errorsOf({ value, path: `${path}[${index}]`, old: standing?.(value) }, items));
}

/** Of lists whose items have keys it can be told which item stood before; of others it cannot. */
export function standingItems(old: unknown, schema: JsonSchema): ((item: unknown) => unknown) | undefined {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (!Array.isArray(old) || schema['x-kubernetes-list-type'] !== 'map' || keys === undefined) return undefined;
  const keyOf = (item: unknown): string => JSON.stringify(keys.map((key) => (isValues(item) ? item[key] : undefined)));
  const byKey = new Map(old.map((item: unknown) => [keyOf(item), item]));
  return (item) => byKey.get(keyOf(item));
}

function memberErrors(map: Values, schema: JsonSchema, path: string, old: unknown): FieldError[] {
  const before = isValues(old) ? old : undefined;
  return Object.keys(map).flatMap((key) => {
    const known = memberOf(schema, key);
    if (known === undefined || known === true) return [];
    return errorsOf({ value: map[key], path: childPath(path, key), old: before?.[key] }, known);
  });
}

const inBody = (path: string): string => `${path} in body`;
const bodyError = (path: string, value: unknown, problem: string): FieldError =>
  invalidValue(path === '' ? '<nil>' : path, value, `${inBody(path)} ${problem}`);

/** The errors of the part that failed least. */
const fewest = (failed: readonly (readonly FieldError[])[]): readonly FieldError[] =>
  failed.reduce<readonly FieldError[]>((least, errors) => (least.length === 0 || errors.length < least.length ? errors : least), []);

function junctorErrors(of: Judged, schema: JsonSchema): FieldError[] {
  const { allOf, anyOf, oneOf, not } = schema;
  if (!allOf && !anyOf && !oneOf && !not) return [];
  const { value, path } = of;
  const shown = typeof value === 'object' ? '' : value;
  const judge = (parts: readonly JsonSchema[]) => parts.map((part) => errorsOf(of, part));
  const errors: FieldError[] = [];
  if (anyOf && anyOf.length > 0) {
    const found = judge(anyOf);
    if (found.every((each) => each.length > 0))
      errors.push(bodyError(path, shown, 'must validate at least one schema (anyOf)'), ...fewest(found));
  }
  if (oneOf && oneOf.length > 0) {
    const found = judge(oneOf);
    const valid = found.filter((each) => each.length === 0).length;
    const count = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`;
    if (valid !== 1) errors.push(bodyError(path, shown, `must validate one and only one schema (oneOf). ${count}`));
    if (valid === 0) errors.push(...fewest(found));
  }
  if (allOf && allOf.length > 0) {
    const found = judge(allOf);
    const none = found.every((each) => each.length > 0);
    errors.push(...found.flat());
    if (found.some((each) => each.length > 0))
      errors.push(bodyError(path, shown, `must validate all the schemas (allOf)${none ? '. None validated' : ''}`));
  }
  if (not && errorsOf({ ...of, old: undefined }, not).length === 0)
    errors.push(bodyError(path, shown, 'must not validate the schema (not)'));
  return errors;
}
