// The patterns of schemas: RE2's syntax, in time that grows with the text alone.
import { regexOf } from '../../cel/library/regex.ts';

/** A pattern that nobody can read refuses nothing. */
export function patternMatches(pattern: string, text: string): boolean {
  const regex = regexOf(pattern);
  return !('matcher' in regex) || regex.matcher(text).find();
}

/** Undefined of a pattern that can be read. */
export function patternProblem(pattern: string): string | undefined {
  const regex = regexOf(pattern);
  return 'matcher' in regex ? undefined : `must be a valid regular expression, but isn't: ${regex.message}`;
}
