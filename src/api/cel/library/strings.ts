// Strings: the standard functions and version 2 of the string extension, which is Kubernetes'. Positions count code points.
import { boolType, dynType, intType, listOf, stringType } from '../types.ts';
import { CelList, type CelValue, Failure, type Result } from '../values.ts';
import {
  add,
  codePointsIn,
  fixed,
  fn,
  type Library,
  method,
  multiply,
  perCharacter,
  type Range,
  type Sizing,
  scale,
  sizeOf,
  traversal,
  treeCost,
  unknownSize,
} from './declare.ts';
import { formatText } from './string-format.ts';

const outOfRange = (index: bigint): Failure => new Failure(`index out of range: ${index}`);
const ascii = (text: string): boolean => text.length === Buffer.byteLength(text);

/** The part of a text between two positions; cheap for ASCII. */
function sliceText(text: string, start: number, end: number): string {
  return ascii(text) ? text.slice(start, end) : Array.from(text).slice(start, end).join('');
}

function charAt(text: string, index: bigint): Result {
  const count = codePointsIn(text);
  if (index < 0n || index > BigInt(count)) return outOfRange(index);
  return sliceText(text, Number(index), Number(index) + 1);
}

/** The unit at which the code point at `position` starts. */
function unitOf(text: string, position: number): number {
  let unit = 0;
  for (let i = 0; i < position; i++) unit += (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1;
  return unit;
}

function indexOf(text: string, part: string, offset = 0n): Result {
  if (part === '') return offset;
  const count = codePointsIn(text);
  // An empty text has no position at all, but looking for something from its start finds nothing.
  if (offset < 0n || (offset >= BigInt(count) && !(offset === 0n && count === 0))) return outOfRange(offset);
  const unit = text.indexOf(part, unitOf(text, Number(offset)));
  return unit < 0 ? -1n : BigInt(codePointsIn(text.slice(0, unit)));
}

function lastIndexOf(text: string, part: string, offset?: bigint): Result {
  const count = codePointsIn(text);
  if (part === '') return offset ?? BigInt(count);
  if (offset !== undefined && (offset < 0n || offset >= BigInt(count))) return outOfRange(offset);
  const unit = text.lastIndexOf(part, offset === undefined ? Number.POSITIVE_INFINITY : unitOf(text, Number(offset)));
  return unit < 0 ? -1n : BigInt(codePointsIn(text.slice(0, unit)));
}

function substring(text: string, start: bigint, end?: bigint): Result {
  const count = BigInt(codePointsIn(text));
  if (end !== undefined && start > end) return new Failure(`invalid substring range. start: ${start}, end: ${end}`);
  if (start < 0n || start > count) return outOfRange(start);
  if (end !== undefined && (end < 0n || end > count)) return outOfRange(end);
  return sliceText(text, Number(start), Number(end ?? count));
}

/** The most bytes that a replacement may make: beyond it, an expression could square its own size again and again. */
const textMax = 32 * 1024 * 1024;

function replace(text: string, old: string, by: string, limit = -1n): Result {
  if (limit === 0n || old === by) return text;
  const parts = old === '' ? ['', ...Array.from(text), ''] : text.split(old);
  const count = limit < 0n ? parts.length - 1 : Math.min(Number(limit), parts.length - 1);
  if (text.length + count * by.length > textMax) return new Failure(`replace: the result would be longer than ${textMax} characters`);
  const replaced = parts.slice(0, count + 1).join(by);
  if (count === parts.length - 1) return replaced;
  return [replaced, ...parts.slice(count + 1)].join(old);
}

function split(text: string, separator: string, limit = -1n): Result {
  if (limit === 0n) return new CelList([]);
  const parts = separator === '' ? Array.from(text) : text.split(separator);
  if (limit < 0n || BigInt(parts.length) <= limit) return new CelList(parts);
  const count = Number(limit);
  return new CelList([...parts.slice(0, count - 1), parts.slice(count - 1).join(separator)]);
}

function join(list: CelList, separator = ''): Result {
  const texts: string[] = [];
  let length = 0;
  for (let i = 0; i < list.size; i++) {
    const item = list.at(i);
    if (item instanceof Failure) return item;
    if (typeof item !== 'string') return new Failure('no such overload');
    texts.push(item);
    length += item.length + separator.length;
  }
  return length > textMax ? new Failure(`join: the result would be longer than ${textMax} characters`) : texts.join(separator);
}

/** As Unicode has white space, without zero-width ones (which JavaScript's trim takes too). */
const edges = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

function trim(text: string): Result {
  const blank = (char: string | undefined): boolean => char !== undefined && edges.test(char);
  let end = text.length;
  while (end > 0 && blank(text[end - 1])) end--;
  return text.slice(0, end).replace(edges, '');
}

const quoted: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

const quote = (text: string): Result => `"${Array.from(text, (char) => quoted[char] ?? char).join('')}"`;

const asciiCase = (form: RegExp, change: (char: string) => string) => (text: string) => text.replace(form, change);

/** How often a part may be replaced, and what stays of the text. */
function replacedSize(text: Range, old: Range, by: Range): Range {
  let times = { min: 0, max: 0 };
  let kept = { min: 0, max: 0 };
  if (old.min === 0) {
    times = { ...times, max: text.max + 1 };
    kept = { ...kept, max: text.max };
  } else if (by.max <= old.min) kept = { ...kept, max: text.max };
  else times = { ...times, max: Math.ceil(text.max / old.min) };
  if (old.max === 0) {
    times = { ...times, min: text.min + 1 };
    kept = { ...kept, min: text.min };
  } else if (old.max <= by.min) kept = { ...kept, min: text.min };
  else times = { ...times, min: Math.ceil(text.min / old.max) };
  return add(multiply(times, by), kept);
}

const sizeOfArg = (arg: Sizing | undefined): Range => arg?.size ?? unknownSize;

const replaceCosts = {
  ...traversal(0, 2),
  estimate: ([text, old, by]: readonly Sizing[]) => ({
    cost: scale(sizeOfArg(text), 2 * perCharacter),
    size: replacedSize(sizeOfArg(text), sizeOfArg(old), sizeOfArg(by)),
  }),
};
const splitCosts = {
  ...traversal(0, 2),
  estimate: ([text, , limit]: readonly Sizing[]) => ({
    cost: scale(sizeOfArg(text), 2 * perCharacter),
    size: { min: 0, max: typeof limit?.literal === 'bigint' && limit.literal >= 0n ? Number(limit.literal) : sizeOfArg(text).max },
  }),
};
const joinCosts = {
  resultCost: (result: Result) => Math.ceil((result instanceof Failure ? 1 : sizeOf(result)) * 2 * perCharacter),
  estimate: ([list, separator]: readonly Sizing[]) => {
    const items = sizeOfArg(list);
    let size = multiply(items, list?.elementSize ?? unknownSize);
    const gaps = { min: Math.max(0, items.min - 1), max: Math.max(0, items.max - 1) };
    if (separator !== undefined) size = add(size, multiply(separator.size, gaps));
    return { cost: scale(size, perCharacter), size };
  },
};
/** Going through the text once; upstream takes whole units here, rounded down. */
const searchCosts = {
  cost: ([text]: readonly CelValue[]) => treeCost(text ?? null),
  estimate: ([text]: readonly Sizing[]) => ({ cost: scale(sizeOfArg(text), perCharacter) }),
};
const affixCosts = {
  ...traversal(),
  estimate: ([, affix]: readonly Sizing[]) => ({ cost: scale(sizeOfArg(affix), perCharacter) }),
};
const containsCosts = {
  cost: ([text, part]: readonly CelValue[]) => Math.ceil(sizeOf(text) * perCharacter) * Math.ceil(sizeOf(part) * perCharacter),
  estimate: ([text, part]: readonly Sizing[]) => ({
    cost: multiply(scale(sizeOfArg(text), perCharacter), scale(sizeOfArg(part), perCharacter)),
  }),
};
const quoteCosts = {
  ...traversal(),
  estimate: ([text]: readonly Sizing[]) => {
    const size = sizeOfArg(text);
    return { cost: scale(size, perCharacter), size: { min: size.min + 2, max: size.max * 2 + 2 } };
  },
};
const formatCosts = {
  cost: ([text]: readonly CelValue[]) => Math.ceil(sizeOf(text) * perCharacter),
  estimate: ([text]: readonly Sizing[]) => ({ cost: scale(sizeOfArg(text), perCharacter), size: unknownSize }),
};

const list = listOf(stringType);

export const strings: Library = {
  contains: [
    method('contains_string', [stringType, stringType], boolType, (text: string, part: string) => text.includes(part), containsCosts),
  ],
  startsWith: [
    method('starts_with_string', [stringType, stringType], boolType, (text: string, part: string) => text.startsWith(part), affixCosts),
  ],
  endsWith: [
    method('ends_with_string', [stringType, stringType], boolType, (text: string, part: string) => text.endsWith(part), affixCosts),
  ],
  charAt: [
    method('string_char_at_int', [stringType, intType], stringType, charAt, {
      estimate: () => ({ cost: fixed(1), size: { min: 0, max: 1 } }),
    }),
  ],
  indexOf: [
    method('string_index_of_string', [stringType, stringType], intType, indexOf, searchCosts),
    method('string_index_of_string_int', [stringType, stringType, intType], intType, indexOf, searchCosts),
  ],
  lastIndexOf: [
    method('string_last_index_of_string', [stringType, stringType], intType, lastIndexOf, searchCosts),
    method('string_last_index_of_string_int', [stringType, stringType, intType], intType, lastIndexOf, searchCosts),
  ],
  lowerAscii: [
    method(
      'string_lower_ascii',
      [stringType],
      stringType,
      asciiCase(/[A-Z]+/g, (c) => c.toLowerCase()),
      traversal(0, 1, true),
    ),
  ],
  upperAscii: [
    method(
      'string_upper_ascii',
      [stringType],
      stringType,
      asciiCase(/[a-z]+/g, (c) => c.toUpperCase()),
      traversal(0, 1, true),
    ),
  ],
  replace: [
    method('string_replace_string_string', [stringType, stringType, stringType], stringType, replace, replaceCosts),
    method('string_replace_string_string_int', [stringType, stringType, stringType, intType], stringType, replace, replaceCosts),
  ],
  split: [
    method('string_split_string', [stringType, stringType], list, split, splitCosts),
    method('string_split_string_int', [stringType, stringType, intType], list, split, splitCosts),
  ],
  substring: [
    method('string_substring_int', [stringType, intType], stringType, substring, traversal(0, 1, true)),
    method('string_substring_int_int', [stringType, intType, intType], stringType, substring, traversal(0, 1, true)),
  ],
  trim: [method('string_trim', [stringType], stringType, trim, traversal(0, 1, true))],
  join: [
    method('list_join', [list], stringType, join, joinCosts),
    method('list_join_string', [list, stringType], stringType, join, joinCosts),
  ],
  format: [method('string_format', [stringType, listOf(dynType)], stringType, formatText, formatCosts)],
  'strings.quote': [fn('strings_quote', [stringType], stringType, quote, quoteCosts)],
};
