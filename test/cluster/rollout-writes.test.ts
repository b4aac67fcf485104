// What a rollout costs the store: every write of a pod's way from nothing to Ready, counted. More of them is more work for every part.
import { afterEach, expect, test } from 'vitest';
import { deployments, events, pods, startCluster, type VirtualCluster } from '../../src/cluster/mod.ts';

const replicas = 30;
let cluster: VirtualCluster | undefined;
afterEach(async () => cluster?.stop());

/** How often each object below `prefix` has been written since `after`, the creation counted. */
async function writesOf({ store }: VirtualCluster, prefix: string, after: number): Promise<readonly number[]> {
  const stop = new AbortController();
  const counts = new Map<string, number>();
  const newest = await store.revision();
  for await (const event of store.watch(prefix, after, stop.signal)) {
    if (event.type !== 'progress') counts.set(event.key, (counts.get(event.key) ?? 0) + 1);
    if (event.revision >= newest) stop.abort();
  }
  return [...counts.values()];
}

test('a pod of a Deployment is written four times, and told of by four events', async () => {
  cluster = await startCluster({ nodes: 3, clock: 'virtual' });
  const { client, informers, store, time } = cluster;
  const before = await store.revision();
  const labels = { app: 'web' };
  await client.create(deployments, {
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app:1' }] } },
    },
  });
  const ready = () => informers.of(deployments).get('default/web')?.status?.readyReplicas === replicas;
  expect(await time.advanceUntil(ready, 10_000)).toBe(true);
  await time.advance(60_000);
  // Created, bound, its containers about to be made, Ready with its address.
  expect(await writesOf(cluster, '/registry/core/pods/', before)).toEqual(Array(replicas).fill(4));
  const told = (await client.list(events, { namespace: 'default' })).items.filter(({ involvedObject }) => involvedObject.kind === 'Pod');
  const all = (await client.list(pods, { namespace: 'default' })).items;
  const reasonsOf = (name: string) => told.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason }) => reason);
  for (const { metadata } of all) expect(reasonsOf(metadata.name).sort()).toEqual(['Created', 'Pulled', 'Scheduled', 'Started']);
  expect(told.every(({ count }) => count === 1)).toBe(true);
});
