import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { V1Node, V1Pod, V1PodDisruptionBudget } from '../api/mod.ts';
import { SeededRandom, VirtualClock } from '../base/mod.ts';
import type { Client } from '../client/mod.ts';
import { SchedulerCache } from './cache.ts';
import { defaultArgs } from './config/plugin-args.ts';
import { decide } from './decide.ts';
import type { Profile } from './framework.ts';
import { findPreemption } from './preemption.ts';
import { createProfiles } from './registry.ts';
import { makeInformers, makeNode, makePod } from './testing.fake.ts';

const [{ plugins }] = createProfiles({
  client: {} as Client,
  informers: makeInformers([]),
  clock: new VirtualClock({ settle: async () => {} }),
  random: new SeededRandom(1),
}) as readonly [Profile];
const args = defaultArgs.DefaultPreemption;
const defaults: typeof args & { readonly seed?: number } = args;
const on = (nodeName: string, name: string, shape: Parameters<typeof makePod>[1]): V1Pod => makePod(name, { ...shape, nodeName });

function tryFor(
  pod: V1Pod,
  nodes: readonly V1Node[],
  placed: readonly V1Pod[],
  budgets: readonly V1PodDisruptionBudget[] = [],
  { seed = 1, ...args } = defaults,
) {
  const cache = new SchedulerCache();
  for (const node of nodes) cache.setNode(node);
  for (const each of placed) cache.setPod(each);
  const random = new SeededRandom(seed);
  const decision = decide(pod, new Map(), { plugins, snapshot: cache, random, startAt: 0 });
  if (decision.is !== 'none') throw new Error('the pod fits without anyone going');
  const before = JSON.stringify(cache.nodes.map((node) => [node.name, [...node.pods.keys()].sort(), [...node.requested].sort()]));
  const result = findPreemption(pod, { plugins, snapshot: cache, failed: decision.why.verdicts, budgets, random, args });
  const after = JSON.stringify(cache.nodes.map((node) => [node.name, [...node.pods.keys()].sort(), [...node.requested].sort()]));
  expect(after).toBe(before);
  return result.is === 'possible' ? { node: result.nodeName, victims: result.victims.map((victim) => victim.metadata?.name) } : result.text;
}
const budget = (app: string, disruptionsAllowed: number): V1PodDisruptionBudget => ({
  metadata: { name: app, namespace: 'default' },
  spec: { selector: { matchLabels: { app } } },
  status: { disruptionsAllowed, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
});
const labelled = (app: string, pod: V1Pod): V1Pod => ({ ...pod, metadata: { ...pod.metadata, labels: { app } } });
const important = makePod('new', { cpu: '2', priority: 100 });
const small = (name: string) => makeNode(name, { cpu: '2' });

describe('findPreemption()', () => {
  test('the least important goes, and no more than must', () => {
    const placed = [on('a', 'high', { cpu: '1', priority: 50 }), on('a', 'low', { cpu: '1', priority: 1 })];
    expect(tryFor(makePod('new', { cpu: '1', priority: 100 }), [small('a')], placed)).toEqual({ node: 'a', victims: ['low'] });
  });

  test('the node is chosen where the highest victim matters least', () => {
    const placed = [on('a', 'x', { cpu: '2', priority: 50 }), on('b', 'y', { cpu: '2', priority: 10 })];
    expect(tryFor(important, [small('a'), small('b')], placed)).toEqual({ node: 'b', victims: ['y'] });
  });

  test('fewer victims are better than more', () => {
    const placed = [
      on('a', 'x1', { cpu: '1', priority: 10 }),
      on('a', 'x2', { cpu: '1', priority: 10 }),
      on('b', 'y', { cpu: '2', priority: 10 }),
    ];
    expect(tryFor(important, [small('a'), small('b')], placed)).toEqual({ node: 'b', victims: ['y'] });
  });

  test('a budget is kept where another node will do', () => {
    const placed = [labelled('db', on('a', 'x', { cpu: '2', priority: 1 })), on('b', 'y', { cpu: '2', priority: 10 })];
    expect(tryFor(important, [small('a'), small('b')], placed, [budget('db', 0)])).toEqual({ node: 'b', victims: ['y'] });
  });

  test('the search goes on beyond as many candidates as are wanted until one breaks no budget', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const placed = names.map((name) => labelled(name === 'e' ? 'free' : 'db', on(name, `on-${name}`, { cpu: '2', priority: 1 })));
    const few = { ...args, minCandidateNodesAbsolute: 1, minCandidateNodesPercentage: 0 };
    for (const seed of names.keys()) {
      const found = tryFor(important, names.map(small), placed, [budget('db', 0)], { ...few, seed });
      expect(found).toEqual({ node: 'e', victims: ['on-e'] });
    }
  });

  test('pods of the same priority stay', () => {
    expect(tryFor(important, [small('a')], [on('a', 'x', { cpu: '2', priority: 100 })])).toBe(
      'preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    );
  });

  test('what no pod\u2019s going changes is not tried', () => {
    const pod = makePod('new', { cpu: '2', priority: 100, nodeSelector: { disk: 'ssd' } });
    expect(tryFor(pod, [small('a')], [on('a', 'x', { cpu: '2', priority: 1 })])).toBe(
      'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
    );
  });

  test('nobody more goes while a victim on the nominated node is on its way out', () => {
    const going = on('a', 'x', { cpu: '2', priority: 1 });
    const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }];
    const metadata = { ...going.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    const placed = [{ ...going, metadata, status: { conditions } }, on('b', 'y', { cpu: '2', priority: 1 })];
    const waiting = { ...important, status: { nominatedNodeName: 'a' } };
    const nodes = [small('a'), small('b')];
    expect(tryFor(waiting, nodes, placed)).toBe('preemption: not eligible due to a terminating pod on the nominated node.');
    expect(tryFor(important, nodes, placed)).toMatchObject({ victims: [expect.any(String)] });
  });

  test('a budget without a selector binds nobody, and pods that it has let go already do not count against it', () => {
    const placed = [labelled('a', on('a', 'x', { cpu: '2', priority: 1 })), labelled('b', on('b', 'y', { cpu: '2', priority: 1 }))];
    const nodes = [small('a'), small('b')];
    const empty = { ...budget('a', 0), spec: { selector: {} } };
    const counted = budget('b', 0);
    const disrupted = { ...counted, status: { ...counted.status, disruptedPods: { y: '2026-01-01T00:00:00Z' } } } as V1PodDisruptionBudget;
    // Were both bound by budgets, either node would do; only that of the strict one is to be spared.
    for (const [budgets, node] of [
      [[empty, budget('b', 0)], 'a'],
      [[budget('a', 0), disrupted], 'b'],
    ] as const) {
      expect(tryFor(important, nodes, placed, budgets)).toMatchObject({ node });
    }
  });

  test('where room was made for a pod, it goes without a look at other nodes, unless somebody as important has taken it', () => {
    const cache = new SchedulerCache();
    for (const name of ['a', 'b', 'c']) cache.setNode(small(name));
    const random = new SeededRandom(1);
    cache.nominate(important, 'b');
    const look = () => decide(important, new Map(), { plugins, snapshot: cache, random, startAt: 0 });
    expect(look()).toEqual({ is: 'node', name: 'b', evaluated: 1, feasible: 1 });
    cache.nominate(makePod('equal', { cpu: '1', priority: 100 }), 'b');
    expect(look()).toMatchObject({ is: 'node', evaluated: 3, feasible: 2 });
    cache.setPod(on('b', 'taken', { cpu: '1', priority: 1 }));
    expect(look()).toMatchObject({ is: 'node', evaluated: 3, feasible: 2 });
  });

  test('pods with anti-affinity that wait for a node count there as they would run there', () => {
    const cache = new SchedulerCache();
    cache.setNode(makeNode('a', { cpu: '8' }));
    const labels = { app: 'x' };
    const alone = {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } }],
      },
    };
    cache.nominate(makePod('jealous', { priority: 100, affinity: alone }), 'a');
    const pod = labelled('x', makePod('new', { cpu: '1', priority: 1 }));
    const decision = decide(pod, new Map(), { plugins, snapshot: cache, random: new SeededRandom(1), startAt: 0 });
    expect(decision).toMatchObject({ is: 'none' });
  });

  test('a pod that must not preempt does not', () => {
    const pod = makePod('new', { cpu: '2', priority: 100, preemptionPolicy: 'Never' });
    expect(tryFor(pod, [small('a')], [on('a', 'x', { cpu: '2', priority: 1 })])).toBe(
      'preemption: not eligible due to preemptionPolicy=Never.',
    );
  });

  test('whoever goes makes enough room, and every one of them is less important', () => {
    const shapes = fc.array(
      fc.record({ cpu: fc.integer({ min: 100, max: 2000 }), priority: fc.integer({ min: 0, max: 20 }), node: fc.nat(2) }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(shapes, fc.integer({ min: 500, max: 4000 }), (all, wanted) => {
        const cache = new SchedulerCache();
        for (const name of ['n0', 'n1', 'n2']) cache.setNode(makeNode(name, { cpu: '4' }));
        all.forEach(({ cpu, priority, node }, i) => {
          const room = 4000 - (cache.get(`n${node}`)?.requested.get('cpu') ?? 0);
          if (cpu <= room) cache.setPod(on(`n${node}`, `p${i}`, { cpu: `${cpu}m`, priority }));
        });
        const pod = makePod('new', { cpu: `${wanted}m`, priority: 10 });
        const random = new SeededRandom(1);
        const decision = decide(pod, new Map(), { plugins, snapshot: cache, random, startAt: 0 });
        if (decision.is !== 'none') return;
        const result = findPreemption(pod, { plugins, snapshot: cache, failed: decision.why.verdicts, budgets: [], random, args });
        const gain = (name: string) =>
          [...(cache.get(name)?.pods.values() ?? [])].filter(({ pod: placed }) => (placed.spec?.priority ?? 0) < 10);
        if (result.is === 'futile') {
          for (const node of cache.nodes) {
            const freed = gain(node.name).reduce((sum, placed) => sum + (placed.requests.get('cpu') ?? 0), 0);
            expect(4000 - (node.requested.get('cpu') ?? 0) + freed).toBeLessThan(wanted);
          }
          return;
        }
        for (const victim of result.victims) expect(victim.spec?.priority).toBeLessThan(10);
        for (const victim of result.victims) cache.removePod(victim);
        expect(4000 - (cache.get(result.nodeName)?.requested.get('cpu') ?? 0)).toBeGreaterThanOrEqual(wanted);
      }),
    );
  });
});
