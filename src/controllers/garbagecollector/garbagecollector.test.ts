// The garbage collector over an API in memory: the three policies, lost owners, circles, kinds that are not known.
import { describe, expect, test } from 'vitest';
import type { KubeObject, ResourceType, V1OwnerReference } from '../../api/mod.ts';
import { configMapType, deploymentType, nodeType, podType, replicaSetType } from '../runtime/resource-types.ts';
import { createWorld } from '../runtime/world.fake.ts';
import { runGarbageCollector } from './garbagecollector.ts';

async function setup() {
  const world = createWorld([podType, replicaSetType, deploymentType, configMapType, nodeType]);
  const running = runGarbageCollector(world.context);
  await world.clock.settle();
  const make = async <T extends KubeObject>(type: ResourceType<T>, name: string, owners: KubeObject[] = [], block = true) => {
    const ownerReferences = owners.map(
      (owner): V1OwnerReference => ({
        apiVersion: owner.apiVersion ?? '',
        kind: owner.kind ?? '',
        name: owner.metadata?.name ?? '',
        uid: owner.metadata?.uid ?? '',
        blockOwnerDeletion: block,
      }),
    );
    const metadata = { name, ...(type.namespaced ? { namespace: 'default' } : {}), ownerReferences };
    return world.client.create<KubeObject>(type, { metadata });
  };
  const tree = async () => {
    const deployment = await make(deploymentType, 'd');
    const set = await make(replicaSetType, 's', [deployment]);
    const pods = [await make(podType, 'p1', [set]), await make(podType, 'p2', [set])];
    await world.clock.settle();
    return { deployment, set, pods };
  };
  const left = async () => {
    const names: string[] = [];
    for (const type of [deploymentType, replicaSetType, podType, configMapType, nodeType]) {
      names.push(...(await world.list<KubeObject>(type)).map((object) => object.metadata.name));
    }
    return names.join(' ');
  };
  const remove = async (type: ResourceType, name: string, policy: 'Background' | 'Foreground' | 'Orphan') => {
    await world.client.delete(type, { namespace: 'default', name }, { propagationPolicy: policy });
    await world.clock.settle();
  };
  return { ...world, running, make, tree, left, remove };
}

describe('garbage collector', () => {
  test('background: dependents go after their owner, all the way down', async () => {
    const world = await setup();
    await world.tree();
    await world.remove(deploymentType, 'd', 'Background');
    expect(await world.left()).toBe('');
  });

  test('foreground: the owner goes last', async () => {
    const world = await setup();
    await world.tree();
    await world.client.patch(podType, { namespace: 'default', name: 'p1' }, 'application/merge-patch+json', {
      metadata: { finalizers: ['test/wait'] },
    });
    await world.remove(deploymentType, 'd', 'Foreground');
    expect(await world.left()).toBe('d s p1');
    await world.client.patch(podType, { namespace: 'default', name: 'p1' }, 'application/merge-patch+json', {
      metadata: { finalizers: [] },
    });
    await world.clock.settle();
    expect(await world.left()).toBe('');
  });

  test('foreground does not wait for dependents that do not block; they go after it', async () => {
    const world = await setup();
    const set = await world.make(replicaSetType, 's');
    await world.make(podType, 'p', [set], false);
    await world.clock.settle();
    await world.remove(replicaSetType, 's', 'Foreground');
    expect(await world.left()).toBe('');
  });

  test('orphan: dependents stay, without the reference', async () => {
    const world = await setup();
    await world.tree();
    await world.remove(replicaSetType, 's', 'Orphan');
    expect(await world.left()).toBe('d p1 p2');
    for (const pod of await world.list(podType)) expect(pod.metadata.ownerReferences).toEqual([]);
  });

  test('an object whose owner never was, or is another one of that name, is deleted', async () => {
    const world = await setup();
    const ghost = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'never', uid: 'nope' } };
    await world.make(podType, 'p', [ghost]);
    await world.make(replicaSetType, 'same');
    await world.make(podType, 'q', [{ ...ghost, metadata: { name: 'same', uid: 'earlier' } }]);
    await world.clock.settle();
    expect(await world.left()).toBe('same');
  });

  test('an object with one living owner stays, and loses the reference to the dead one', async () => {
    const world = await setup();
    const a = await world.make(configMapType, 'a');
    const b = await world.make(configMapType, 'b');
    await world.make(podType, 'p', [a, b]);
    await world.clock.settle();
    await world.remove(configMapType, 'a', 'Background');
    expect(await world.left()).toBe('p b');
    const pod = await world.client.get(podType, { namespace: 'default', name: 'p' });
    expect(pod.metadata.ownerReferences?.map((reference) => reference.name)).toEqual(['b']);
  });

  test('owners of unknown kinds, and owners out of reach, are left to others', async () => {
    const world = await setup();
    await world.make(podType, 'p', [{ apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w', uid: 'w' } }]);
    await world.make(nodeType, 'n', [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', uid: 'x' } }]);
    await world.clock.advance(60_000);
    expect(await world.left()).toBe('p n');
  });

  test('two objects that own each other both go when one is deleted in the foreground', async () => {
    const world = await setup();
    const a = await world.make(configMapType, 'a');
    const b = await world.make(configMapType, 'b', [a]);
    const back = { apiVersion: 'v1', kind: 'ConfigMap', name: 'b', uid: b.metadata.uid, blockOwnerDeletion: true };
    await world.client.patch(configMapType, a.metadata, 'application/merge-patch+json', { metadata: { ownerReferences: [back] } });
    await world.clock.settle();
    await world.remove(configMapType, 'a', 'Foreground');
    await world.clock.advance(60_000);
    expect(await world.left()).toBe('');
  });

  test('what was left over while nobody looked is collected at the start', async () => {
    const world = createWorld([podType, replicaSetType]);
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'gone', uid: 'gone' }];
    await world.client.create(podType, { metadata: { name: 'p', namespace: 'default', ownerReferences } });
    const running = runGarbageCollector(world.context);
    await world.clock.settle();
    expect(await world.list(podType)).toEqual([]);
    await world.stop(running);
    expect(world.clock.timers).toBe(0);
  });

  test('status updates of dependents cost nothing', async () => {
    const world = await setup();
    const { pods } = await world.tree();
    world.handler.requests.length = 0;
    for (const pod of pods) await world.client.updateStatus(podType, { ...pod, status: { phase: 'Running' } });
    await world.clock.settle();
    expect(world.handler.requests).toHaveLength(2);
  });
});
