import { describe, expect, test } from 'vitest';
import { formatFieldSelector, matchesFields, parseFieldSelector, requiredFieldValue } from './field-selectors.ts';
import { compileLabelSelector, compileSelector, formatLabelSelector, formatSelector, labelsToString, parseSelector } from './selectors.ts';
import { StatusError } from './status.ts';

describe('label selectors', () => {
  test.each([
    ['', '', true],
    ['a=b', 'a=b', true],
    ['a==b,c!=d', 'a=b,c!=d', true],
    ['a!=b', 'a!=b', false],
    ['c!=d', 'c!=d', true],
    ['a in (x, b)', 'a in (b,x)', true],
    ['a notin (x,y)', 'a notin (x,y)', true],
    ['z notin (x)', 'z notin (x)', true],
    ['a', 'a', true],
    ['!a', '!a', false],
    ['!q', '!q', true],
    ['n>4', 'n>4', true],
    ['n<5', 'n<5', false],
    ['a=', 'a=', false],
    ['e=', 'e=', true],
    ['e in (,x)', 'e in (,x)', true],
    ['in=notin', 'in=notin', false],
    [' a = b , example.com/x ', 'a=b,example.com/x', true],
  ])('%j is written %j and matches: %s', (text, canonical, matches) => {
    const selector = parseSelector(text);
    expect(formatSelector(selector)).toBe(canonical);
    expect(compileSelector(selector)({ a: 'b', e: '', n: '5', 'example.com/x': '1' })).toBe(matches);
  });

  test.each([
    ['a=b c', "found 'c', expected: ',' or 'end of string'"],
    ['a,', "found '', expected: identifier after ','"],
    ['=a', "found '=', expected: !, identifier, or 'end of string'"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a in ()', "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a>b', `unable to parse requirement: values[0]: Invalid value: "b": for 'Gt', 'Lt' operators, the value must be an integer`],
  ])('%j is a 400: %s', (text, message) => {
    expect(() => parseSelector(text)).toThrow(expect.objectContaining({ code: 400, reason: 'BadRequest', message }));
  });

  test('keys and values are checked', () => {
    expect(() => parseSelector('a/b/c=d')).toThrow(
      /^unable to parse requirement: <nil>: Invalid value: "a\/b\/c": a qualified name must consist/,
    );
    expect(() => parseSelector('a=-')).toThrow(/^unable to parse requirement: values\[0\]\[a\]: Invalid value: "-": a valid label must be/);
  });

  test('objects: absent selects nothing, empty everything, all expressions must hold', () => {
    expect(compileLabelSelector(undefined)({})).toBe(false);
    expect(compileLabelSelector({})({})).toBe(true);
    const selector = { matchLabels: { b: '1' }, matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['y', 'x'] }] };
    expect(compileLabelSelector(selector)({ b: '1' })).toBe(true);
    expect(compileLabelSelector(selector)({ b: '1', a: 'x' })).toBe(false);
    expect(formatLabelSelector(selector)).toBe('a notin (x,y),b=1');
    expect(() => compileLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Like' }] })).toThrow(StatusError);
  });

  test('labels print in the order of their keys', () => {
    expect(labelsToString({ b: '2', a: '1' })).toBe('a=1,b=2');
    expect(labelsToString(undefined)).toBe('');
  });
});

describe('field selectors', () => {
  const fields: Record<string, string> = { 'metadata.name': 'x', 'spec.nodeName': 'a,b' };
  test.each([
    ['', true],
    ['metadata.name==x', true],
    ['metadata.name!=x', false],
    ['metadata.name=x,spec.nodeName!=z', true],
    ['spec.nodeName=a\\,b', true],
    ['spec.nodeName=', false],
  ])('%j matches: %s', (text, matches) => {
    const selector = parseFieldSelector(text);
    expect(matchesFields(selector, (field) => fields[field] ?? '')).toBe(matches);
    expect(parseFieldSelector(formatFieldSelector(selector))).toEqual(selector);
  });

  test.each([
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: ='],
    ['a=\\x', 'invalid field selector: invalid escape sequence: \\x'],
  ])('%j is a 400: %s', (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(message);
  });

  test('an index asks what a field must equal', () => {
    expect(requiredFieldValue(parseFieldSelector('a!=b,c=d'), 'c')).toBe('d');
    expect(requiredFieldValue(parseFieldSelector('a!=b,c=d'), 'a')).toBeUndefined();
  });
});
