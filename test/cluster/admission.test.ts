// Admission as users of a running cluster see it: runtime classes and their overhead, labels of the node's place.
import { afterEach, expect, test } from 'vitest';
import { nodes, pods, runtimeclasses, startCluster, type VirtualCluster } from '../../src/cluster/mod.ts';

let cluster: VirtualCluster;
afterEach(() => cluster.stop());
const namespace = 'default';

const addPod = (name: string, more: object = {}) =>
  cluster.client.create(pods, { metadata: { name, namespace }, spec: { containers: [{ name: 'c', image: 'i:1' }], ...more } });

test('the overhead of a runtime class counts where the pod is to fit; a class that is gone is refused', async () => {
  cluster = await startCluster({ clock: 'virtual', nodes: 1 });
  const { client } = cluster;
  const [node] = (await client.list(nodes)).items;
  const cpus = Number(node?.status?.allocatable?.cpu);
  expect(cpus).toBeGreaterThan(0);
  await client.create(runtimeclasses, { metadata: { name: 'light' }, handler: 'runc', overhead: { podFixed: { cpu: '100m' } } });
  await client.create(runtimeclasses, { metadata: { name: 'heavy' }, handler: 'runc', overhead: { podFixed: { cpu: String(cpus + 1) } } });
  await addPod('light', { runtimeClassName: 'light' });
  await addPod('heavy', { runtimeClassName: 'heavy' });
  await cluster.time.advance(10_000);
  const light = await client.get(pods, { namespace, name: 'light' });
  expect([light.spec?.overhead, light.spec?.nodeName]).toEqual([{ cpu: '100m' }, node?.metadata.name]);
  const heavy = await client.get(pods, { namespace, name: 'heavy' });
  expect(heavy.spec?.nodeName).toBeUndefined();
  expect(heavy.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message).toMatch(/Insufficient cpu/);
  await expect(addPod('none', { runtimeClassName: 'none' })).rejects.toThrow('pod rejected: RuntimeClass "none" not found');
  await client.delete(runtimeclasses, { name: 'light' }, {});
  await expect(addPod('late', { runtimeClassName: 'light' })).rejects.toThrow('pod rejected: RuntimeClass "light" not found');
});

test('a pod has the zone and region of the node that it is bound to', async () => {
  cluster = await startCluster({ clock: 'virtual', nodes: 1 });
  const { client } = cluster;
  const [node] = (await client.list(nodes)).items;
  const labels = { 'topology.kubernetes.io/zone': 'z1', 'topology.kubernetes.io/region': 'r1' };
  await client.patch(nodes, { name: node?.metadata.name ?? '' }, 'application/merge-patch+json', { metadata: { labels } });
  await addPod('p');
  await cluster.time.advance(5_000);
  expect((await client.get(pods, { namespace, name: 'p' })).metadata.labels).toMatchObject(labels);
});
