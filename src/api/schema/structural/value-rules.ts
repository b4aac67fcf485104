// What a schema demands of one value by itself: its length, range, form, members.
import { equalValues } from '../../merge/apply/values.ts';
import { type FieldError, invalidValue, notSupported, required, tooLong, tooMany } from '../../meta/field-error.ts';
import { fitsFormat } from './formats.ts';
import { childPath, type JsonSchema, type Values } from './model.ts';
import { patternMatches } from './pattern.ts';

/** A value's type, as schemas name types: 2.0 is an integer. */
export function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value === 'bigint' ? 'integer' : typeof value;
}

type Fails = boolean | undefined;

/** Errors of the rules that fail, in their order: `[fails, what should be]`. */
const failures = (path: string, value: unknown, rules: readonly (readonly [Fails, string])[]): FieldError[] =>
  rules.flatMap(([fails, problem]) => (fails === true ? [invalidValue(path, value, `${path} in body ${problem}`)] : []));

export function enumErrors(value: unknown, schema: JsonSchema, path: string): FieldError[] {
  const { enum: allowed } = schema;
  if (!allowed || allowed.length === 0 || allowed.some((one) => equalValues(one, value))) return [];
  return [
    notSupported(
      path,
      value,
      allowed.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))),
    ),
  ];
}

export function stringErrors(value: string, schema: JsonSchema, path: string): FieldError[] {
  const { minLength, maxLength, pattern, format } = schema;
  const errors: FieldError[] = [];
  if (minLength !== undefined || maxLength !== undefined) {
    const length = [...value].length;
    if (maxLength !== undefined && length > maxLength) errors.push(tooLong(path, maxLength));
    errors.push(...failures(path, value, [[minLength !== undefined && length < minLength, `should be at least ${minLength} chars long`]]));
  }
  return [
    ...errors,
    ...failures(path, value, [
      [pattern !== undefined && pattern !== '' && !patternMatches(pattern, value), `should match '${pattern}'`],
      [format !== undefined && !fitsFormat(value, format), `must be of type ${format}: ${JSON.stringify(value)}`],
    ]),
  ];
}

const int32 = 2 ** 31;
const int64 = 2n ** 63n;

function fitsNumberFormat(value: number | bigint, format: string | undefined): boolean {
  if (format === 'int32') return value >= -int32 && value < int32;
  return format !== 'int64' || (value >= -int64 && value < int64);
}

export function numberErrors(value: number | bigint, schema: JsonSchema, path: string): FieldError[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, format } = schema;
  const isMultiple = (of: number): boolean => {
    const ratio = Number(value) / of;
    return Math.abs(ratio - Math.round(ratio)) < 1e-9;
  };
  return failures(path, value, [
    [multipleOf !== undefined && !isMultiple(multipleOf), `should be a multiple of ${multipleOf}`],
    [maximum !== undefined && exclusiveMaximum === true && value >= maximum, `should be less than ${maximum}`],
    [maximum !== undefined && exclusiveMaximum !== true && value > maximum, `should be less than or equal to ${maximum}`],
    [minimum !== undefined && exclusiveMinimum === true && value <= minimum, `should be greater than ${minimum}`],
    [minimum !== undefined && exclusiveMinimum !== true && value < minimum, `should be greater than or equal to ${minimum}`],
    [schema.type === 'integer' && !fitsNumberFormat(value, format), `must be of type ${format}: ${JSON.stringify(String(value))}`],
  ]);
}

export function arrayErrors(value: readonly unknown[], schema: JsonSchema, path: string): FieldError[] {
  const { minItems, maxItems } = schema;
  const errors = failures(path, value.length, [
    [minItems !== undefined && value.length < minItems, `should have at least ${minItems} items`],
  ]);
  if (maxItems !== undefined && value.length > maxItems) errors.push(tooMany(path, value.length, maxItems));
  return errors;
}

export function objectErrors(value: Values, schema: JsonSchema, path: string): FieldError[] {
  const { minProperties, maxProperties } = schema;
  const errors: FieldError[] = [];
  if (minProperties !== undefined || maxProperties !== undefined) {
    const count = Object.keys(value).length;
    errors.push(
      ...failures(path, count, [
        [minProperties !== undefined && count < minProperties, `should have at least ${minProperties} properties`],
        [maxProperties !== undefined && count > maxProperties, `should have at most ${maxProperties} properties`],
      ]),
    );
  }
  const missing = (schema.required ?? []).filter((name) => !Object.hasOwn(value, name) || value[name] === undefined);
  return [...errors, ...missing.map((name) => required(childPath(path, name)))];
}
