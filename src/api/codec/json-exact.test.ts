import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringifyJson } from './encode.ts';
import { ExactNumber, exactInteger, JsonSyntaxError, parseExactJson, settleNumbers } from './json-exact.ts';
import { scanJson } from './json-scan.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (text: string): unknown => settleNumbers(parseExactJson(bytesOf(text)).value);

const countKeys = (value: unknown): number =>
  typeof value !== 'object' || value === null
    ? 0
    : Object.values(value).reduce((sum: number, member) => sum + countKeys(member), Array.isArray(value) ? 0 : Object.keys(value).length);
const depthOf = (value: unknown): number =>
  typeof value !== 'object' || value === null
    ? 0
    : 1 + Object.values(value).reduce((most: number, member) => Math.max(most, depthOf(member)), 0);

describe('laws', () => {
  test('reads what the engine reads', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 2), (text, indent) => {
        const value: unknown = JSON.parse(text);
        const written = JSON.stringify(value, null, indent);
        // Integers beyond 2^53 are bigints here.
        expect(stringifyJson(parse(written))).toBe(JSON.stringify(value));
      }),
      { numRuns: 500 },
    );
  });

  test('refuses what the engine refuses, however a text is damaged', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', '"', '{', '}', '[', ']', ',', ':', '\\', '0', '-', '.', 'e', 't', ' ', '\n', 'x'),
        (text, at, put) => {
          const i = at % (text.length + 1);
          const damaged = text.slice(0, i) + put + text.slice(i + 1);
          let valid = true;
          try {
            JSON.parse(damaged);
          } catch {
            valid = false;
          }
          if (valid) expect(() => parse(damaged)).not.toThrow();
          else expect(() => parse(damaged)).toThrow(JsonSyntaxError);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('a scan counts the keys and the depth of what has no duplicates', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1), (value, indent) => {
        const scan = scanJson(bytesOf(JSON.stringify(value, null, indent)));
        expect(scan.keys).toBe(countKeys(value));
        expect(scan.depth).toBe(depthOf(value));
      }),
      { numRuns: 500 },
    );
  });

  test('a scan lets no number pass that a double changes', () => {
    const numberText = fc.oneof(
      fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map(String),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    );
    fc.assert(
      fc.property(numberText, (number) => {
        const text = `{"a":[${number}],"b":${number}}`;
        if (!scanJson(bytesOf(text)).exactNumbers) expect(String((JSON.parse(text) as { b: number }).b)).toBe(number);
      }),
      { numRuns: 500 },
    );
  });
});

describe('what the engine loses', () => {
  test('duplicates, with their paths and places', () => {
    const text = '{"a":{"b":1,"b":2,"b":3},"c":[{"d":1,"d":2}],"e":"{\\"x\\":1,\\"x\\":2}"}';
    const { duplicates, positions } = parseExactJson(bytesOf(text));
    expect([...duplicates]).toEqual([
      ['a.b', text.indexOf('"b":2')],
      ['c[0].d', text.indexOf('"d":2')],
    ]);
    expect(positions.get('c[0].d')).toBe(text.indexOf('"d":1'));
  });

  test('how numbers are written', () => {
    const { value } = parseExactJson(bytesOf('[2.0,1e3,9007199254740993,12,-0]'));
    expect(value).toEqual([new ExactNumber('2.0'), new ExactNumber('1e3'), new ExactNumber('9007199254740993'), 12, 0]);
    expect(settleNumbers(value)).toEqual([2, 1000, 9007199254740993n, 12, 0]);
  });

  test.each([
    ['12', 12],
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -9223372036854775808n],
    ['9223372036854775808', undefined],
    ['1.0', undefined],
    ['1e3', undefined],
  ])('the integer %s is %s', (text, want) => {
    expect(exactInteger(text)).toBe(want);
  });
});
