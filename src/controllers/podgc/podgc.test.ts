// Which pods are ended that no kubelet will end, over an API in memory; the order of finished ones by table.
import { describe, expect, test } from 'vitest';
import { nodeType, podType } from '../runtime/resource-types.ts';
import { createWorld, podOf } from '../runtime/world.fake.ts';
import { surplusOf } from './plan.ts';
import { runPodGarbageCollector } from './podgc.ts';

describe('surplusOf', () => {
  const pods = [
    podOf('young', { metadata: { creationTimestamp: '2026-01-03T00:00:00Z' }, status: { phase: 'Succeeded' } }),
    podOf('old', { metadata: { creationTimestamp: '2026-01-01T00:00:00Z' }, status: { phase: 'Failed' } }),
    podOf('evicted', { metadata: { creationTimestamp: '2026-01-04T00:00:00Z' }, status: { phase: 'Failed', reason: 'Evicted' } }),
    podOf('running', { status: { phase: 'Running' } }),
    podOf('going', { metadata: { deletionTimestamp: '2026-01-04T00:00:00Z' }, status: { phase: 'Failed' } }),
  ];
  test.each([
    [3, []],
    [2, ['evicted']],
    [1, ['evicted', 'old']],
    [0, []],
  ])('of three with room for %i: %j', (threshold, names) =>
    expect(surplusOf(pods, threshold).map((pod) => pod.metadata.name)).toEqual(names),
  );
});

async function setup(terminatedPodThreshold?: number) {
  const world = createWorld();
  const running = runPodGarbageCollector({ ...world.context, terminatedPodThreshold });
  const { client, clock } = world;
  const makePod = async (name: string, nodeName: string | undefined, phase: string, finalizers?: string[]) => {
    const metadata = { name, namespace: 'default', ...(finalizers ? { finalizers } : {}) };
    const pod = await client.create(podType, { metadata, spec: { containers: [], ...(nodeName ? { nodeName } : {}) } });
    await client.updateStatus(podType, { ...pod, status: { phase } });
  };
  const names = async () => (await world.list(podType)).map((pod) => pod.metadata.name);
  const end = async () => {
    await world.stop(running);
    expect(clock.timers).toBe(0);
  };
  return { ...world, makePod, names, end };
}

test('the oldest finished pods beyond the threshold go, together, some time after', async () => {
  const world = await setup(2);
  await world.client.create(nodeType, { metadata: { name: 'n' } });
  for (const name of ['a', 'b', 'c', 'd']) {
    await world.makePod(name, 'n', name === 'd' ? 'Failed' : 'Succeeded');
    await world.clock.advance(1_000);
  }
  await world.makePod('runs', 'n', 'Running');
  expect(await world.names()).toHaveLength(5);
  await world.clock.advance(20_000);
  expect(await world.names()).toEqual(['c', 'd', 'runs']);
  await world.end();
});

test('a pod that is being deleted on a node that is out of service ends; others of it stay', async () => {
  const world = await setup();
  const node = await world.client.create(nodeType, {
    metadata: { name: 'n' },
    spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }] },
  });
  await world.client.updateStatus(nodeType, { ...node, status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } });
  // A finalizer stands for the kubelet that does not answer: the API in memory knows no grace.
  await world.makePod('deleted', 'n', 'Running', ['example.com/wait']);
  await world.makePod('stays', 'n', 'Running');
  await world.client.delete(podType, { name: 'deleted', namespace: 'default' });
  await world.clock.advance(1_000);
  expect((await world.client.get(podType, { name: 'deleted', namespace: 'default' })).status?.phase).toBe('Failed');
  expect((await world.client.get(podType, { name: 'stays', namespace: 'default' })).status?.phase).toBe('Running');
  await world.end();
});

test('a pod that was deleted before it had a node ends', async () => {
  const world = await setup();
  await world.makePod('p', undefined, 'Pending', ['example.com/wait']);
  await world.client.delete(podType, { name: 'p', namespace: 'default' });
  await world.clock.advance(1_000);
  expect((await world.client.get(podType, { name: 'p', namespace: 'default' })).status?.phase).toBe('Failed');
  await world.end();
});
