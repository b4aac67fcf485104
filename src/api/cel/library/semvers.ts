// Semantic versions. Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-semver-library, and semver.org for their order.

import { compareText } from '../equality.ts';
import { boolType, intType, semverType, stringType } from '../types.ts';
import { type CelOpaque, Failure, type Result } from '../values.ts';
import { fn, type Library, method, traversal } from './declare.ts';

class Semver implements CelOpaque {
  readonly opaqueType = 'kubernetes.Semver';
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly prerelease: readonly string[];

  constructor(numbers: readonly [bigint, bigint, bigint], prerelease: readonly string[]) {
    this.numbers = numbers;
    this.prerelease = prerelease;
  }

  equals(other: CelOpaque): boolean {
    return other instanceof Semver && compare(this, other) === 0;
  }
}

const isNumber = (text: string): boolean => /^\d+$/.test(text);

function compareIdentifiers(a: string, b: string): number {
  if (isNumber(a) && isNumber(b)) return BigInt(a) < BigInt(b) ? -1 : Number(BigInt(a) > BigInt(b));
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1;
  return compareText(a, b);
}

/** A release comes after its prereleases; builds do not count. */
function compare(a: Semver, b: Semver): number {
  for (const [i, x] of a.numbers.entries()) {
    const y = b.numbers[i] ?? 0n;
    if (x !== y) return x < y ? -1 : 1;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return Math.sign(b.prerelease.length - a.prerelease.length);
  for (const [i, x] of a.prerelease.entries()) {
    const y = b.prerelease[i];
    if (y === undefined) return 1;
    const order = compareIdentifiers(x, y);
    if (order !== 0) return order;
  }
  return a.prerelease.length < b.prerelease.length ? -1 : 0;
}

const uint64Max = 2n ** 64n - 1n;

function numberProblem(what: string, text: string): string | undefined {
  if (!isNumber(text)) return `Invalid character(s) found in ${what.toLowerCase()} number ${JSON.stringify(text)}`;
  if (text.length > 1 && text.startsWith('0')) return `${what} number must not contain leading zeroes ${JSON.stringify(text)}`;
  if (text.length > 20 || BigInt(text) > uint64Max) return `strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`;
  return undefined;
}

function identifierProblem(kind: 'PreRelease' | 'Build', text: string): string | undefined {
  if (text === '') return kind === 'Build' ? 'Build meta data is empty' : 'Prerelease is empty';
  if (!/^[0-9A-Za-z-]+$/.test(text))
    return `Invalid character(s) found in ${kind === 'Build' ? 'build meta data' : 'prerelease'} ${JSON.stringify(text)}`;
  if (kind === 'PreRelease' && isNumber(text) && text.length > 1 && text.startsWith('0')) {
    return `Numeric PreRelease version must not contain leading zeroes ${JSON.stringify(text)}`;
  }
  return undefined;
}

/** A leading v, leading zeros and missing parts are allowed, and put right. */
function normalize(text: string): string | Failure {
  const [head = '', minor, ...rest] = text.replace(/^v/, '').split('.');
  const parts = [head, ...(minor === undefined ? [] : [minor]), ...(rest.length === 0 ? [] : [rest.join('.')])].map((part) => {
    if (part.length <= 1) return part;
    const short = part.replace(/^0+/, '');
    return /^\d/.test(short) ? short : `0${short}`;
  });
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? '')) return new Failure('short version cannot contain PreRelease/Build meta data');
  while (parts.length < 3) parts.push('0');
  return parts.join('.');
}

function parseStrict(text: string): Semver | Failure {
  if (text === '') return new Failure('Version string empty');
  const [major, minor, ...rest] = text.split('.');
  if (major === undefined || minor === undefined || rest.length === 0) return new Failure('No Major.Minor.Patch elements found');
  const tail = rest.join('.');
  const plus = tail.indexOf('+');
  const builds = plus < 0 ? [] : tail.slice(plus + 1).split('.');
  const unbuilt = plus < 0 ? tail : tail.slice(0, plus);
  const dash = unbuilt.indexOf('-');
  const prerelease = dash < 0 ? [] : unbuilt.slice(dash + 1).split('.');
  const patch = dash < 0 ? unbuilt : unbuilt.slice(0, dash);
  const problem =
    numberProblem('Major', major) ??
    numberProblem('Minor', minor) ??
    numberProblem('Patch', patch) ??
    prerelease.map((text) => identifierProblem('PreRelease', text)).find((found) => found !== undefined) ??
    builds.map((text) => identifierProblem('Build', text)).find((found) => found !== undefined);
  return problem === undefined ? new Semver([BigInt(major), BigInt(minor), BigInt(patch)], prerelease) : new Failure(problem);
}

function parse(text: string, isLoose = false): Semver | Failure {
  const strict = isLoose ? normalize(text) : text;
  return strict instanceof Failure ? strict : parseStrict(strict);
}

const isSemver = (text: string, isLoose = false): Result => !(parse(text, isLoose) instanceof Failure);
const part = (index: 0 | 1 | 2) => (value: Semver) => value.numbers[index];

export const semvers: Library = {
  semver: [
    fn('string_to_semver', [stringType], semverType, parse, traversal()),
    fn('string_bool_to_semver', [stringType, boolType], semverType, parse, traversal()),
  ],
  isSemver: [
    fn('is_semver_string', [stringType], boolType, isSemver, traversal()),
    fn('is_semver_string_bool', [stringType, boolType], boolType, isSemver, traversal()),
  ],
  major: [method('semver_major', [semverType], intType, part(0))],
  minor: [method('semver_minor', [semverType], intType, part(1))],
  patch: [method('semver_patch', [semverType], intType, part(2))],
  isGreaterThan: [method('semver_is_greater_than', [semverType, semverType], boolType, (a: Semver, b: Semver) => compare(a, b) > 0)],
  isLessThan: [method('semver_is_less_than', [semverType, semverType], boolType, (a: Semver, b: Semver) => compare(a, b) < 0)],
  compareTo: [method('semver_compare_to', [semverType, semverType], intType, (a: Semver, b: Semver) => BigInt(compare(a, b)))],
};
