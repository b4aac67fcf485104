// Checks of single fields that many kinds share. Each adds what it finds to `errors`.
import type { IntOrString } from '../generated/types.gen.ts';
import { sameMeaning } from './equal.ts';
import { duplicate, type FieldError, invalidValue, notSupported, required } from './field-error.ts';
import { percentOf } from './int-or-percent.ts';
import { byteLength, dnsSubdomainProblems, nonNegativeProblem, qualifiedNameProblems } from './names.ts';
import { isNegativeQuantity, isZeroQuantity, parseQuantity, type Quantity, quantityProblem } from './quantity.ts';
import { addProblems, immutableProblem } from './validate-metadata.ts';

/** One of a few words, which must be there. */
export function validateChoice(value: string | undefined, choices: readonly string[], path: string, errors: FieldError[]): void {
  if ((value ?? '') === '') errors.push(required(path));
  else validateOptionalChoice(value, choices, path, errors);
}

/** One of a few words, if there. */
export function validateOptionalChoice(value: string | undefined, choices: readonly string[], path: string, errors: FieldError[]): void {
  if (value !== undefined && !choices.includes(value)) errors.push(notSupported(path, value, choices));
}

export function validateUnchanged(next: unknown, old: unknown, path: string, errors: FieldError[]): void {
  if (!sameMeaning(next, old)) errors.push(invalidValue(path, next, immutableProblem));
}

/** A name that must be there and look right. */
export function validateName(
  value: string | undefined,
  problems: (value: string) => readonly string[],
  path: string,
  errors: FieldError[],
): void {
  const name = value ?? '';
  if (name === '') errors.push(required(path));
  else addProblems(errors, path, name, problems(name));
}

/** The name of a storage class, priority class and the like: nothing is said when it is absent or empty. */
export function validateClassName(value: string | undefined, path: string, errors: FieldError[]): void {
  if (value !== undefined && value !== '') addProblems(errors, path, value, dnsSubdomainProblems(value));
}

const percentProblem =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/** A count or a percentage, neither below zero nor above 100 %. Gives back its figure, NaN when it has none. */
export function validateIntOrPercent(value: IntOrString | undefined, path: string, errors: FieldError[]): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') {
    if (value < 0) errors.push(invalidValue(path, value, nonNegativeProblem));
    return value;
  }
  const percent = percentOf(value);
  if (percent === undefined) errors.push(invalidValue(path, value, percentProblem));
  else if (percent > 100) errors.push(invalidValue(path, value, 'must not be greater than 100%'));
  return percent ?? Number.NaN;
}

/** A quantity that is not negative; or, when `positive`, above zero. Gives it back when it is one. */
export function validateQuantity(
  text: string | undefined,
  path: string,
  errors: FieldError[],
  sign: 'any' | 'nonNegative' | 'positive' = 'nonNegative',
): Quantity | undefined {
  const given = text ?? '0';
  const problem = quantityProblem(given);
  if (problem !== undefined) {
    errors.push(invalidValue(path, given, problem));
    return undefined;
  }
  const quantity = parseQuantity(given);
  if (sign === 'nonNegative' && isNegativeQuantity(quantity)) errors.push(invalidValue(path, given, nonNegativeProblem));
  if (sign === 'positive' && (isNegativeQuantity(quantity) || isZeroQuantity(quantity))) {
    errors.push(invalidValue(path, given, 'must be greater than zero'));
  }
  return quantity;
}

const httpPathCharacters = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const httpPathPattern = new RegExp(`^${httpPathCharacters}$`);

/** `acme.io/foo`: who is meant by it, and which of theirs. */
export function validateDomainPrefixedPath(value: string, path: string, errors: FieldError[]): void {
  if (value === '') return void errors.push(required(path));
  const slash = value.indexOf('/');
  const host = slash < 0 ? '' : value.slice(0, slash);
  const rest = slash < 0 ? '' : value.slice(slash + 1);
  if (host === '' || rest === '')
    return void errors.push(invalidValue(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")'));
  addProblems(errors, path, host, dnsSubdomainProblems(host));
  if (!httpPathPattern.test(rest)) {
    errors.push(invalidValue(path, rest, `Invalid path (regex used for validation is '${httpPathCharacters}')`));
  }
}

/** A domain of at least `segments` labels, such as the name of a webhook. */
export function validateQualifiedDomain(value: string, segments: number, path: string, errors: FieldError[]): void {
  if (value === '') return void errors.push(required(path));
  const problems = dnsSubdomainProblems(value);
  if (problems.length > 0) return void errors.push(invalidValue(path, value, problems.join(',')));
  if (value.split('.').length < segments) {
    errors.push(
      invalidValue(path, value, `should be a domain with at least ${['zero', 'one', 'two', 'three'][segments]} segments separated by dots`),
    );
  }
}

const driverNameMax = 63;

/** The name of a CSI or resource driver: a subdomain of at most 63 bytes, in which upper case passes. */
export function validateDriverName(name: string, path: string, errors: FieldError[]): void {
  if (name === '') return void errors.push(required(path));
  if (byteLength(name) > driverNameMax) {
    const message = `Too long: may not be more than ${driverNameMax} bytes`;
    errors.push({ type: 'FieldValueTooLong', field: path, message, text: `${path}: ${message}` });
  }
  addProblems(errors, path, name, dnsSubdomainProblems(name.toLowerCase()));
}

/** A map of options to a driver: at most 512 of them, 256 KiB in all. */
export function validateParameters(parameters: Readonly<Record<string, string>> | undefined, path: string, errors: FieldError[]): void {
  const entries = Object.entries(parameters ?? {});
  let bytes = 0;
  for (const [key, value] of entries) {
    if (key === '') errors.push(invalidValue(path, key, 'field can not be empty.'));
    bytes += byteLength(key) + byteLength(value);
  }
  const limit = entries.length > parametersMax ? parametersMax : bytes > parametersBytesMax ? parametersBytesMax : undefined;
  if (limit === undefined) return;
  const message = `Too long: may not be more than ${limit} bytes`;
  errors.push({ type: 'FieldValueTooLong', field: path, message, text: `${path}: ${message}` });
}
const parametersMax = 512;
const parametersBytesMax = 256 * 1024;

/** A qualified name that must be there, such as a provisioner's. */
export function validateQualifiedName(value: string, path: string, errors: FieldError[]): void {
  if (value === '') errors.push(required(path));
  else addProblems(errors, path, value, qualifiedNameProblems(value.toLowerCase()));
}

/** Adds a Duplicate for each item that stands in the list before. In time proportional to the list: it may be a hostile one. */
export function validateDistinct(list: readonly string[] | undefined, path: (index: number) => string, errors: FieldError[]): void {
  const seen = new Set<string>();
  list?.forEach((item, i) => {
    if (seen.has(item)) errors.push(duplicate(path(i), item));
    seen.add(item);
  });
}
