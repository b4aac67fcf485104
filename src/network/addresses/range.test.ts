import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressAt, chooseClusterRanges, chooseRange, formatRange, overlap, parseRange, sizeOf, takenRanges } from './range.ts';

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
  expect(x && y && [overlap(x, y), overlap(y, x)]).toEqual([expected, expected]);
});

test('addresses are counted from the first of the range', () => {
  const range = parseRange('10.42.7.0/24');
  expect(range && [addressAt(range, 1), addressAt(range, 255)]).toEqual(['10.42.7.1', '10.42.7.255']);
  expect(() => range && addressAt(range, 256)).toThrow('outside 10.42.7.0/24');
});

describe('chooseRange', () => {
  test.each([
    [[], '10.42.0.0/24'],
    [['10.42.0.0/24'], '10.42.1.0/24'],
    [['10.42.0.5/32', '10.42.1.0/25'], '10.42.2.0/24'],
    [['10.42.0.0/16', 'fe80::/64', 'default'], '10.43.0.0/24'],
    [['10.42.0.0/15', '10.44.0.0/14', '10.48.0.0/12', '10.64.0.0/10', '10.128.0.0/9'], '10.0.0.0/24'],
    [['10.0.0.0/8'], undefined],
  ])('with %j taken gives %s', (taken, expected) => {
    expect(chooseRange({ prefix: 24, taken, from: '10.42.0.0' })).toBe(expected);
  });

  test('never gives a range that overlaps one in use', () => {
    const ranges = fc.tuple(fc.integer({ min: 0, max: 2 ** 24 - 1 }), fc.integer({ min: 9, max: 32 })).map(([low, prefix]) => {
      const [family, first] = ['IPv4' as const, (10n << 24n) + BigInt(low)];
      return formatRange({ family, first: first - (first % sizeOf({ family, prefix })), prefix });
    });
    fc.assert(
      fc.property(fc.array(ranges, { maxLength: 20 }), fc.integer({ min: 16, max: 28 }), (taken, prefix) => {
        const text = chooseRange({ prefix, taken, from: '10.42.0.0' });
        const chosen = text === undefined ? undefined : parseRange(text);
        for (const other of taken) {
          const range = parseRange(other);
          expect(chosen && range && overlap(chosen, range)).not.toBe(true);
        }
      }),
    );
  });

  test('two clusters get ranges of their own, for services too', () => {
    const first = chooseClusterRanges([]);
    const second = chooseClusterRanges([first?.clusterCidr ?? '', first?.serviceCidr ?? '']);
    expect([first, second]).toEqual([
      { clusterCidr: '10.42.0.0/16', serviceCidr: '10.96.0.0/20' },
      { clusterCidr: '10.43.0.0/16', serviceCidr: '10.96.16.0/20' },
    ]);
  });
});

test('takenRanges reads routes and addresses, without the default route and what every link has', () => {
  const routes = JSON.stringify([
    { dst: 'default', gateway: '192.0.2.1' },
    { dst: '10.9.0.0/16' },
    { dst: '0.0.0.0/0' },
    { type: 'local', dst: '10.8.0.1' },
    { dst: 'fe80::/64' },
    { type: 'multicast', dst: 'ff00::/8' },
    { dst: 'fd00:7::/64' },
  ]);
  const addresses = JSON.stringify([
    {
      ifname: 'lo',
      addr_info: [
        { local: '127.0.0.1', prefixlen: 8 },
        { local: '::1', prefixlen: 128 },
      ],
    },
    { ifname: 'ifb0' },
  ]);
  expect(takenRanges(routes, addresses)).toEqual(['10.9.0.0/16', '10.8.0.1/32', 'fd00:7::/64', '127.0.0.0/8', '::1/128']);
  expect(takenRanges('', '')).toEqual([]);
});
