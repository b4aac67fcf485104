import { expect, test } from 'vitest';
import { addressAt, formatRange, parseCidr, parseRange, rangesOverlap } from './ip-range.ts';

test.each([
  ['10.1.2.0/24', '10.1.2.0/24'],
  ['10.1.2.77/24', '10.1.2.0/24'],
  ['192.168.0.1', '192.168.0.1/32'],
  ['255.255.255.255/0', '0.0.0.0/0'],
  ['10.1.2.0/33', undefined],
  ['10.1.256.0/24', undefined],
  ['fd00::/64', 'fd00::/64'],
  ['FD00:0::5:0:9/64', 'fd00::/64'],
  ['fd00::1', 'fd00::1/128'],
  ['::/0', '::/0'],
  ['fd00::/129', undefined],
  ['10.1.2.0/', undefined],
  ['default', undefined],
  ['', undefined],
])('parseRange(%j) is %j', (text, expected) => {
  const range = parseRange(text);
  expect(range && formatRange(range)).toBe(expected);
});

test.each([
  ['10.0.0.0/8', '10.42.0.0/24', true],
  ['10.42.0.0/24', '10.42.0.255/32', true],
  ['10.42.0.0/24', '10.42.1.0/24', false],
  ['10.42.0.0/23', '10.42.1.0/24', true],
  ['fd00:42::/56', 'fd00:42:0:ff::/64', true],
  ['fd00:42::/56', 'fd00:42:0:100::/64', false],
  ['0.0.0.0/0', '::/0', false],
])('overlap of %s and %s: %s', (a, b, expected) => {
  const [x, y] = [parseRange(a), parseRange(b)];
  expect(x && y && [rangesOverlap(x, y), rangesOverlap(y, x)]).toEqual([expected, expected]);
});

test('addresses are counted from the first of the range', () => {
  const range = parseRange('10.42.7.0/24');
  expect(range && [addressAt(range, 1), addressAt(range, 255)]).toEqual(['10.42.7.1', '10.42.7.255']);
  expect(() => range && addressAt(range, 256)).toThrow('outside 10.42.7.0/24');
});

test('a CIDR has a prefix', () => {
  expect([parseCidr('10.42.7.0'), parseCidr('nonsense'), parseCidr('10.0.0.0/33')]).toEqual([undefined, undefined, undefined]);
  expect(parseCidr('10.42.7.9/24')).toEqual(parseRange('10.42.7.0/24'));
});
