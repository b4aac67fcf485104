// Regular expressions, in the syntax of RE2 and in time that grows with text and expression, never faster.
import { RE2JS } from 're2js';
import { boolType, intType, listOf, stringType } from '../types.ts';
import { CelList, Failure, type Result } from '../values.ts';
import { type Library, method, regexCosts } from './declare.ts';

const compiledMax = 256;
/** Compiling takes time that no cost accounts for. */
const sourceMax = 32 * 1024;
const compiled = new Map<string, RE2JS | Failure>();

/** The last few hundred expressions are compiled once. */
export function regexOf(source: string): RE2JS | Failure {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  if (source.length > sourceMax) return new Failure('error parsing regexp: expression too large');
  let made: RE2JS | Failure;
  try {
    made = RE2JS.compile(source);
  } catch (error) {
    made = new Failure(
      `error parsing regexp: ${error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : String(error)}`,
    );
  }
  if (compiled.size >= compiledMax) compiled.clear();
  compiled.set(source, made);
  return made;
}

function matches(text: string, source: string): Result {
  const regex = regexOf(source);
  return regex instanceof Failure ? regex : regex.matcher(text).find();
}

function find(text: string, source: string): Result {
  const regex = regexOf(source);
  if (regex instanceof Failure) return regex;
  const matcher = regex.matcher(text);
  return matcher.find() ? (matcher.group() ?? '') : '';
}

function findAll(text: string, source: string, limit = -1n): Result {
  const regex = regexOf(source);
  if (regex instanceof Failure) return regex;
  const found: string[] = [];
  const matcher = regex.matcher(text);
  while ((limit < 0n || BigInt(found.length) < limit) && matcher.find()) found.push(matcher.group() ?? '');
  return new CelList(found);
}

const list = listOf(stringType);

export const regexes: Library = {
  matches: [
    method('matches_string', [stringType, stringType], boolType, matches, regexCosts(false)),
    { ...method('matches', [stringType, stringType], boolType, matches, regexCosts(false)), member: false },
  ],
  find: [method('string_find_string', [stringType, stringType], stringType, find, regexCosts(true))],
  findAll: [
    method('string_find_all_string', [stringType, stringType], list, findAll, regexCosts(true)),
    method('string_find_all_string_int', [stringType, stringType, intType], list, findAll, regexCosts(true)),
  ],
};
