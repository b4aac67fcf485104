// Validation errors: a field's path, what is wrong with it, the value, in upstream's words.

export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'InternalError'
  | 'FieldValueTypeInvalid';

/** One cause of a 422. */
export interface FieldError {
  readonly type: FieldErrorType;
  /** The path: `spec.containers[0].name`. */
  readonly field: string;
  /** What the cause says, without the field: `Required value: must be specified`. */
  readonly message: string;
  /** The field and the message: `spec.x: Required value: ...`, as the Status' own message joins them. */
  readonly text: string;
}

function fieldError(type: FieldErrorType, field: string, message: string): FieldError {
  return { type, field, message, text: `${field}: ${message}` };
}

/** Values are quoted as Go prints them: strings in quotes, numbers bare, objects as JSON, nothing as `null`. */
export function quoteValue(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  // Integers beyond what a double holds are kept as bigints.
  if (typeof value === 'object')
    return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? Number(member) : member));
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

const withDetail = (head: string, detail: string): string => (detail === '' ? head : `${head}: ${detail}`);

export const required = (field: string, detail = ''): FieldError =>
  fieldError('FieldValueRequired', field, withDetail('Required value', detail));
export const invalidValue = (field: string, value: unknown, detail: string): FieldError =>
  fieldError('FieldValueInvalid', field, withDetail(`Invalid value: ${quoteValue(value)}`, detail));
export const duplicate = (field: string, value: unknown): FieldError =>
  fieldError('FieldValueDuplicate', field, `Duplicate value: ${quoteValue(value)}`);
export const notFoundValue = (field: string, value: unknown, detail = ''): FieldError =>
  fieldError('FieldValueNotFound', field, withDetail(`Not found: ${quoteValue(value)}`, detail));
export const forbiddenField = (field: string, detail: string): FieldError =>
  fieldError('FieldValueForbidden', field, withDetail('Forbidden', detail));
export const tooLong = (field: string, maxLength: number): FieldError =>
  fieldError('FieldValueTooLong', field, `Too long: may not be more than ${maxLength} bytes`);
export const tooMany = (field: string, actual: number, max: number): FieldError =>
  fieldError('FieldValueTooMany', field, `Too many: ${actual}: must have at most ${max} items`);
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError =>
  fieldError(
    'FieldValueNotSupported',
    field,
    `Unsupported value: ${quoteValue(value)}${supported.length > 0 ? `: supported values: ${supported.map((s) => JSON.stringify(s)).join(', ')}` : ''}`,
  );
export const typeInvalid = (field: string, value: unknown, detail: string): FieldError =>
  fieldError('FieldValueTypeInvalid', field, withDetail(`Invalid value: ${quoteValue(value)}`, detail));
