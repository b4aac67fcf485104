// A whole cluster in this process: quick to start, driven by a clock that the test turns, and the same on every run of a seed.
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type Cluster,
  deployments,
  namespaces,
  pods,
  replicasets,
  startCluster,
  type V1Deployment,
  type VirtualCluster,
} from '../../src/cluster/mod.ts';

const running: Cluster[] = [];
afterEach(async () => {
  for (const cluster of running.splice(0)) await cluster.stop();
});
async function start(options: { nodes?: number; seed?: number } = {}): Promise<VirtualCluster> {
  const cluster = await startCluster({ clock: 'virtual', ...options });
  running.push(cluster);
  return cluster;
}

function deployment(replicas: number, image = 'app:1'): V1Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'app', image, resources: { requests: { cpu: '100m' } } }] },
      },
    },
  };
}
const readyReplicas = async (cluster: Cluster) =>
  (await cluster.client.get(deployments, { namespace: 'default', name: 'web' })).status?.readyReplicas ?? 0;

describe('startCluster()', () => {
  test('runs a Deployment to its replicas, spread over the nodes', async () => {
    const cluster = await start({ nodes: 3 });
    await cluster.client.create(deployments, deployment(6));
    await cluster.time.advance(10_000);
    expect(await readyReplicas(cluster)).toBe(6);
    const all = await cluster.client.list(pods, { namespace: 'default' });
    expect(new Set(all.items.map((pod) => pod.spec?.nodeName)).size).toBe(3);
    expect(new Set(all.items.map((pod) => pod.status?.podIP)).size).toBe(6);
  });

  test('rolls out a new image without ever having fewer than three of four available', async () => {
    const cluster = await start({ nodes: 2 });
    await cluster.client.create(deployments, deployment(4));
    await cluster.time.advance(10_000);
    let fewest = 4;
    const off = cluster.informers.of(deployments).onChange(({ next }) => {
      fewest = Math.min(fewest, next?.status?.availableReplicas ?? fewest);
    });
    await cluster.client.patch(deployments, { namespace: 'default', name: 'web' }, 'application/strategic-merge-patch+json', {
      spec: { template: { spec: { containers: [{ name: 'app', image: 'app:2' }] } } },
    });
    await cluster.time.advance(60_000);
    off();
    const all = await cluster.client.list(pods, { namespace: 'default' });
    expect(all.items.map((pod) => pod.spec?.containers[0]?.image)).toEqual(['app:2', 'app:2', 'app:2', 'app:2']);
    expect(fewest).toBeGreaterThanOrEqual(3);
    expect((await cluster.client.list(replicasets, { namespace: 'default' })).items).toHaveLength(2);
  });

  test('a deleted namespace takes everything in it along', async () => {
    const cluster = await start();
    await cluster.client.create(namespaces, { metadata: { name: 'away' } });
    await cluster.time.advance(1_000);
    await cluster.client.create(deployments, { ...deployment(2), metadata: { name: 'web', namespace: 'away' } });
    await cluster.time.advance(5_000);
    await cluster.client.delete(namespaces, { name: 'away' });
    await cluster.time.advance(60_000);
    await expect(cluster.client.get(namespaces, { name: 'away' })).rejects.toThrow('namespaces "away" not found');
    expect((await cluster.client.list(pods, { namespace: 'away' })).items).toEqual([]);
  });

  test('stopping leaves no timer', async () => {
    const cluster = await startCluster({ clock: 'virtual', nodes: 2 });
    await cluster.client.create(deployments, deployment(3));
    await cluster.time.advance(5_000);
    await cluster.stop();
    expect(cluster.time.timers).toBe(0);
  });

  test('is up within 200 ms in real time', async () => {
    // The bound is generous for a loaded machine; npm run bench measures the figure itself.
    const cluster = await startCluster({ nodes: 1 });
    running.push(cluster);
    expect(await cluster.client.get(namespaces, { name: 'default' })).toMatchObject({ metadata: { name: 'default' } });
  });
});

/** Every event of the store, in order: revision, kind of change, key, and what was written. */
async function historyOf(seed: number): Promise<readonly string[]> {
  const cluster = await startCluster({ clock: 'virtual', nodes: 3, seed });
  const { client, time, store } = cluster;
  await client.create(deployments, deployment(5));
  await time.advance(20_000);
  const [victim] = (await client.list(pods, { namespace: 'default' })).items;
  if (victim) await client.delete(pods, { namespace: 'default', name: victim.metadata.name });
  await client.patch(deployments, { namespace: 'default', name: 'web' }, 'application/merge-patch+json', { spec: { replicas: 8 } });
  await time.advance(120_000);
  const events: string[] = [];
  const stop = new AbortController();
  const newest = await store.revision();
  for await (const event of store.watch('/registry/', 0, stop.signal)) {
    if (event.type !== 'progress') {
      const written = event.type === 'put' ? createHash('sha256').update(event.value).digest('hex').slice(0, 16) : '';
      events.push(`${event.revision} ${event.type} ${event.key} ${written}`);
    }
    if (event.revision >= newest) break;
  }
  stop.abort();
  await cluster.stop();
  return events;
}

test('one seed gives one history, event for event; another seed another', async () => {
  const first = await historyOf(7);
  expect(first.length).toBeGreaterThan(50);
  expect(await historyOf(7)).toEqual(first);
  expect(await historyOf(8)).not.toEqual(first);
}, 60_000);
