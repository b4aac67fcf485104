// What nodes and pods use: metrics.k8s.io over simulated nodes, whose pods use what their annotations say.
import { afterEach, expect, test } from 'vitest';
import { deployments, pods, startCluster, type VirtualCluster } from '../../src/cluster/mod.ts';

let cluster: VirtualCluster;
afterEach(() => cluster.stop());
const namespace = 'default';
const labels = { app: 'web' };
const group = { group: 'metrics.k8s.io', version: 'v1beta1' };
const nodeMetrics = { ...group, kind: 'NodeMetrics', resource: 'nodes', namespaced: false };
const podMetrics = { ...group, kind: 'PodMetrics', resource: 'pods', namespaced: true };

async function begin(): Promise<void> {
  cluster = await startCluster({ clock: 'virtual', nodes: 2 });
  const containers = [
    { name: 'app', image: 'i:1', resources: { requests: { cpu: '500m', memory: '64Mi' } } },
    { name: 'side', image: 'i:1' },
  ];
  const annotations = { 'sim.minke.dev/usage-cpu.app': '300m' };
  const template = { metadata: { labels, annotations }, spec: { containers } };
  await cluster.client.create(deployments, {
    metadata: { name: 'web', namespace },
    spec: { replicas: 2, selector: { matchLabels: labels }, template },
  });
  await cluster.time.advance(10_000);
}

test('pods and nodes use what the annotations say, or half of what is requested', async () => {
  await begin();
  const { items } = await cluster.client.list(podMetrics, { namespace, labelSelector: 'app=web' });
  expect(items).toHaveLength(2);
  expect(items[0]).toMatchObject({
    kind: 'PodMetrics',
    apiVersion: 'metrics.k8s.io/v1beta1',
    metadata: { namespace, labels },
    window: '10s',
    containers: [
      { name: 'app', usage: { cpu: '300m', memory: '32Mi' } },
      { name: 'side', usage: { cpu: '0', memory: '0' } },
    ],
  });
  const nodes = await cluster.client.list(nodeMetrics);
  expect(nodes.items.map(({ metadata }) => metadata.name)).toEqual(['sim-0', 'sim-1']);
  expect(nodes.items[0]).toMatchObject({
    usage: { cpu: '300m', memory: '32Mi' },
    metadata: { labels: { 'kubernetes.io/hostname': 'sim-0' } },
  });
});

test('a changed annotation shows at once, in one object too; selectors and names choose', async () => {
  await begin();
  const [pod] = (await cluster.client.list(pods, { namespace })).items;
  const name = pod?.metadata.name ?? '';
  const patch = { metadata: { annotations: { 'sim.minke.dev/usage-cpu': '2', 'sim.minke.dev/usage-memory': '1Gi' } } };
  await cluster.client.patch(pods, { namespace, name }, 'application/merge-patch+json', patch);
  await cluster.time.advance(6_000);
  const one = await cluster.client.get(podMetrics, { namespace, name });
  expect(one).toMatchObject({ containers: [{ usage: { cpu: '300m', memory: '1Gi' } }, { usage: { cpu: '2' } }] });
  expect((await cluster.client.list(podMetrics, { namespace, labelSelector: 'app=other' })).items).toEqual([]);
  expect((await cluster.client.list(podMetrics, { fieldSelector: `metadata.name=${name}` })).items).toHaveLength(1);
  expect((await cluster.client.list(nodeMetrics, { labelSelector: 'kubernetes.io/hostname=sim-1' })).items).toHaveLength(1);
});

test('what is not there, or does not run, has no metrics', async () => {
  await begin();
  const spec = { nodeSelector: { nowhere: 'yes' }, containers: [{ name: 'c', image: 'i:1' }] };
  await cluster.client.create(pods, { metadata: { name: 'pending', namespace }, spec });
  const wanted = { code: 404, message: 'podmetrics.metrics.k8s.io "default/pending" not found' };
  await expect(cluster.client.get(podMetrics, { namespace, name: 'pending' })).rejects.toMatchObject(wanted);
  await expect(cluster.client.get(nodeMetrics, { name: 'gone' })).rejects.toMatchObject({
    message: 'nodemetrics.metrics.k8s.io "gone" not found',
  });
  await expect(cluster.client.delete(podMetrics, { namespace, name: 'pending' })).rejects.toMatchObject({ code: 405 });
});
