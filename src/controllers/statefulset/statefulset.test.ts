// The StatefulSet controller in a whole cluster under the virtual clock.
import { afterEach, describe, expect, test } from 'vitest';
import {
  persistentvolumeclaims as claimKind,
  controllerrevisions,
  events as eventKind,
  pods as podKind,
  statefulsets,
  type V1StatefulSet,
  type V1StatefulSetSpec,
} from '../../api/mod.ts';
import { startCluster, type VirtualCluster } from '../../cluster/mod.ts';

const running: VirtualCluster[] = [];
afterEach(async () => {
  for (const cluster of running.splice(0)) await cluster.stop();
});
const key = { namespace: 'default', name: 'db' };
const merge = 'application/merge-patch+json';
const labels = { app: 'db' };

const setOf = (spec: Partial<V1StatefulSetSpec> = {}, annotations: Record<string, string> = {}): V1StatefulSet => ({
  metadata: key,
  spec: {
    replicas: 3,
    serviceName: 'db',
    selector: { matchLabels: labels },
    template: { metadata: { labels, annotations }, spec: { containers: [{ name: 'c', image: 'v1' }] } },
    ...spec,
  },
});

async function start(set: V1StatefulSet, seconds = 30) {
  const cluster = await startCluster({ clock: 'virtual' });
  running.push(cluster);
  const { client, time } = cluster;
  await client.create(statefulsets, set);
  await time.advance(seconds * 1000);
  const pods = async () =>
    [...(await client.list(podKind, { namespace: 'default' })).items].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return {
    cluster,
    client,
    time,
    pods,
    names: async () => (await pods()).map(({ metadata }) => metadata.name),
    images: async () => (await pods()).map((pod) => `${pod.metadata.name} ${pod.spec?.containers[0]?.image}`),
    status: async () => (await client.get(statefulsets, key)).status,
    patch: (spec: object) => client.patch(statefulsets, key, merge, { spec }),
    setImage: (image: string) =>
      client.patch(statefulsets, key, merge, { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } }),
    claims: async () => (await client.list(claimKind, { namespace: 'default' })).items,
    revisions: async () => (await client.list(controllerrevisions, { namespace: 'default' })).items.map(({ revision }) => revision).sort(),
    events: async () =>
      (await client.list(eventKind, { namespace: 'default' })).items
        .filter(({ involvedObject }) => involvedObject.kind === 'StatefulSet')
        .map(({ type, reason, message }) => `${type} ${reason} ${message}`),
  };
}

describe('a stateful set', () => {
  test('starts its pods one after another, with names, labels and host names of their own', async () => {
    const { pods, names, status, events } = await start(setOf({}, { 'sim.minke.dev/ready-ms': '2000' }), 60);
    expect(await names()).toEqual(['db-0', 'db-1', 'db-2']);
    const [first, second] = await pods();
    expect(first).toMatchObject({
      metadata: {
        labels: { app: 'db', 'statefulset.kubernetes.io/pod-name': 'db-0', 'apps.kubernetes.io/pod-index': '0' },
        ownerReferences: [{ kind: 'StatefulSet', name: 'db', controller: true }],
      },
      spec: { hostname: 'db-0', subdomain: 'db' },
    });
    const readyAt = first?.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '';
    expect(Date.parse(second?.metadata.creationTimestamp ?? '')).toBeGreaterThanOrEqual(Date.parse(readyAt));
    const said = await status();
    expect(said).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
      observedGeneration: 1,
    });
    expect(said?.currentRevision).toBe(said?.updateRevision);
    expect(first?.metadata.labels?.['controller-revision-hash']).toBe(said?.currentRevision);
    expect(await events()).toEqual([0, 1, 2].map((i) => `Normal SuccessfulCreate create Pod db-${i} in StatefulSet db successful`));
  });

  test('Parallel starts all at once', async () => {
    const { pods } = await start(setOf({ podManagementPolicy: 'Parallel' }, { 'sim.minke.dev/ready-ms': '9000' }), 1);
    expect(await pods()).toHaveLength(3);
  });

  test('scales down from the top, and up again', async () => {
    const { names, patch, time, events } = await start(setOf());
    await patch({ replicas: 1 });
    await time.advance(120_000);
    expect(await names()).toEqual(['db-0']);
    expect((await events()).slice(3)).toEqual([2, 1].map((i) => `Normal SuccessfulDelete delete Pod db-${i} in StatefulSet db successful`));
    await patch({ replicas: 2 });
    await time.advance(30_000);
    expect(await names()).toEqual(['db-0', 'db-1']);
  });

  test('begins at another ordinal', async () => {
    const { names, patch, time } = await start(setOf({ replicas: 2, ordinals: { start: 5 } }));
    expect(await names()).toEqual(['db-5', 'db-6']);
    await patch({ ordinals: { start: 6 } });
    await time.advance(120_000);
    expect(await names()).toEqual(['db-6', 'db-7']);
  });

  test('makes anew a pod that ended or was deleted, under its name', async () => {
    const { client, pods, time, events, names } = await start(setOf());
    const [, second] = await pods();
    if (!second) throw new Error('no pod');
    await client.updateStatus(podKind, { ...second, status: { ...second.status, phase: 'Failed', reason: 'Evicted' } });
    await time.advance(120_000);
    expect(await names()).toEqual(['db-0', 'db-1', 'db-2']);
    expect((await pods())[1]?.metadata.uid).not.toBe(second.metadata.uid);
    expect(await events()).toContain('Warning RecreatingFailedPod StatefulSet default/db is recreating failed Pod db-1');
  });
});

describe('a rolling update', () => {
  test('goes from the top down, one at a time; history is kept', async () => {
    const { cluster, images, setImage, time, status, revisions } = await start(setOf());
    let fewest = 3;
    const order: string[] = [];
    const offs = [
      cluster.informers.of(statefulsets).onChange(({ next }) => {
        fewest = Math.min(fewest, next?.status?.availableReplicas ?? 0);
      }),
      cluster.informers.of(podKind).onChange(({ old, next }) => {
        if (old && next && !old.metadata.deletionTimestamp && next.metadata.deletionTimestamp) order.push(next.metadata.name);
      }),
    ];
    await setImage('v2');
    await time.advance(20);
    const during = await status();
    expect(during?.currentRevision).not.toBe(during?.updateRevision);
    await time.advance(240_000);
    for (const off of offs) off();
    expect(await images()).toEqual(['db-0 v2', 'db-1 v2', 'db-2 v2']);
    expect(order).toEqual(['db-2', 'db-1', 'db-0']);
    expect(fewest).toBe(2);
    const after = await status();
    expect(after).toMatchObject({ currentRevision: during?.updateRevision, updatedReplicas: 3, currentReplicas: 3, observedGeneration: 2 });
    expect(await revisions()).toEqual([1, 2]);
    await setImage('v1');
    await time.advance(240_000);
    expect(await images()).toEqual(['db-0 v1', 'db-1 v1', 'db-2 v1']);
    expect(await revisions()).toEqual([2, 3]);
  });

  test('stops at its partition; a pod below it stays of the old revision', async () => {
    const { client, images, setImage, time, status, pods } = await start(
      setOf({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } }),
    );
    await setImage('v2');
    await time.advance(120_000);
    expect(await images()).toEqual(['db-0 v1', 'db-1 v1', 'db-2 v2']);
    expect(await status()).toMatchObject({ currentReplicas: 2, updatedReplicas: 1 });
    const [first] = await pods();
    if (first) await client.delete(podKind, first.metadata);
    await time.advance(120_000);
    expect(await images()).toEqual(['db-0 v1', 'db-1 v1', 'db-2 v2']);
  });

  test('takes as many at a time as may be unavailable', async () => {
    const { cluster, images, setImage, time } = await start(
      setOf({ podManagementPolicy: 'Parallel', updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } }),
    );
    let fewest = 3;
    const off = cluster.informers.of(statefulsets).onChange(({ next }) => {
      fewest = Math.min(fewest, next?.status?.availableReplicas ?? 0);
    });
    await setImage('v2');
    await time.advance(240_000);
    off();
    expect(await images()).toEqual(['db-0 v2', 'db-1 v2', 'db-2 v2']);
    expect(fewest).toBe(1);
  });

  test('OnDelete waits for the user', async () => {
    const { client, images, setImage, time, pods } = await start(setOf({ updateStrategy: { type: 'OnDelete' } }));
    await setImage('v2');
    await time.advance(60_000);
    expect(await images()).toEqual(['db-0 v1', 'db-1 v1', 'db-2 v1']);
    const [, second] = await pods();
    if (second) await client.delete(podKind, second.metadata);
    await time.advance(60_000);
    expect(await images()).toEqual(['db-0 v1', 'db-1 v2', 'db-2 v1']);
  });
});

describe('claims', () => {
  const volumeClaimTemplates = [
    { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
  ];

  test('are made for each pod, before it, and stay when the set goes', async () => {
    const { client, time, claims, pods, events } = await start(
      setOf({ volumeClaimTemplates, podManagementPolicy: 'Parallel', replicas: 2 }),
    );
    expect((await claims()).map(({ metadata }) => [metadata.name, metadata.labels, metadata.ownerReferences])).toEqual([
      ['data-db-0', labels, undefined],
      ['data-db-1', labels, undefined],
    ]);
    expect((await pods())[0]?.spec?.volumes).toContainEqual({ name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } });
    expect(await events()).toContain('Normal SuccessfulCreate create Claim data-db-0 Pod db-0 in StatefulSet db success');
    await client.delete(statefulsets, key, {});
    await time.advance(120_000);
    expect(await claims()).toHaveLength(2);
  });

  test('go as their retention policy says', async () => {
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete', whenScaled: 'Delete' };
    const { client, time, claims, patch } = await start(
      setOf({ volumeClaimTemplates, persistentVolumeClaimRetentionPolicy, podManagementPolicy: 'Parallel' }),
    );
    expect((await claims()).map(({ metadata }) => metadata.ownerReferences?.[0]?.kind)).toEqual([
      'StatefulSet',
      'StatefulSet',
      'StatefulSet',
    ]);
    await patch({ replicas: 1 });
    await time.advance(120_000);
    expect((await claims()).map(({ metadata }) => metadata.name)).toEqual(['data-db-0']);
    await client.delete(statefulsets, key, {});
    await time.advance(120_000);
    expect(await claims()).toEqual([]);
  });
});

test('a set at rest writes nothing', async () => {
  const { client, time, claims } = await start(setOf({ minReadySeconds: 5 }), 120);
  const versions = async () => [
    (await client.get(statefulsets, key)).metadata.resourceVersion,
    ...(await client.list(podKind)).items.map(({ metadata }) => metadata.resourceVersion),
    ...(await client.list(controllerrevisions)).items.map(({ metadata }) => metadata.resourceVersion),
    ...(await claims()).map(({ metadata }) => metadata.resourceVersion),
  ];
  const before = await versions();
  await time.advance(600_000);
  expect(await versions()).toEqual(before);
});
