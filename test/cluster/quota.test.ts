// Quotas of a running cluster: status that follows what lives, creators that never get more, controllers that go on when they may.
import { afterEach, expect, test } from 'vitest';
import {
  configmaps,
  deployments,
  pods,
  replicasets,
  replicationcontrollers,
  resourcequotas,
  StatusError,
  secrets,
  services,
  startCluster,
  type VirtualCluster,
} from '../../src/cluster/mod.ts';

let cluster: VirtualCluster;
afterEach(() => cluster.stop());
const namespace = 'default';

const used = async (name = 'q'): Promise<Readonly<Record<string, string>> | undefined> =>
  (await cluster.client.get(resourcequotas, { namespace, name })).status?.used;

async function addQuota(hard: Record<string, string>, name = 'q', scopes?: readonly string[]): Promise<void> {
  await cluster.client.create(resourcequotas, { metadata: { name, namespace }, spec: { hard, ...(scopes ? { scopes } : {}) } });
  await cluster.time.advance(1_000);
}

const addPod = (name: string, more: object = {}, resources: object = {}) =>
  cluster.client.create(pods, { metadata: { name, namespace }, spec: { containers: [{ name: 'c', image: 'i:1', resources }], ...more } });

test('every object is captured while it lives, and released when it goes', async () => {
  cluster = await startCluster({ clock: 'virtual' });
  const { client } = cluster;
  await addQuota({
    configmaps: '10',
    secrets: '10',
    services: '10',
    'services.nodeports': '10',
    replicationcontrollers: '10',
    'count/replicasets.apps': '10',
    resourcequotas: '1',
  });
  const before = (await used()) ?? {};
  expect(before).toMatchObject({ secrets: '0', replicationcontrollers: '0', 'count/replicasets.apps': '0', resourcequotas: '1' });
  const metadata = { name: 'x', namespace };
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
  await client.create(configmaps, { metadata });
  await client.create(secrets, { metadata });
  await client.create(services, { metadata, spec: { type: 'NodePort', ports: [{ port: 80 }], selector: { a: 'b' } } });
  await client.create(replicationcontrollers, { metadata, spec: { replicas: 0, selector: { a: 'b' }, template } });
  await client.create(replicasets, { metadata, spec: { replicas: 0, selector: { matchLabels: { a: 'b' } }, template } });
  const more = (name: string, by: number): string => String(Number(before[name]) + by);
  expect(await used()).toEqual({
    configmaps: more('configmaps', 1),
    secrets: '1',
    services: more('services', 1),
    'services.nodeports': '1',
    replicationcontrollers: '1',
    'count/replicasets.apps': '1',
    resourcequotas: '1',
  });
  await expect(client.create(resourcequotas, { metadata: { name: 'r', namespace }, spec: {} })).rejects.toThrow('exceeded quota: q');
  for (const kind of [configmaps, secrets, services, replicationcontrollers, replicasets]) await client.delete(kind, metadata, {});
  await cluster.time.advance(2_000);
  expect(await used()).toEqual(before);
});

test('a quota of pods counts those in its scope, until they end or are deleted', async () => {
  cluster = await startCluster({ clock: 'virtual', nodes: 2 });
  const { client } = cluster;
  await addQuota({ pods: '5' }, 'best', ['BestEffort']);
  await addQuota({ pods: '5', 'requests.cpu': '1' }, 'rest', ['NotBestEffort']);
  await addQuota({ pods: '5' }, 'ends', ['Terminating']);
  await addPod('a');
  await addPod('b', { activeDeadlineSeconds: 600 }, { requests: { cpu: '500m' } });
  expect([await used('best'), await used('rest'), await used('ends')]).toEqual([
    { pods: '1' },
    { pods: '1', 'requests.cpu': '500m' },
    { pods: '1' },
  ]);
  await expect(addPod('c', {}, { requests: { cpu: '600m' } })).rejects.toThrow(
    'exceeded quota: rest, requested: requests.cpu=600m, used: requests.cpu=500m, limited: requests.cpu=1',
  );
  await client.delete(pods, { namespace, name: 'a' }, { gracePeriodSeconds: 0 });
  await client.delete(pods, { namespace, name: 'b' }, { gracePeriodSeconds: 0 });
  await cluster.time.advance(2_000);
  expect([await used('best'), await used('rest'), await used('ends')]).toEqual([
    { pods: '0' },
    { pods: '0', 'requests.cpu': '0' },
    { pods: '0' },
  ]);
});

test('a quota that is changed counts anew; a status that others wrote is put right', async () => {
  cluster = await startCluster({ clock: 'virtual' });
  const { client } = cluster;
  await addQuota({ secrets: '1' });
  const merge = 'application/merge-patch+json';
  const key = { namespace, name: 'q' };
  await client.patch(resourcequotas, key, merge, { spec: { hard: { secrets: '2', pods: '1' } } });
  await cluster.time.advance(1_000);
  expect((await client.get(resourcequotas, key)).status).toEqual({ hard: { secrets: '2', pods: '1' }, used: { secrets: '0', pods: '0' } });
  await client.patch(resourcequotas, key, merge, { status: { hard: { pods: '9' } } }, { subresource: 'status' });
  await cluster.time.advance(1_000);
  expect((await client.get(resourcequotas, key)).status?.hard).toEqual({ secrets: '2', pods: '1' });
  expect((await client.get(resourcequotas, key)).spec?.hard).toEqual({ secrets: '2', pods: '1' });
});

test('a deployment gets as many pods as the quota allows, and the rest when it allows more', async () => {
  cluster = await startCluster({ clock: 'virtual', nodes: 2 });
  const { client } = cluster;
  await addQuota({ pods: '3' });
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
  await client.create(deployments, {
    metadata: { name: 'web', namespace },
    spec: { replicas: 8, selector: { matchLabels: labels }, template },
  });
  await cluster.time.advance(20_000);
  const count = async () => (await client.list(pods, { namespace })).items.length;
  expect(await count()).toBe(3);
  const conditions = (await client.get(deployments, { namespace, name: 'web' })).status?.conditions ?? [];
  expect(conditions.find(({ type }) => type === 'ReplicaFailure')?.message).toMatch(
    /is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3$/,
  );
  await client.patch(resourcequotas, { namespace, name: 'q' }, 'application/merge-patch+json', { spec: { hard: { pods: '8' } } });
  await cluster.time.advance(120_000);
  expect(await count()).toBe(8);
  expect(await used()).toEqual({ pods: '8' });
});

test('64 creators and as many deletions never hold more than the quota', async () => {
  cluster = await startCluster({ clock: 'virtual' });
  const { client } = cluster;
  await addQuota({ secrets: '7' });
  let most = 0;
  const create = async (name: string) => {
    try {
      await client.create(secrets, { metadata: { name, namespace } });
      most = Math.max(most, (await client.list(secrets, { namespace })).items.length);
      await client.delete(secrets, { namespace, name }, {});
    } catch (error) {
      if (!(error instanceof StatusError) || error.code !== 403) throw error;
    }
  };
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 64 }, (_, i) => create(`s${round}-${i}`)));
    await cluster.time.advance(2_000);
    expect(await used()).toEqual({ secrets: '0' });
  }
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(7);
});
