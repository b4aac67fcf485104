// The ReplicaSet controller over an API in memory: scaling, adoption, release, failures, stale caches.
import { describe, expect, test } from 'vitest';
import { forbidden, ownerReference, type Persisted, type V1Pod, type V1ReplicaSet } from '../../api/mod.ts';
import { isActive } from '../runtime/pods.ts';
import { podType, replicaSetType } from '../runtime/resource-types.ts';
import { createWorld, type World } from '../runtime/world.fake.ts';
import { runReplicaSetController } from './replicaset.ts';

const labels = { app: 'web' };

async function setup(replicas = 3, more: Partial<NonNullable<V1ReplicaSet['spec']>> = {}) {
  const world = createWorld();
  const running = runReplicaSetController(world.context);
  const spec = {
    replicas,
    selector: { matchLabels: labels },
    template: { metadata: { labels, annotations: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    ...more,
  };
  await world.client.create(replicaSetType, { metadata: { name: 'web', namespace: 'default' }, spec });
  await world.clock.settle();
  return { ...world, running };
}

const pods = (world: World) => world.list(podType) as Promise<readonly Persisted<V1Pod>[]>;
const current = (world: World) => world.client.get(replicaSetType, { namespace: 'default', name: 'web' });

async function scaleTo(world: World, replicas: number): Promise<void> {
  const set = await current(world);
  await world.client.patch(replicaSetType, set.metadata, 'application/merge-patch+json', { spec: { replicas } });
  await world.clock.settle();
}

describe('replicaset controller', () => {
  test('creates pods from the template, owned and named after the set, and tells of it', async () => {
    const world = await setup();
    const made = await pods(world);
    expect(made).toHaveLength(3);
    expect(made[0]).toMatchObject({
      metadata: {
        name: expect.stringMatching(/^web-/),
        labels,
        annotations: { a: 'b' },
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', controller: true, blockOwnerDeletion: true }],
      },
      spec: { containers: [{ name: 'c', image: 'x' }] },
    });
    expect(await world.events()).toEqual(made.map((pod) => `Normal SuccessfulCreate Created pod: ${pod.metadata.name}`));
    expect((await current(world)).status).toMatchObject({ replicas: 3, fullyLabeledReplicas: 3, readyReplicas: 0, observedGeneration: 1 });
  });

  test('follows readiness, and availability after minReadySeconds', async () => {
    const world = await setup(2, { minReadySeconds: 10 });
    for (const pod of await pods(world)) await world.setReady(pod);
    await world.clock.advance(5_000);
    expect((await current(world)).status).toMatchObject({ readyReplicas: 2, availableReplicas: 0 });
    await world.clock.advance(6_000);
    expect((await current(world)).status).toMatchObject({ readyReplicas: 2, availableReplicas: 2 });
  });

  test('scales down, the pods that are not ready first, and up again; replaces what was deleted', async () => {
    const world = await setup(3);
    const [first, second] = await pods(world);
    if (!first || !second) throw new Error('no pods');
    await world.setReady(second);
    await scaleTo(world, 1);
    expect((await pods(world)).map((pod) => pod.metadata.name)).toEqual([second.metadata.name]);
    expect(await world.events()).toContain(`Normal SuccessfulDelete Deleted pod: ${first.metadata.name}`);
    await scaleTo(world, 4);
    expect(await pods(world)).toHaveLength(4);
    await world.client.delete(podType, second.metadata);
    await world.clock.settle();
    expect(await pods(world)).toHaveLength(4);
  });

  test('replaces pods that failed, and does not count them', async () => {
    const world = await setup(1);
    const [pod] = await pods(world);
    if (!pod) throw new Error('no pod');
    await world.client.updateStatus(podType, { ...pod, status: { phase: 'Failed' } });
    await world.clock.settle();
    expect((await pods(world)).filter(isActive)).toHaveLength(1);
    expect(await pods(world)).toHaveLength(2);
  });

  test('adopts matching orphans and releases pods that match no longer', async () => {
    const world = createWorld();
    await world.client.create(podType, { metadata: { name: 'orphan', namespace: 'default', labels } });
    await world.client.create(podType, { metadata: { name: 'elsewhere', namespace: 'other', labels } });
    const running = runReplicaSetController(world.context);
    await world.client.create(replicaSetType, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels } } },
    });
    await world.clock.settle();
    const owned = (await pods(world)).filter((pod) => pod.metadata.ownerReferences);
    expect(owned.map((pod) => pod.metadata.name)).toContain('orphan');
    expect(owned).toHaveLength(2);
    const orphan = { namespace: 'default', name: 'orphan' };
    await world.client.patch(podType, orphan, 'application/merge-patch+json', { metadata: { labels: { app: 'other' } } });
    await world.clock.settle();
    expect((await world.client.get(podType, orphan)).metadata.ownerReferences).toEqual([]);
    expect((await pods(world)).filter((pod) => pod.metadata.ownerReferences?.length)).toHaveLength(2);
    await world.stop(running);
  });

  test('leaves pods of other controllers alone', async () => {
    const world = createWorld();
    const other = { ...ownerReference(replicaSetType, { metadata: { name: 'other', uid: 'u' } }), controller: true };
    await world.client.create(podType, { metadata: { name: 'p', namespace: 'default', labels, ownerReferences: [other] } });
    const running = runReplicaSetController(world.context);
    await world.client.create(replicaSetType, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels } } },
    });
    await world.clock.settle();
    expect(await pods(world)).toHaveLength(2);
    await world.stop(running);
  });

  test('starts slowly: a refused template costs one try at a time, and shows as ReplicaFailure', async () => {
    const world = createWorld();
    let tries = 0;
    world.handler.before = (request) => {
      if (request.verb !== 'create' || request.resource.resource !== 'pods') return;
      tries++;
      throw forbidden({ group: '', resource: 'pods', name: 'web-x' }, 'exceeded quota');
    };
    const running = runReplicaSetController(world.context);
    await world.client.create(replicaSetType, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { replicas: 100, selector: { matchLabels: labels }, template: { metadata: { labels } } },
    });
    await world.clock.settle();
    expect(tries).toBeLessThan(5);
    expect((await current(world)).status?.conditions).toMatchObject([
      { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'pods "web-x" is forbidden: exceeded quota' },
    ]);
    expect(await world.events()).toContain('Warning FailedCreate Error creating: pods "web-x" is forbidden: exceeded quota');
    world.handler.before = () => {};
    await world.clock.advance(30_000);
    expect(await pods(world)).toHaveLength(100);
    expect((await current(world)).status).toMatchObject({ replicas: 100 });
    expect((await current(world)).status?.conditions).toBeUndefined();
    await world.stop(running);
  });

  test('a large set is not counted anew for each of its pods', async () => {
    const world = await setup(200);
    await world.clock.advance(5_000);
    let writes = 0;
    world.handler.before = (request) => {
      if (request.verb === 'update' && request.resource.resource === 'replicasets') writes++;
    };
    for (const pod of await pods(world)) {
      await world.setReady(pod);
      await world.clock.settle();
    }
    await world.clock.advance(8);
    expect(writes).toBe(1);
    expect((await current(world)).status).toMatchObject({ readyReplicas: 200 });
    await world.stop(world.running);
  });

  test('does nothing for a set that is going away', async () => {
    const world = await setup(2);
    const set = await current(world);
    await world.client.delete(replicaSetType, set.metadata, { propagationPolicy: 'Foreground' });
    for (const pod of await pods(world)) await world.client.delete(podType, pod.metadata);
    await world.clock.advance(10_000);
    expect(await pods(world)).toEqual([]);
    await world.stop(world.running);
    expect(world.clock.timers).toBe(0);
    expect(world.handler.watching).toBe(0);
  });
});
