import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { V1Node, V1Pod } from '../api/mod.ts';
import { SeededRandom, VirtualClock } from '../base/mod.ts';
import type { Client } from '../client/mod.ts';
import { SchedulerCache } from './cache.ts';
import { type Decision, decide, feasibleNodesWanted, fitMessage } from './decide.ts';
import type { Profile } from './framework.ts';
import { createProfiles } from './registry.ts';
import { makeInformers, makeNamespace, makeNode, makePod } from './testing.fake.ts';

const [{ plugins }] = createProfiles({
  client: {} as Client,
  clock: new VirtualClock({ settle: async () => {} }),
  random: new SeededRandom(1),
  informers: makeInformers([makeNamespace('default'), makeNamespace('other', { team: 'b' })]),
}) as readonly [Profile];

function cacheOf(nodes: readonly V1Node[], placed: readonly V1Pod[] = []): SchedulerCache {
  const cache = new SchedulerCache();
  for (const node of nodes) cache.setNode(node);
  for (const pod of placed) cache.setPod(pod);
  return cache;
}
const decideOn = (cache: SchedulerCache, pod: V1Pod, seed = 1): Decision =>
  decide(pod, new Map(), { plugins, snapshot: cache, random: new SeededRandom(seed), startAt: 0 });
const on = (nodeName: string, pod: V1Pod): V1Pod => ({ ...pod, spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName } });
const required = (key: string, operator: string, values: string[]) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }] },
    },
  },
});
const taint = { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' };

describe('decide() places a pod', () => {
  test.each([
    {
      what: 'where there is room',
      nodes: [makeNode('a', { cpu: '1' }), makeNode('b', { cpu: '4' })],
      pod: makePod('p', { cpu: '2' }),
      want: 'b',
    },
    {
      what: 'by node selector',
      nodes: [makeNode('a'), makeNode('b', { labels: { disk: 'ssd' } })],
      pod: makePod('p', { nodeSelector: { disk: 'ssd' } }),
      want: 'b',
    },
    {
      what: 'by required affinity',
      nodes: [makeNode('a', { labels: { gen: '3' } }), makeNode('b', { labels: { gen: '7' } })],
      pod: makePod('p', required('gen', 'Gt', ['5'])),
      want: 'b',
    },
    {
      what: 'by affinity to a name',
      nodes: [makeNode('a'), makeNode('b')],
      pod: makePod('p', {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }],
            },
          },
        },
      }),
      want: 'b',
    },
    {
      what: 'by preferred affinity',
      nodes: [makeNode('a'), makeNode('b', { labels: { zone: 'z' } })],
      pod: makePod('p', {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 100, preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['z'] }] } },
            ],
          },
        },
      }),
      want: 'b',
    },
    { what: 'away from a taint', nodes: [makeNode('a', { taints: [taint] }), makeNode('b')], pod: makePod('p'), want: 'b' },
    {
      what: 'away from a soft taint',
      nodes: [makeNode('a', { taints: [{ ...taint, effect: 'PreferNoSchedule' }] }), makeNode('b')],
      pod: makePod('p'),
      want: 'b',
    },
    {
      what: 'on a tainted node that it tolerates',
      nodes: [makeNode('a', { taints: [taint] })],
      pod: makePod('p', { tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'gpu' }] }),
      want: 'a',
    },
    { what: 'away from a cordoned node', nodes: [makeNode('a', { unschedulable: true }), makeNode('b')], pod: makePod('p'), want: 'b' },
    {
      what: 'on the emptier node',
      nodes: [makeNode('a'), makeNode('b')],
      placed: [on('a', makePod('x', { cpu: '2', memory: '4Gi' }))],
      pod: makePod('p', { cpu: '1' }),
      want: 'b',
    },
    {
      what: 'where the host port is free',
      nodes: [makeNode('a'), makeNode('b')],
      placed: [on('a', makePod('x', { hostPort: 80 }))],
      pod: makePod('p', { hostPort: 80 }),
      want: 'b',
    },
  ])('$what', ({ nodes, placed = [], pod, want }) => {
    expect(decideOn(cacheOf(nodes, placed), pod)).toMatchObject({ is: 'node', name: want });
  });
});

const zone = (value: string) => ({ labels: { 'topology.kubernetes.io/zone': value } });
const spread = (whenUnsatisfiable: string, topologyKey = 'topology.kubernetes.io/zone') => ({
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey, whenUnsatisfiable, labelSelector: { matchLabels: { app: 'web' } } }],
});
const term = (app: string, topologyKey = 'kubernetes.io/hostname', more: object = {}) => ({
  labelSelector: { matchLabels: { app } },
  topologyKey,
  ...more,
});
const near = (app: string, topologyKey?: string, more?: object) => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app, topologyKey, more)] } },
});
const far = (app: string, topologyKey?: string) => ({
  affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app, topologyKey)] } },
});
const as = (app: string, pod: V1Pod, namespace = 'default'): V1Pod => ({
  ...pod,
  metadata: { ...pod.metadata, namespace, labels: { app } },
});

describe('decide() spreads pods and keeps them together', () => {
  test.each([
    {
      what: 'over zones, as required',
      nodes: [makeNode('a', zone('1')), makeNode('b', zone('2'))],
      placed: [on('a', as('web', makePod('x')))],
      pod: as('web', makePod('p', spread('DoNotSchedule'))),
      want: 'b',
    },
    {
      what: 'over zones, as preferred',
      nodes: [makeNode('a', zone('1')), makeNode('b', zone('2'))],
      placed: [on('a', as('web', makePod('x')))],
      pod: as('web', makePod('p', spread('ScheduleAnyway'))),
      want: 'b',
    },
    {
      what: 'near those it needs',
      nodes: [makeNode('a'), makeNode('b')],
      placed: [on('b', as('db', makePod('x')))],
      pod: makePod('p', near('db')),
      want: 'b',
    },
    {
      what: 'near those in another namespace',
      nodes: [makeNode('a'), makeNode('b')],
      placed: [on('b', as('db', makePod('x'), 'other'))],
      pod: makePod('p', near('db', undefined, { namespaceSelector: { matchLabels: { team: 'b' } } })),
      want: 'b',
    },
    {
      what: 'the first of a group that wants to be together',
      nodes: [makeNode('a')],
      placed: [],
      pod: as('web', makePod('p', near('web'))),
      want: 'a',
    },
    {
      what: 'away from those it shuns',
      nodes: [makeNode('a'), makeNode('b')],
      placed: [on('a', as('db', makePod('x')))],
      pod: makePod('p', far('db')),
      want: 'b',
    },
    {
      what: 'away from those that shun it',
      nodes: [makeNode('a'), makeNode('b')],
      placed: [on('a', makePod('x', far('web')))],
      pod: as('web', makePod('p')),
      want: 'b',
    },
  ])('$what', ({ nodes, placed, pod, want }) => {
    expect(decideOn(cacheOf(nodes, placed), pod)).toMatchObject({ is: 'node', name: want });
  });

  test.each([
    {
      what: 'the skew would be too large',
      nodes: [makeNode('a', zone('1')), makeNode('b', { ...zone('2'), unschedulable: true })],
      placed: [on('a', as('web', makePod('x')))],
      pod: as('web', makePod('p', spread('DoNotSchedule'))),
      want: "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) were unschedulable.",
    },
    {
      what: 'a node lacks the key',
      nodes: [makeNode('a')],
      placed: [],
      pod: as('web', makePod('p', spread('DoNotSchedule'))),
      want: "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label).",
    },
    {
      what: 'nobody is there to be near',
      nodes: [makeNode('a')],
      placed: [],
      pod: makePod('p', near('db')),
      want: "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
    },
    {
      what: 'those it shuns are there',
      nodes: [makeNode('a')],
      placed: [on('a', as('db', makePod('x')))],
      pod: makePod('p', far('db')),
      want: "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
    },
    {
      what: 'it is shunned',
      nodes: [makeNode('a')],
      placed: [on('a', makePod('x', far('web')))],
      pod: as('web', makePod('p')),
      want: "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
    },
    {
      what: 'those it needs are in another namespace',
      nodes: [makeNode('a')],
      placed: [on('a', as('db', makePod('x'), 'other'))],
      pod: makePod('p', near('db')),
      want: "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
    },
  ])('and says when it cannot: $what', ({ nodes, placed, pod, want }) => {
    const decision = decideOn(cacheOf(nodes, placed), pod);
    expect(decision.is === 'none' && fitMessage(decision.why)).toBe(want);
  });

  test('a node that has the image is liked better', () => {
    const has = makeNode('b');
    const image = { names: ['i:latest'], sizeBytes: 900 * 2 ** 20 };
    const cache = cacheOf([makeNode('a'), { ...has, status: { ...has.status, images: [image] } }, makeNode('c')]);
    expect(decideOn(cache, makePod('p'))).toMatchObject({ name: 'b' });
  });

  test('replicas keep within the skew, whatever the order of zones', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('1', '2', '3'), { minLength: 3, maxLength: 9 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer(),
        (zones, replicas, seed) => {
          const cache = cacheOf(zones.map((value, i) => makeNode(`n${i}`, zone(value))));
          const random = new SeededRandom(seed);
          const perZone = new Map<string, number>(zones.map((value) => [value, 0]));
          for (let i = 0; i < replicas; i++) {
            const pod = as('web', makePod(`p${i}`, spread('DoNotSchedule')));
            const decision = decide(pod, new Map(), { plugins, snapshot: cache, random, startAt: i });
            if (decision.is !== 'node') continue;
            cache.assume(pod, decision.name);
            const value = cache.get(decision.name)?.node?.metadata?.labels?.['topology.kubernetes.io/zone'] ?? '';
            perZone.set(value, (perZone.get(value) ?? 0) + 1);
          }
          const counts = [...perZone.values()];
          expect(counts.reduce((sum, pods) => sum + pods, 0)).toBe(replicas);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

describe('decide() says why not', () => {
  test.each([
    { what: 'no nodes', nodes: [], pod: makePod('p'), want: 'no nodes available to schedule pods' },
    { what: 'no CPU', nodes: [makeNode('a')], pod: makePod('p', { cpu: '100' }), want: '0/1 nodes are available: 1 Insufficient cpu.' },
    {
      what: 'two resources on one node',
      nodes: [makeNode('a')],
      pod: makePod('p', { cpu: '100', memory: '1Ti' }),
      want: '0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.',
    },
    {
      what: 'a full node',
      nodes: [makeNode('a', { pods: '1' })],
      placed: [on('a', makePod('x'))],
      pod: makePod('p'),
      want: '0/1 nodes are available: 1 Too many pods.',
    },
    {
      what: 'no matching node',
      nodes: [makeNode('a'), makeNode('b')],
      pod: makePod('p', { nodeSelector: { disk: 'ssd' } }),
      want: "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
    },
    {
      what: 'a different reason on each',
      nodes: [makeNode('a', { cpu: '1' }), makeNode('b', { taints: [taint] }), makeNode('c', { unschedulable: true })],
      pod: makePod('p', { cpu: '2' }),
      want: '0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {dedicated: gpu}, 1 node(s) were unschedulable.',
    },
    {
      what: 'a port in use',
      nodes: [makeNode('a')],
      placed: [on('a', makePod('x', { hostPort: 80 }))],
      pod: makePod('p', { hostPort: 80 }),
      want: "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    },
  ])('$what', ({ nodes, placed = [], pod, want }) => {
    const decision = decideOn(cacheOf(nodes, placed), pod);
    expect(decision.is === 'none' && fitMessage(decision.why)).toBe(want);
  });

  test('what could help is remembered: a pod without room names NodeResourcesFit', () => {
    const decision = decideOn(cacheOf([makeNode('a')]), makePod('p', { cpu: '100' }));
    expect(decision.is === 'none' && [...decision.why.plugins]).toEqual(['NodeResourcesFit']);
  });
});

test('an init container counts when it asks for more than the main ones, a sidecar always', () => {
  const cache = cacheOf([makeNode('a', { cpu: '3' })]);
  const container = (cpu: string, restartPolicy?: string) => ({
    name: cpu,
    image: 'i',
    resources: { requests: { cpu } },
    ...(restartPolicy ? { restartPolicy } : {}),
  });
  const pod = (init: ReturnType<typeof container>[]) => makePod('p', { cpu: '1', initContainers: init });
  expect(decideOn(cache, pod([container('3')])).is).toBe('node');
  expect(decideOn(cache, pod([container('1', 'Always'), container('2')])).is).toBe('node');
  expect(decideOn(cache, pod([container('1', 'Always'), container('2500m')])).is).toBe('none');
  expect(decideOn(cache, pod([container('2500m', 'Always')])).is).toBe('none');
});

test.each([
  [3, 3],
  [100, 100],
  [500, 100],
  [5000, 250],
])('of %i nodes, %i that fit are enough', (nodes, want) => {
  expect(feasibleNodesWanted(nodes)).toBe(want);
});

test('a node is never filled beyond what it offers, and one seed decides alike', () => {
  const sizes = fc.array(fc.record({ cpu: fc.integer({ min: 1, max: 3000 }), memory: fc.integer({ min: 1, max: 4096 }) }), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 5 }), fc.integer(), (pods, nodeCount, seed) => {
      const place = () => {
        const cache = cacheOf(Array.from({ length: nodeCount }, (_, i) => makeNode(`n${i}`, { cpu: '4', memory: '8Gi', pods: '6' })));
        const random = new SeededRandom(seed);
        const where = pods.map(({ cpu, memory }, i) => {
          const pod = makePod(`p${i}`, { cpu: `${cpu}m`, memory: `${memory}Mi` });
          const decision = decide(pod, new Map(), { plugins, snapshot: cache, random, startAt: i });
          if (decision.is === 'node') cache.assume(pod, decision.name);
          return decision.is === 'node' ? decision.name : undefined;
        });
        return { cache, where };
      };
      const { cache, where } = place();
      for (const node of cache.nodes) {
        expect(node.pods.size).toBeLessThanOrEqual(6);
        expect(node.requested.get('cpu') ?? 0).toBeLessThanOrEqual(4000);
        expect(node.requested.get('memory') ?? 0).toBeLessThanOrEqual(8 * 2 ** 30);
      }
      expect(place().where).toEqual(where);
    }),
  );
});

test('room is given back when a pod is forgotten or gone', () => {
  const cache = cacheOf([makeNode('a', { cpu: '1' })]);
  const first = makePod('first', { cpu: '1' });
  cache.assume(first, 'a');
  expect(decideOn(cache, makePod('p', { cpu: '1' })).is).toBe('none');
  cache.forget(first);
  expect(decideOn(cache, makePod('p', { cpu: '1' })).is).toBe('node');
  cache.setPod(on('a', first));
  cache.forget(first); // Shown as bound: forgetting must not free it.
  expect(decideOn(cache, makePod('p', { cpu: '1' })).is).toBe('none');
  cache.removePod(first);
  expect(decideOn(cache, makePod('p', { cpu: '1' })).is).toBe('node');
});
