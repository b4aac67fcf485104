import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatRange, parseRange, rangesOverlap, sizeOf } from '../../api/mod.ts';
import { chooseClusterRanges, chooseRange, takenRanges } from './choose-range.ts';

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
          expect(chosen && range && rangesOverlap(chosen, range)).not.toBe(true);
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
