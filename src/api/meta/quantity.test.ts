import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  milliValueOf,
  parseQuantity,
  quantityOf,
  quantityProblem,
  subtractQuantities,
  toNumber,
  wholeValueOf,
} from './quantity.ts';

describe('canonical form', () => {
  test.each([
    ['0', '0'],
    ['0.5', '500m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1.5', '1500m'],
    ['1000', '1k'],
    ['1024', '1024'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Ki', '512'],
    ['1E', '1E'],
    ['1e3', '1e3'],
    ['5e-1', '500e-3'],
    ['100000n', '100u'],
    ['0.0000000001', '1n'],
    ['-1.5', '-1500m'],
    ['+1', '1'],
    ['.5', '500m'],
    ['5.', '5'],
    ['100E', '9223372036854775807'],
    ['-100E', '-9223372036854775807'],
    ['0Mi', '0'],
    ['1Ei', '1Ei'],
  ])('%s is written %s', (input, want) => {
    expect(canonicalQuantity(input)).toBe(want);
  });
});

test.each(['', 'a', '1x', '1 Gi', 'Gi', '--1', '1.2.3', '1ki', '.', '1e', '1Kib', '1m5'])('%j is refused', (input) => {
  expect(quantityProblem(input)).toMatch(/^(quantities must match|unable to parse)/);
});

test.each([
  ['100m', 1, 100],
  ['1', 1, 1000],
  ['1.5Ki', 1536, 1_536_000],
  ['0.1m', 1, 1],
  ['-1500m', -1, -1500],
  ['1Gi', 2 ** 30, 2 ** 30 * 1000],
])('%s is %i units and %i thousandths, rounded up', (input, units, thousandths) => {
  expect(wholeValueOf(input)).toBe(units);
  expect(milliValueOf(input)).toBe(thousandths);
});

test('numbers are quantities', () => {
  expect(canonicalQuantity(1.5)).toBe('1500m');
  expect(toNumber(parseQuantity(2))).toBe(2);
});

const texts = fc
  .tuple(
    fc.integer({ min: -1_000_000, max: 1_000_000 }),
    fc.nat({ max: 999 }),
    fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'E-3'),
  )
  .map(([whole, fraction, suffix]) => `${whole}.${fraction}${suffix}`);

describe('laws', () => {
  test('formatting and parsing again keeps every value that is not binary with a fraction', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const quantity = parseQuantity(text);
        const again = parseQuantity(formatQuantity(quantity));
        if (quantity.format !== 'BinarySI' || quantity.scale === 0) expect(compareQuantities(quantity, again)).toBe(0);
        expect(formatQuantity(again)).toBe(formatQuantity(quantity));
      }),
    );
  });

  test('addition commutes, and subtraction undoes it', () => {
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        const [x, y] = [parseQuantity(a), parseQuantity(b)];
        expect(compareQuantities(addQuantities(x, y), addQuantities(y, x))).toBe(0);
        expect(compareQuantities(subtractQuantities(addQuantities(x, y), y), x)).toBe(0);
      }),
    );
  });

  test('the order is that of the numbers', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (a, b) => {
        expect(compareQuantities(quantityOf(a), quantityOf(b))).toBe(Math.sign(a - b) + 0);
      }),
    );
  });
});
