// The namespace controller over an API in memory, and the accounts and certificates that every namespace has.
import { expect, test } from 'vitest';
import type { KubeObject, ResourceType } from '../../api/mod.ts';
import { runRootCaPublisher } from '../rootca/rootca.ts';
import { configMapType, namespaceType, podType, serviceAccountType } from '../runtime/resource-types.ts';
import { createWorld } from '../runtime/world.fake.ts';
import { runServiceAccountController } from '../serviceaccount/serviceaccount.ts';
import { runNamespaceController } from './namespace.ts';
import { planConditions } from './plan.ts';

const merge = 'application/merge-patch+json';

async function setup() {
  const world = createWorld([podType, configMapType, serviceAccountType, namespaceType]);
  const running = Promise.all([
    runNamespaceController(world.context),
    runServiceAccountController(world.context),
    runRootCaPublisher({ ...world.context, rootCaPem: 'PEM' }),
  ]);
  // The fake server has no finalize of its own: metadata finalizers stand for those of the spec.
  await world.client.create(namespaceType, { metadata: { name: 'a', finalizers: ['x'] }, spec: { finalizers: ['kubernetes'] } });
  await world.clock.settle();
  const names = async <T extends KubeObject>(type: ResourceType<T>) => (await world.list(type)).map((object) => object.metadata.name);
  return { ...world, running, names };
}

test('every active namespace has its account and its CA, also after somebody deleted or changed them', async () => {
  const world = await setup();
  expect(await world.names(serviceAccountType)).toEqual(['default']);
  expect(await world.list(configMapType)).toMatchObject([{ metadata: { name: 'kube-root-ca.crt' }, data: { 'ca.crt': 'PEM' } }]);
  await world.client.delete(serviceAccountType, { namespace: 'a', name: 'default' });
  await world.client.patch(configMapType, { namespace: 'a', name: 'kube-root-ca.crt' }, merge, { data: { 'ca.crt': 'other' } });
  await world.clock.settle();
  expect(await world.names(serviceAccountType)).toEqual(['default']);
  expect((await world.list(configMapType))[0]?.data).toEqual({ 'ca.crt': 'PEM' });
  await world.stop(world.running);
  expect(world.clock.timers).toBe(0);
});

test('a namespace that goes is emptied, pods first, says what it waits for, and is finalized last', async () => {
  const world = await setup();
  await world.client.create(podType, { metadata: { name: 'p', namespace: 'a', finalizers: ['test/wait'] } });
  await world.client.create(configMapType, { metadata: { name: 'c', namespace: 'a' } });
  await world.client.create(configMapType, { metadata: { name: 'elsewhere', namespace: 'b' } });
  await world.client.delete(namespaceType, { name: 'a' });
  await world.clock.settle();
  expect(await world.names(podType)).toEqual(['p']);
  expect(await world.names(configMapType)).toContain('c');
  const waiting = await world.client.get(namespaceType, { name: 'a' });
  expect(waiting.status?.phase).toBe('Terminating');
  expect(waiting.status?.conditions?.map(({ type, status, message }) => `${type} ${status} ${message}`)).toEqual([
    'NamespaceDeletionDiscoveryFailure False All resources successfully discovered',
    'NamespaceDeletionGroupVersionParsingFailure False All legacy kube types successfully parsed',
    'NamespaceDeletionContentFailure False All content successfully deleted, may be waiting on finalization',
    'NamespaceContentRemaining True Some resources are remaining: pods. has 1 resource instances',
    'NamespaceFinalizersRemaining True Some content in the namespace has finalizers remaining: test/wait in 1 resource instances',
  ]);
  await world.client.patch(podType, { namespace: 'a', name: 'p' }, merge, { metadata: { finalizers: null } });
  await world.clock.settle();
  expect(await world.names(podType)).toEqual([]);
  expect(await world.names(configMapType)).toEqual(['elsewhere']);
  expect(await world.names(serviceAccountType)).toEqual([]);
  expect((await world.client.get(namespaceType, { name: 'a' })).spec?.finalizers).toEqual([]);
});

test('conditions are left as they stand when nothing changes, and name failures', () => {
  const idle = { remaining: [], failures: [] };
  const first = planConditions({}, idle, '2026-01-01T00:00:00Z');
  expect(first.every((condition) => condition.status === 'False')).toBe(true);
  expect(planConditions({ status: { conditions: first } }, idle, '2026-01-02T00:00:00Z')).toBe(first);
  const failing = planConditions({}, { remaining: [], failures: ['b', 'a'] }, '2026-01-01T00:00:00Z');
  expect(failing[2]).toMatchObject({
    status: 'True',
    reason: 'ContentDeletionFailed',
    message: 'Failed to delete all resource types, 2 remaining: a, b',
  });
});
