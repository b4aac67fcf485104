// What ConfigMaps and Secrets have in common: keys that become file names, a bound on size, and `immutable`.
import { sameMeaning } from '../meta/equal.ts';
import { type FieldError, forbiddenField, tooLong } from '../meta/field-error.ts';
import { configKeyProblems } from '../meta/names.ts';
import { addProblems } from '../meta/validate-metadata.ts';

/** All values of one object, in bytes. */
export const dataBytesMax = 1024 * 1024;

type Data = Readonly<Record<string, string>> | undefined;

/** How many bytes a base64 text stands for. */
export function base64Bytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return Math.floor((text.length * 3) / 4) - padding;
}

export function validateKeys(data: Data, path: string, errors: FieldError[]): void {
  for (const key in data) addProblems(errors, `${path}[${key}]`, key, configKeyProblems(key));
}

export function validateSize(bytes: number, path: string, errors: FieldError[]): void {
  if (bytes > dataBytesMax) errors.push(tooLong(path, dataBytesMax));
}

/** What is immutable stays so, with the named fields as they are. */
export function validateImmutable<T extends { readonly immutable?: boolean | undefined }>(
  next: T,
  old: T,
  fields: readonly (keyof T & string)[],
  errors: FieldError[],
): void {
  if (old.immutable !== true) return;
  const detail = 'field is immutable when `immutable` is set';
  if (next.immutable !== true) errors.push(forbiddenField('immutable', detail));
  for (const field of fields) if (!sameMeaning(next[field], old[field], field)) errors.push(forbiddenField(field, detail));
}
