// Laws of selectors, equality and addresses, over made-up input.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeDifference, sameMeaning } from './equal.ts';
import { cidrProblems, ipFamilyOf, nonSpecialIPProblems, parseIPv4, parseIPv6 } from './ip.ts';
import {
  compileSelector,
  formatSelector,
  type LabelSelector,
  matchesLabels,
  parseSelector,
  selectorOf,
  selectorOfLabels,
} from './selectors.ts';

const key = fc.constantFrom('a', 'b', 'in', 'example.com/c');
const value = fc.constantFrom('', 'x', 'y', '5', '12', 'notin');
const labels = fc.dictionary(key, value);
// The set of the empty value alone can be meant, but not written: `a in ()` is the empty set, which is refused.
const values = fc.array(value, { minLength: 1 }).filter((all) => all.some((each) => each !== ''));
const text = fc
  .array(
    fc.oneof(
      fc.tuple(key, fc.constantFrom('=', '==', '!='), value).map((parts) => parts.join('')),
      fc.tuple(key, fc.constantFrom(' in ', ' notin '), values).map(([k, operator, all]) => `${k}${operator}(${all})`),
      fc.tuple(key, fc.constantFrom('>', '<'), fc.nat()).map((parts) => parts.join('')),
      key,
      key.map((k) => `!${k}`),
    ),
  )
  .map((parts) => parts.join(','));

describe('label selectors', () => {
  test('what is written and read again selects the same', () => {
    fc.assert(
      fc.property(text, labels, (selector, given) => {
        const parsed = parseSelector(selector);
        const again = parseSelector(formatSelector(parsed));
        expect(formatSelector(again)).toBe(formatSelector(parsed));
        expect(matchesLabels(again, given)).toBe(matchesLabels(parsed, given));
        expect(compileSelector(parsed)(given)).toBe(matchesLabels(parsed, given));
      }),
    );
  });

  test('a selector of two halves selects what both do', () => {
    fc.assert(
      fc.property(text, text, labels, (one, two, given) => {
        const both: LabelSelector = {
          requirements: [...parseSelector(one).requirements, ...parseSelector(two).requirements],
          nothing: false,
        };
        expect(matchesLabels(both, given)).toBe(matchesLabels(parseSelector(one), given) && matchesLabels(parseSelector(two), given));
      }),
    );
  });

  test('any text parses or is a 400', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '=', '!', '(', ')', ',', '<', '>', ' ', 'in', 'notin', '/') }), (anything) => {
        try {
          parseSelector(anything);
        } catch (error) {
          expect(error).toMatchObject({ code: 400, reason: 'BadRequest' });
        }
      }),
    );
  });

  test('labels select what has them all; no labels select nothing', () => {
    fc.assert(
      fc.property(labels, labels, (wanted, given) => {
        const expected = Object.entries(wanted).every(([k, v]) => given[k] === v);
        expect(matchesLabels(selectorOf({ matchLabels: wanted }), given)).toBe(expected);
        expect(matchesLabels(selectorOfLabels(wanted), given)).toBe(expected && Object.keys(wanted).length > 0);
      }),
    );
  });
});

describe('equality of meaning', () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  test('everything equals itself, in any order of keys, and equality goes both ways', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(sameMeaning(a, JSON.parse(JSON.stringify(a)))).toBe(true);
        expect(sameMeaning(a, b)).toBe(sameMeaning(b, a));
        expect(describeDifference(a, b).length === 0).toBe(sameMeaning(a, b));
      }),
    );
  });
  test.each([
    [{ a: undefined }, {}, true],
    [{ a: [] }, {}, true],
    [{ a: {} }, {}, true],
    [{ hostNetwork: false }, {}, true],
    [{ runAsUser: 0 }, {}, false],
    [{ a: [1] }, { a: [1, 2] }, false],
    [{ a: [] }, { a: {} }, true],
    [{ nodeSelector: { a: '' } }, { nodeSelector: {} }, false],
    [{ nodeSelector: {} }, {}, true],
    [null, undefined, true],
  ])('%j and %j: %s', (a, b, want) => {
    expect(sameMeaning(a, b)).toBe(want);
  });
});

describe('addresses', () => {
  test.each([
    ['10.0.0.1', 'IPv4'],
    ['255.255.255.255', 'IPv4'],
    ['::', 'IPv6'],
    ['::1', 'IPv6'],
    ['fd00::1:2', 'IPv6'],
    ['1:2:3:4:5:6:7:8', 'IPv6'],
    ['::ffff:10.0.0.1', 'IPv6'],
    ['1::', 'IPv6'],
  ])('%s is %s', (address, family) => {
    expect(ipFamilyOf(address)).toBe(family);
  });
  test.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4.5',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    'g::',
    '1.2.3.4::',
    '1:2:3:4:5:6:7::8',
  ])('%s is none', (address) => {
    expect(ipFamilyOf(address)).toBeUndefined();
  });
  test('bytes come back as they were', () => {
    fc.assert(fc.property(fc.ipV4(), (address) => parseIPv4(address)?.join('.') === address));
    fc.assert(fc.property(fc.ipV6(), (address) => parseIPv6(address)?.length === 16));
  });
  test.each([
    ['10.0.0.0/8', 0],
    ['fd00::/64', 0],
    ['10.0.0.0', 1],
    ['10.0.0.0/33', 1],
    ['x/8', 1],
    ['10.0.0.0/8/8', 1],
  ])('%s has %i problems', (cidr, count) => {
    expect(cidrProblems(cidr)).toHaveLength(count);
  });
  test.each([
    ['10.0.0.1', 0],
    ['127.0.0.1', 1],
    ['::1', 1],
    ['0.0.0.0', 1],
    ['169.254.1.1', 1],
    ['fe80::1', 1],
    ['224.0.0.1', 1],
    ['ff02::1', 1],
  ])('%s as an endpoint has %i problems', (address, count) => {
    expect(nonSpecialIPProblems(address)).toHaveLength(count);
  });
});
