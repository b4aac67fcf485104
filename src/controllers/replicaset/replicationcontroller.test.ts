// The ReplicationController controller over an API in memory: what differs from a ReplicaSet's.
import { expect, test } from 'vitest';
import { forbidden } from '../../api/mod.ts';
import { podType, replicationControllerType } from '../runtime/resource-types.ts';
import { createWorld } from '../runtime/world.fake.ts';
import { runReplicaSetController, runReplicationController } from './replicaset.ts';

const labels = { app: 'web' };
const spec = { selector: labels, template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'x' }] } } };

function setup() {
  const world = createWorld();
  // Both run, as they do in a cluster: neither takes the other's pods.
  const running = Promise.all([runReplicaSetController(world.context), runReplicationController(world.context)]);
  const current = () => world.client.get(replicationControllerType, { namespace: 'default', name: 'web' });
  const create = async (replicas: number) => {
    await world.client.create(replicationControllerType, { metadata: { name: 'web', namespace: 'default' }, spec: { ...spec, replicas } });
    await world.clock.settle();
  };
  const scaleTo = async (replicas: number) => {
    await world.client.patch(replicationControllerType, (await current()).metadata, 'application/merge-patch+json', { spec: { replicas } });
    await world.clock.settle();
  };
  return { ...world, end: () => world.stop(running.then(() => {})), current, create, scaleTo };
}

test('creates pods, follows their readiness, and scales', async () => {
  const world = setup();
  await world.create(2);
  const made = await world.list(podType);
  expect(made.map(({ metadata }) => metadata)).toMatchObject(
    Array.from({ length: 2 }, () => ({
      name: expect.stringMatching(/^web-/),
      labels,
      ownerReferences: [{ apiVersion: 'v1', kind: 'ReplicationController', name: 'web', controller: true, blockOwnerDeletion: true }],
    })),
  );
  for (const pod of made) await world.setReady(pod);
  await world.clock.settle();
  const { status } = await world.current();
  expect(status).toEqual({ replicas: 2, fullyLabeledReplicas: 2, readyReplicas: 2, availableReplicas: 2, observedGeneration: 1 });
  await world.scaleTo(1);
  expect(await world.list(podType)).toHaveLength(1);
  await world.end();
});

test('adopts pods that match, and lets go of those that no longer do', async () => {
  const world = setup();
  const pod = await world.client.create(podType, {
    ...spec.template,
    metadata: { name: 'orphan', namespace: 'default', labels },
  });
  await world.create(1);
  const read = () => world.client.get(podType, pod.metadata);
  expect((await read()).metadata.ownerReferences).toMatchObject([{ kind: 'ReplicationController', name: 'web' }]);
  expect(await world.list(podType)).toHaveLength(1);
  await world.client.patch(podType, pod.metadata, 'application/merge-patch+json', { metadata: { labels: { app: 'other' } } });
  await world.clock.settle();
  expect((await read()).metadata.ownerReferences ?? []).toEqual([]);
  expect(await world.list(podType)).toHaveLength(2);
  await world.end();
});

test('says when its pods cannot be created, until they can or need not be', async () => {
  const world = setup();
  world.handler.before = ({ verb, resource }) => {
    if (verb === 'create' && resource.resource === 'pods')
      throw forbidden({ group: '', resource: 'pods', name: 'web-x' }, 'exceeded quota');
  };
  await world.create(1);
  expect((await world.current()).status?.conditions).toMatchObject([{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }]);
  await world.scaleTo(0);
  expect((await world.current()).status?.conditions ?? []).toEqual([]);
  await world.end();
});
