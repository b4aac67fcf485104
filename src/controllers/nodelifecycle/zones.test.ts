// States of zones by table; leave to empty nodes by what the zones' nodes do.
import { describe, expect, test } from 'vitest';
import type { V1Node } from '../../api/mod.ts';
import { nodeOf } from '../runtime/world.fake.ts';
import { evictionsPerSecond, Zones, zoneOf, zoneStateOf } from './zones.ts';

describe('zoneStateOf and evictionsPerSecond', () => {
  test.each([
    [0, 0, 'Normal', 0.1],
    [3, 0, 'Normal', 0.1],
    [0, 1, 'FullDisruption', 0.1],
    [1, 2, 'Normal', 0.1],
    [2, 3, 'PartialDisruption', 0],
    [3, 3, 'Normal', 0.1],
    [22, 28, 'PartialDisruption', 0],
    [22, 29, 'PartialDisruption', 0.01],
    [29, 22, 'Normal', 0.1],
  ] as const)('%i ready, %i not: %s, %f a second', (ready, notReady, state, rate) => {
    expect(zoneStateOf({ ready, notReady })).toBe(state);
    expect(evictionsPerSecond({ ready, notReady })).toBe(rate);
  });
});

const node = (name: string, ready: boolean, zone = 'a'): V1Node =>
  nodeOf(name, {
    metadata: { name, labels: { 'topology.kubernetes.io/region': 'r', 'topology.kubernetes.io/zone': zone } },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }] },
  });

describe('Zones', () => {
  test('a zone has its region before it', () => expect(zoneOf(node('n', true, 'z'))).toBe('r/z'));

  test('one node in ten seconds, each zone for itself', () => {
    const zones = new Zones();
    for (const zone of ['a', 'b']) {
      zones.see(undefined, node(`up-${zone}`, true, zone));
      for (const name of ['1', '2']) zones.see(undefined, node(`${name}-${zone}`, false, zone));
    }
    expect(zones.ask(node('1-a', false), 0)).toEqual({ leave: 'given' });
    expect(zones.ask(node('2-a', false), 4_000)).toEqual({ leave: 'later', afterMs: 6_000 });
    expect(zones.ask(node('1-b', false, 'b'), 4_000)).toEqual({ leave: 'given' });
    expect(zones.ask(node('2-a', false), 10_000)).toEqual({ leave: 'given' });
  });

  test('nothing in a small zone of which most is gone, until some come back', () => {
    const zones = new Zones();
    zones.see(undefined, node('up', true));
    expect(['1', '2', '3'].map((name) => zones.see(undefined, node(name, false)))).toEqual([false, false, true]);
    expect(zones.ask(node('1', false), 0)).toEqual({ leave: 'later' });
    expect(zones.see(node('3', false), node('3', true))).toBe(true);
    expect(zones.ask(node('1', false), 0)).toEqual({ leave: 'given' });
  });

  test('a zone that is down is emptied while another has a ready node, and only then', () => {
    const zones = new Zones();
    zones.see(undefined, node('gone', false, 'b'));
    expect(zones.ask(node('gone', false, 'b'), 0)).toEqual({ leave: 'refused' });
    expect(zones.see(undefined, node('up', true))).toBe(true);
    expect(zones.ask(node('gone', false, 'b'), 0)).toEqual({ leave: 'given' });
    expect(zones.see(node('up', true), undefined)).toBe(true);
    expect(zones.anyReady).toBe(false);
  });

  test('what does not touch readiness or place changes nothing; a node may move', () => {
    const zones = new Zones();
    expect(zones.see(undefined, node('n', true))).toBe(true);
    expect(zones.see(node('n', true), node('n', true))).toBe(false);
    expect(zones.see(node('n', true), node('n', true, 'b'))).toBe(true);
    expect(zones.ask(node('x', false, 'b'), 0)).toEqual({ leave: 'given' });
    expect(zones.ask(node('x', false, 'a'), 0)).toEqual({ leave: 'later' });
  });
});
