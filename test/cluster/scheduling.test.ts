// Scheduling as users see it: where pods go, what is said when they go nowhere, and what helps.
import { afterEach, expect, test } from 'vitest';
import {
  events,
  nodes,
  pods,
  priorityclasses,
  startCluster,
  type V1Pod,
  type V1PodSpec,
  type VirtualCluster,
} from '../../src/cluster/mod.ts';

let cluster: VirtualCluster;
afterEach(() => cluster.stop());
const start = async (count: number) => {
  cluster = await startCluster({ clock: 'virtual', nodes: count });
};
const namespace = 'default';
const makePod = (name: string, cpu: string, spec: Partial<V1PodSpec> = {}, labels: Record<string, string> = {}): V1Pod => ({
  metadata: { name, namespace, labels },
  spec: { containers: [{ name: 'c', image: 'i:1', resources: { requests: { cpu } } }], terminationGracePeriodSeconds: 1, ...spec },
});
const create = (pod: V1Pod) => cluster.client.create(pods, pod);
const get = (name: string) => cluster.client.get(pods, { namespace, name });
const messagesOf = async (name: string, reason: string) =>
  (await cluster.client.list(events, { namespace })).items
    .filter((event) => event.involvedObject.name === name && event.reason === reason)
    .map((event) => event.message);

test('a pod that fits nowhere says why, and runs as soon as a node has room', async () => {
  await start(1);
  await create(makePod('first', '6'));
  await cluster.time.advance(5_000);
  await create(makePod('second', '4'));
  await cluster.time.advance(5_000);
  const waiting = await get('second');
  expect(waiting.status?.conditions?.find((condition) => condition.type === 'PodScheduled')).toMatchObject({
    status: 'False',
    reason: 'Unschedulable',
  });
  expect(await messagesOf('second', 'FailedScheduling')).toEqual([
    '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
  ]);
  await cluster.client.delete(pods, { namespace, name: 'first' });
  await cluster.time.advance(20_000);
  expect((await get('second')).status?.phase).toBe('Running');
});

test('a resource that somebody gives a node is for pods within seconds, and no more when it is taken away', async () => {
  await start(1);
  const [node] = (await cluster.client.list(nodes)).items;
  const name = node?.metadata.name ?? '';
  const say = (dongles: string | null) =>
    cluster.client.patch(
      nodes,
      { name },
      'application/merge-patch+json',
      { status: { capacity: { 'example.com/dongle': dongles } } },
      { subresource: 'status' },
    );
  const wanting = (of: string): V1Pod => {
    const resources = { requests: { 'example.com/dongle': '3' }, limits: { 'example.com/dongle': '3' } };
    return makePod(of, '1', { containers: [{ name: 'c', image: 'i:1', resources }] });
  };
  await say('4');
  await create(wanting('first'));
  await cluster.time.advance(15_000);
  expect((await get('first')).status?.phase).toBe('Running');
  await cluster.client.delete(pods, { namespace, name: 'first' });
  await say(null);
  await cluster.time.advance(15_000);
  await create(wanting('second'));
  await cluster.time.advance(15_000);
  expect((await get('second')).status?.phase).toBe('Pending');
  expect((await cluster.client.get(nodes, { name })).status?.allocatable).not.toHaveProperty(['example.com/dongle']);
});

test('an important pod makes room for itself', async () => {
  await start(1);
  await cluster.client.create(priorityclasses, { metadata: { name: 'vital' }, value: 1000 });
  await create(makePod('small', '5'));
  await create(makePod('other', '2'));
  await cluster.time.advance(5_000);
  await create(makePod('vital', '4', { priorityClassName: 'vital' }));
  await cluster.time.advance(30_000);
  expect((await get('vital')).status?.phase).toBe('Running');
  await expect(get('small')).rejects.toThrow('pods "small" not found');
  expect((await get('other')).status?.phase).toBe('Running');
  expect(await messagesOf('small', 'Preempted')).toHaveLength(1);
});

test('gates hold a pod back until the last is open', async () => {
  await start(1);
  await create(makePod('gated', '1', { schedulingGates: [{ name: 'example.com/wait' }] }));
  await cluster.time.advance(10_000);
  expect((await get('gated')).spec?.nodeName).toBeUndefined();
  await cluster.client.patch(pods, { namespace, name: 'gated' }, 'application/json-patch+json', [
    { op: 'remove', path: '/spec/schedulingGates' },
  ]);
  await cluster.time.advance(10_000);
  expect((await get('gated')).status?.phase).toBe('Running');
});

test('a cordoned node takes nothing new, and keeps what it has', async () => {
  await start(2);
  await cluster.client.patch(nodes, { name: 'sim-0' }, 'application/merge-patch+json', { spec: { unschedulable: true } });
  await cluster.time.advance(1_000);
  for (let i = 0; i < 4; i++) await create(makePod(`p${i}`, '100m'));
  await cluster.time.advance(10_000);
  const all = await cluster.client.list(pods, { namespace });
  expect(new Set(all.items.map((pod) => pod.spec?.nodeName))).toEqual(new Set(['sim-1']));
});

test('anti-affinity keeps replicas apart, and the one too many waits', async () => {
  await start(3);
  const apart = {
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { labelSelector: { matchLabels: { app: 'db' } }, topologyKey: 'kubernetes.io/hostname' },
        ],
      },
    },
  };
  for (let i = 0; i < 4; i++) await create(makePod(`db-${i}`, '100m', apart, { app: 'db' }));
  await cluster.time.advance(10_000);
  const all = (await cluster.client.list(pods, { namespace })).items;
  const placed = all.filter((pod) => pod.spec?.nodeName);
  expect(new Set(placed.map((pod) => pod.spec?.nodeName)).size).toBe(3);
  const waiting = all.filter((pod) => !pod.spec?.nodeName);
  expect(waiting).toHaveLength(1);
  expect(await messagesOf(waiting[0]?.metadata.name ?? '', 'FailedScheduling')).toEqual([
    expect.stringContaining("0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules."),
  ]);
});

test('each decision can be asked for: of a pod that waits, and of one that has its node', async () => {
  await start(2);
  await create(makePod('first', '6'));
  await create(makePod('huge', '60'));
  await cluster.time.advance(5_000);
  const waiting = cluster.explainPod({ namespace, name: 'huge' });
  expect(waiting).toMatchObject({
    state: 'unschedulable',
    attempts: 1,
    wokenBy: [{ plugin: 'NodeResourcesFit', event: expect.stringContaining('a node that could hold the pod is added') }],
    trial: {
      nodes: 2,
      message: '0/2 nodes are available: 2 Insufficient cpu.',
      reasons: [{ plugin: 'NodeResourcesFit', reason: 'Insufficient cpu', nodes: 2 }],
      scored: [],
    },
  });
  const bound = cluster.explainPod({ namespace, name: 'first' });
  expect(bound).toMatchObject({ state: 'bound', decision: { nodeName: bound?.nodeName, evaluated: 2, feasible: 2, attempts: 1 } });
  expect(bound?.trial?.scored).toHaveLength(2);
  expect(cluster.explainPod({ namespace, name: 'nobody' })).toBeUndefined();
});

test('profiles: pods choose by schedulerName, and a pod of a scheduler that is not there waits', async () => {
  const scoringStrategy = { type: 'MostAllocated', resources: [{ name: 'cpu', weight: 1 }] };
  const plugins = { multiPoint: { disabled: [{ name: 'NodeResourcesBalancedAllocation' }, { name: 'PodTopologySpread' }] } };
  cluster = await startCluster({
    clock: 'virtual',
    nodes: 3,
    schedulerConfiguration: {
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      profiles: [
        { schedulerName: 'default-scheduler' },
        { schedulerName: 'packer', plugins, pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy } }] },
      ],
    },
  });
  for (let i = 0; i < 4; i++) await create(makePod(`packed-${i}`, '500m', { schedulerName: 'packer' }));
  await create(makePod('other', '500m', { schedulerName: 'nobody' }));
  await create(makePod('plain', '500m'));
  await cluster.time.advance(10_000);
  const nodesOf = await Promise.all([0, 1, 2, 3].map(async (i) => (await get(`packed-${i}`)).spec?.nodeName));
  expect(new Set(nodesOf).size).toBe(1);
  expect((await get('plain')).spec?.nodeName).toBeDefined();
  expect((await get('other')).spec?.nodeName).toBeUndefined();
  expect(cluster.explainPod({ namespace, name: 'other' })?.state).toBe('elsewhere');
});
