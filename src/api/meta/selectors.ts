// Label selectors: the string form, the LabelSelector object, and what both compile to.
// Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
import type { V1LabelSelector } from '../generated/types.gen.ts';
import { invalidValue, quoteValue } from './field-error.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';
import { StatusError } from './status.ts';

export type Labels = Readonly<Record<string, string>>;

/** One requirement. `values` of `equals` and `notEquals` is one value; exists and its opposite have none. */
export type Requirement =
  | { readonly key: string; readonly operator: 'in' | 'notin'; readonly values: readonly string[] }
  | { readonly key: string; readonly operator: '=' | '!='; readonly values: readonly [string] }
  | { readonly key: string; readonly operator: 'exists' | '!'; readonly values: readonly [] }
  | { readonly key: string; readonly operator: 'gt' | 'lt'; readonly values: readonly [string] };

/** All requirements must hold. No requirement selects everything; a selector of `nothing` selects nothing. */
export interface LabelSelector {
  readonly requirements: readonly Requirement[];
  readonly nothing: boolean;
}

export const everything: LabelSelector = { requirements: [], nothing: false };
export const nothing: LabelSelector = { requirements: [], nothing: true };

/** A malformed selector, as the API answers it: 400 BadRequest with upstream's message. */
const bad = (message: string): StatusError => new StatusError({ code: 400, reason: 'BadRequest', message });

const isInteger = (text: string): boolean => /^[+-]?[0-9]+$/.test(text);

function holds(requirement: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.operator) {
    case 'in':
    case '=':
      return value !== undefined && requirement.values.includes(value);
    case 'notin':
    case '!=':
      return value === undefined || !requirement.values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
    case 'lt': {
      if (value === undefined || !isInteger(value)) return false;
      const bound = BigInt(requirement.values[0]);
      return requirement.operator === 'gt' ? BigInt(value) > bound : BigInt(value) < bound;
    }
  }
}

/** True when the selector selects an object with these labels. */
export const matchesLabels = (selector: LabelSelector, labels: Labels | undefined): boolean =>
  !selector.nothing && selector.requirements.every((requirement) => holds(requirement, labels ?? {}));

/** The selector as a function, for loops over many objects. */
export function compileSelector(selector: LabelSelector): (labels: Labels | undefined) => boolean {
  if (selector.nothing) return () => false;
  const { requirements } = selector;
  if (requirements.length === 0) return () => true;
  return (labels) => matchesLabels(selector, labels);
}

/** The same key is written in the same place: requirements in the order of their keys. */
const byKey = (a: Requirement, b: Requirement): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

const objectOperators: Readonly<Record<string, (key: string, values: readonly string[]) => Requirement>> = {
  In: (key, values) => ({ key, operator: 'in', values: [...values].sort() }),
  NotIn: (key, values) => ({ key, operator: 'notin', values: [...values].sort() }),
  Exists: (key) => ({ key, operator: 'exists', values: [] }),
  DoesNotExist: (key) => ({ key, operator: '!', values: [] }),
};

/**
 * The selector that a LabelSelector object stands for: absent selects nothing, empty selects everything. Throws a 400 for an
 * operator that does not exist.
 */
export function selectorOf(object: V1LabelSelector | undefined): LabelSelector {
  if (object === undefined) return nothing;
  const requirements = Object.entries(object.matchLabels ?? {}).map(
    ([key, value]): Requirement => ({ key, operator: '=', values: [value] }),
  );
  for (const expression of object.matchExpressions ?? []) {
    const make = Object.hasOwn(objectOperators, expression.operator) ? objectOperators[expression.operator] : undefined;
    if (make === undefined) throw bad(`"${expression.operator}" is not a valid label selector operator`);
    requirements.push(make(expression.key, expression.values ?? []));
  }
  return { requirements: requirements.sort(byKey), nothing: false };
}

/** The selector of exact labels, as Services and ReplicationControllers have it. Absent and empty select nothing here. */
export const selectorOfLabels = (labels: Labels | undefined): LabelSelector =>
  labels === undefined || Object.keys(labels).length === 0 ? nothing : selectorOf({ matchLabels: labels });

/** The predicate of a LabelSelector object: absent selects nothing, empty selects everything. */
export const compileLabelSelector = (object: V1LabelSelector | undefined): ((labels: Labels | undefined) => boolean) =>
  compileSelector(selectorOf(object));

/** `a=b,c=d`, in the order of the keys; `<none>` is the printer's word, not this function's: no labels give "". */
export const labelsToString = (labels: Labels | undefined): string =>
  Object.entries(labels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

function formatRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.join(',')})`;
    case 'gt':
      return `${key}>${values[0]}`;
    case 'lt':
      return `${key}<${values[0]}`;
    default:
      return `${key}${operator}${values[0]}`;
  }
}

/** The string form: `a=b,c in (x,y),!d`. Everything and nothing are both "". */
export const formatSelector = (selector: LabelSelector): string => selector.requirements.map(formatRequirement).join(',');

/** A LabelSelector object as `kubectl get -o wide` and the Scale subresource write it: `<none>` for an absent or invalid one is the caller's. */
export const formatLabelSelector = (object: V1LabelSelector | undefined): string => formatSelector(selectorOf(object));

/** Parses the string form, as the `labelSelector` parameter has it. Throws a 400 with upstream's message. */
export function parseSelector(text: string): LabelSelector {
  return { requirements: [...parseRequirements(tokenize(text))].sort(byKey), nothing: false };
}

type TokenKind = 'end' | 'identifier' | '(' | ')' | ',' | '!' | '=' | '==' | '!=' | '>' | '<' | 'in' | 'notin' | 'error';
interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}
interface Cursor {
  readonly tokens: readonly Token[];
  at: number;
}

const tokenPattern = /\s*(?:(==|!=|[=!(),<>])|([^\s=!(),<>]+))/y;
const end: Token = { kind: 'end', text: '' };

function tokenize(text: string): Cursor {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  for (let match = tokenPattern.exec(text); match !== null; match = tokenPattern.exec(text)) {
    const [, symbol, word = ''] = match;
    if (symbol !== undefined) tokens.push({ kind: symbol as TokenKind, text: symbol });
    else tokens.push({ kind: word === 'in' || word === 'notin' ? word : 'identifier', text: word });
  }
  return { tokens, at: 0 };
}

/** The next token. Where a key or value is due, the words "in" and "notin" are plain identifiers. */
function peek(cursor: Cursor, wordsArePlain: boolean): Token {
  const token = cursor.tokens[cursor.at] ?? end;
  return wordsArePlain && (token.kind === 'in' || token.kind === 'notin') ? { kind: 'identifier', text: token.text } : token;
}

function take(cursor: Cursor, wordsArePlain = true): Token {
  const token = peek(cursor, wordsArePlain);
  cursor.at++;
  return token;
}

const unexpected = (token: Token, expected: string): StatusError => bad(`found '${token.text}', expected: ${expected}`);
const inRequirement = (message: string): StatusError => bad(`unable to parse requirement: ${message}`);
const unexpectedIn = (token: Token, expected: string): StatusError => inRequirement(`found '${token.text}', expected: ${expected}`);

function* parseRequirements(cursor: Cursor): Generator<Requirement> {
  for (;;) {
    const token = peek(cursor, true);
    if (token.kind === 'end') return;
    if (token.kind !== 'identifier' && token.kind !== '!') throw unexpected(token, "!, identifier, or 'end of string'");
    yield parseRequirement(cursor);
    const after = take(cursor);
    if (after.kind === 'end') return;
    if (after.kind !== ',') throw unexpected(after, "',' or 'end of string'");
    const next = peek(cursor, true);
    if (next.kind !== 'identifier' && next.kind !== '!') throw unexpected(next, "identifier after ','");
  }
}

function parseRequirement(cursor: Cursor): Requirement {
  const negated = peek(cursor, true).kind === '!';
  if (negated) cursor.at++;
  const token = take(cursor);
  if (token.kind !== 'identifier') throw unexpectedIn(token, 'identifier');
  const key = token.text;
  const problems = qualifiedNameProblems(key);
  if (problems.length > 0) throw inRequirement(`<nil>: Invalid value: ${quoteValue(key)}: ${problems.join('; ')}`);
  if (negated) return { key, operator: '!', values: [] };
  const following = peek(cursor, true).kind;
  if (following === 'end' || following === ',') return { key, operator: 'exists', values: [] };
  return parseComparison(cursor, key);
}

function parseComparison(cursor: Cursor, key: string): Requirement {
  const operator = take(cursor, false);
  switch (operator.kind) {
    case 'in':
    case 'notin':
      return { key, operator: operator.kind, values: checkedValues(key, parseValues(cursor)) };
    case '=':
    case '==':
      return { key, operator: '=', values: [checkedValue(key, parseExactValue(cursor))] };
    case '!=':
      return { key, operator: '!=', values: [checkedValue(key, parseExactValue(cursor))] };
    case '>':
    case '<': {
      const value = checkedValue(key, parseExactValue(cursor));
      if (!isInteger(value)) {
        throw inRequirement(`values[0]: Invalid value: ${quoteValue(value)}: for 'Gt', 'Lt' operators, the value must be an integer`);
      }
      return { key, operator: operator.kind === '>' ? 'gt' : 'lt', values: [value] };
    }
    default:
      throw unexpectedIn(operator, 'in, notin, =, ==, !=, gt, lt');
  }
}

function parseExactValue(cursor: Cursor): string {
  const next = peek(cursor, true);
  if (next.kind === 'end' || next.kind === ',') return '';
  const token = take(cursor);
  if (token.kind !== 'identifier') throw unexpectedIn(token, 'identifier');
  return token.text;
}

function parseValues(cursor: Cursor): string[] {
  const open = take(cursor);
  if (open.kind !== '(') throw inRequirement(`found '${open.text}' expected: '('`);
  const first = peek(cursor, true);
  if (first.kind === ')') {
    cursor.at++;
    return [];
  }
  if (first.kind !== 'identifier' && first.kind !== ',') throw unexpectedIn(first, "',', ')' or identifier");
  const values: string[] = [];
  for (;;) {
    // A missing value between two commas is the empty value.
    values.push(peek(cursor, true).kind === 'identifier' ? take(cursor).text : '');
    const after = take(cursor);
    if (after.kind === ')') return values;
    if (after.kind !== ',') throw unexpectedIn(after, "',' or ')'");
  }
}

function checkedValues(key: string, values: readonly string[]): string[] {
  if (values.length === 0) {
    throw inRequirement("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty");
  }
  const unique = [...new Set(values)].sort();
  unique.forEach((value, i) => {
    checkedValue(key, value, i);
  });
  return unique;
}

function checkedValue(key: string, value: string, index = 0): string {
  const problems = labelValueProblems(value);
  if (problems.length > 0) throw inRequirement(invalidValue(`values[${index}][${key}]`, value, problems.join('; ')).text);
  return value;
}
