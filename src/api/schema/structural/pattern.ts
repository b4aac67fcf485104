// The patterns of schemas, compiled once each.
import type { JsonSchema } from './model.ts';

const compiled = new WeakMap<JsonSchema, RegExp | undefined>();

/** Go's spellings that the engine's regular expressions have otherwise. */
const translated = (pattern: string): string =>
  pattern
    .replaceAll('(?P<', '(?<')
    .replaceAll('\\A', '^')
    .replaceAll('\\z', '$')
    .replaceAll('[[:alpha:]]', '[A-Za-z]')
    .replaceAll('[[:digit:]]', '[0-9]')
    .replaceAll('[[:alnum:]]', '[A-Za-z0-9]')
    .replaceAll('[[:space:]]', '\\s');

function compile(pattern: string): RegExp | undefined {
  for (const flags of ['u', '']) {
    try {
      return new RegExp(translated(pattern), flags);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return undefined;
}

/** `schema` is where the pattern stands. A pattern that nobody can read refuses nothing: definitions with one are not accepted. */
export function patternMatches(schema: JsonSchema, pattern: string, text: string): boolean {
  if (!compiled.has(schema)) compiled.set(schema, compile(pattern));
  return compiled.get(schema)?.test(text) ?? true;
}
