// Hints by the zones' shares of CPUs: what the documentation's thresholds make of endpoints and nodes.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { V1Endpoint, V1Node } from '../../api/mod.ts';
import { wantsTopology, type ZoneShares, zoneHints, zoneShares } from './topology.ts';

const node = (zone: string | undefined, cpu: string, more: Record<string, string> = {}, ready = 'True') =>
  ({
    metadata: { labels: { ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }), ...more } },
    status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: ready }] },
  }) as unknown as V1Node;

test.each<[string, readonly V1Node[], unknown]>([
  [
    'by CPUs',
    [node('a', '3'), node('b', '500m'), node('b', '500m')],
    [
      ['a', 0.75],
      ['b', 0.25],
    ],
  ],
  [
    'a control plane does not count',
    [node('a', '1'), node('b', '1'), node('c', '8', { 'node-role.kubernetes.io/control-plane': '' })],
    [
      ['a', 0.5],
      ['b', 0.5],
    ],
  ],
  [
    'one that is not ready does not count',
    [node('a', '1'), node('b', '1'), node(undefined, '8', {}, 'False')],
    [
      ['a', 0.5],
      ['b', 0.5],
    ],
  ],
  ['one without a zone', [node('a', '1'), node('b', '1'), node(undefined, '1')], 'insufficient'],
  ['one without CPUs', [node('a', '1'), node('b', '0')], 'insufficient'],
  ['one zone', [node('a', '1'), node('a', '1')], 'one zone'],
  ['none', [], 'insufficient'],
])('zoneShares(): %s', (_name, nodes, expected) => {
  const shares = zoneShares(nodes);
  expect(typeof shares === 'object' ? [...shares] : shares).toEqual(expected);
});

const endpoints = (zones: string, from = 0): V1Endpoint[] =>
  [...zones].map((zone, i) => ({
    addresses: [`10.0.0.${100 + from + i}`],
    conditions: { ready: zone !== '-' },
    ...(zone === '?' ? {} : { zone }),
  }));
const shared = (of: Record<string, number>): ZoneShares => new Map(Object.entries(of));
const half = shared({ a: 0.5, b: 0.5 });
const hinted = (shares: ZoneShares, of: readonly V1Endpoint[], standing = new Map<string, string>()) =>
  zoneHints({ shares, addressType: 'IPv4', endpoints: of, standing });
const textOf = (found: ReturnType<typeof zoneHints>, of: readonly V1Endpoint[]) =>
  'why' in found ? found.why : of.map(({ addresses }) => found.hints.get(addresses[0] ?? '') ?? '-').join('');

test.each<[string, ZoneShares, string, string]>([
  ['each its own zone', half, 'aabb', 'aabb'],
  ['one zone gives to the other', half, 'aaab', 'baab'],
  ['all in one zone', half, 'aaaa', 'bbaa'],
  ['what is not ready has none', half, 'ab-', 'ab-'],
  ['by shares', shared({ a: 0.75, b: 0.25 }), 'bbbb', 'aaab'],
  ['a zone without nodes gives all', half, 'cccc', 'bbaa'],
  [
    'too few endpoints',
    shared({ a: 0.4, b: 0.3, c: 0.3 }),
    'ab',
    'Insufficient number of endpoints (2 endpoints, 3 zones), addressType: IPv4',
  ],
  [
    'overload',
    shared({ a: 0.34, b: 0.33, c: 0.33 }),
    'abca',
    'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (4 endpoints, 3 zones), addressType: IPv4',
  ],
  ['an endpoint without a zone', half, 'ab?b', 'One or more endpoints do not have a zone specified, addressType: IPv4'],
  ['one zone', 'one zone', 'ab', 'Nodes only ready in one zone, addressType: IPv4'],
  [
    'nodes that say too little',
    'insufficient',
    'ab',
    'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes, addressType: IPv4',
  ],
])('hints: %s', (_name, shares, zones, expected) => {
  const of = endpoints(zones);
  expect(textOf(hinted(shares, of), of)).toBe(expected);
});

describe('over time', () => {
  test('who has a zone keeps it while nobody has too much', () => {
    const of = endpoints('aaaabbbb');
    const standing = new Map(of.map(({ addresses }, i) => [addresses[0] ?? '', i % 2 === 0 ? 'a' : 'b']));
    expect(textOf(hinted(half, of, standing), of)).toBe('abababab');
    expect(textOf(hinted(shared({ a: 0.25, b: 0.75 }), of, standing), of)).toBe('bbaabbbb');
  });

  test('whatever the endpoints and shares: no zone gets less than its part without the overload allowed, and once is as good as twice', () => {
    const shares = fc
      .array(fc.integer({ min: 1, max: 64 }), { minLength: 2, maxLength: 4 })
      .map((cpus) => zoneShares(cpus.map((cpu, i) => node('abcd'[i], String(cpu)))));
    const zones = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 40 }).map((all) => all.join(''));
    fc.assert(
      fc.property(shares, zones, (of, text) => {
        const list = endpoints(text);
        const found = hinted(of, list);
        if ('why' in found || typeof of !== 'object') return;
        const count = (zone: string) => [...found.hints.values()].filter((one) => one === zone).length;
        for (const [zone, share] of of) expect(count(zone)).toBeGreaterThanOrEqual(Math.floor((share * list.length) / 1.2));
        expect(hinted(of, list, new Map(found.hints))).toEqual(found);
      }),
    );
  });
});

test.each<[Record<string, string>, boolean]>([
  [{ 'service.kubernetes.io/topology-mode': 'Auto' }, true],
  [{ 'service.kubernetes.io/topology-mode': 'auto' }, true],
  [{ 'service.kubernetes.io/topology-aware-hints': 'auto' }, true],
  [{ 'service.kubernetes.io/topology-aware-hints': 'disabled', 'service.kubernetes.io/topology-mode': 'Auto' }, false],
  [{ 'service.kubernetes.io/topology-mode': 'Disabled' }, false],
  [{}, false],
])('wantsTopology() of %j: %s', (annotations, expected) => {
  expect(wantsTopology({ metadata: { annotations } })).toBe(expected);
});
