// Field selectors: `status.phase!=Running,spec.nodeName=n1`.
// Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
import { StatusError } from './status.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly equals: boolean;
  readonly value: string;
}

/** All must hold; none selects everything. */
export type FieldSelector = readonly FieldRequirement[];

const bad = (message: string): StatusError => new StatusError({ code: 400, reason: 'BadRequest', message });

/** Splits at commas that no backslash stands before. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function unescapeValue(text: string): string {
  let value = '';
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? '';
    if (char === '\\') {
      const next = text[++i];
      if (next !== '\\' && next !== ',' && next !== '=') throw bad(`invalid field selector: invalid escape sequence: \\${next ?? ''}`);
      value += next;
    } else if (char === ',' || char === '=') {
      throw bad(`invalid field selector: unescaped character in value: ${char}`);
    } else value += char;
  }
  return value;
}

const termPattern = /^((?:[^\\=!]|\\.|!(?!=))*)(!=|==|=)(.*)$/s;

/** Parses the `fieldSelector` parameter. Throws a 400. Which fields a kind knows is not asked here. */
export function parseFieldSelector(text: string): FieldSelector {
  const selector: FieldRequirement[] = [];
  for (const term of splitTerms(text)) {
    if (term === '') continue;
    const match = termPattern.exec(term);
    if (match === null) throw bad(`invalid selector: '${text}'; can't understand '${term}'`);
    selector.push({ field: match[1] ?? '', equals: match[2] !== '!=', value: unescapeValue(match[3] ?? '') });
  }
  return selector;
}

/** True when every requirement holds; `read` gives a field's value, `""` when it has none. */
export const matchesFields = (selector: FieldSelector, read: (field: string) => string): boolean =>
  selector.every(({ field, equals, value }) => (read(field) === value) === equals);

/** The value that the selector asks `field` to equal, if it asks that: what an index can serve. */
export const requiredFieldValue = (selector: FieldSelector, field: string): string | undefined =>
  selector.find((requirement) => requirement.field === field && requirement.equals)?.value;

const escapeValue = (value: string): string => value.replace(/[\\,=]/g, '\\$&');

export const formatFieldSelector = (selector: FieldSelector): string =>
  selector.map(({ field, equals, value }) => `${field}${equals ? '=' : '!='}${escapeValue(value)}`).join(',');
