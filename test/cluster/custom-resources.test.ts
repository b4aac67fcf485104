// Custom resources in a whole cluster: owners, namespaces and informers know them like any other kind.
import { afterEach, expect, test } from 'vitest';
import {
  configmaps,
  customresourcedefinitions,
  type KubeObject,
  namespaces,
  type ResourceType,
  startCluster,
  type V1ConfigMap,
  type V1CustomResourceDefinition,
  type VirtualCluster,
} from '../../src/cluster/mod.ts';

let cluster: VirtualCluster;
afterEach(() => cluster.stop());

interface Widget extends KubeObject {
  readonly spec?: { readonly size?: number };
}
const widgets: ResourceType<Widget> = { group: 'example.com', version: 'v1', kind: 'Widget', resource: 'widgets', namespaced: true };
const properties = { spec: { type: 'object', properties: { size: { type: 'integer', default: 3 } } } };
const definition: V1CustomResourceDefinition = {
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties } } }],
  },
};
const namespace = 'default';

const start = async () => {
  cluster = await startCluster({ clock: 'virtual' });
  await cluster.client.create(customresourcedefinitions, definition);
  await cluster.time.advance(1_000);
};
const widget = (name: string, metadata: Widget['metadata'] = {}): Widget => ({ metadata: { name, namespace, ...metadata }, spec: {} });
const ownerOf = (object: KubeObject & { readonly kind?: string | undefined }, apiVersion: string, kind: string) => [
  { apiVersion, kind, name: object.metadata?.name ?? '', uid: object.metadata?.uid ?? '', blockOwnerDeletion: true },
];
const names = async <T extends KubeObject>(type: ResourceType<T>) =>
  (await cluster.client.list(type, { namespace })).items
    .map((object) => object.metadata?.name)
    .filter((name) => name !== 'kube-root-ca.crt');

test('what a custom resource owns goes with it, and it goes with what owns it', async () => {
  await start();
  const owner = await cluster.client.create(widgets, widget('owner'));
  expect(owner.spec).toEqual({ size: 3 });
  const config: V1ConfigMap = { metadata: { name: 'owned', namespace, ownerReferences: ownerOf(owner, 'example.com/v1', 'Widget') } };
  const middle = await cluster.client.create(configmaps, config);
  await cluster.client.create(widgets, widget('leaf', { ownerReferences: ownerOf(middle, 'v1', 'ConfigMap') }));
  await cluster.time.advance(5_000);
  expect([await names(widgets), await names(configmaps)]).toEqual([['leaf', 'owner'], ['owned']]);
  await cluster.client.delete(widgets, { namespace, name: 'owner' });
  await cluster.time.advance(30_000);
  expect([await names(widgets), await names(configmaps)]).toEqual([[], []]);
});

test('an owner that is deleted in the foreground waits for its custom dependents', async () => {
  await start();
  const owner = await cluster.client.create(configmaps, { metadata: { name: 'owner', namespace } });
  await cluster.client.create(
    widgets,
    widget('held', { finalizers: ['example.com/hold'], ownerReferences: ownerOf(owner, 'v1', 'ConfigMap') }),
  );
  await cluster.time.advance(5_000);
  await cluster.client.delete(configmaps, { namespace, name: 'owner' }, { propagationPolicy: 'Foreground' });
  await cluster.time.advance(10_000);
  expect(await names(configmaps)).toEqual(['owner']);
  await cluster.client.patch(widgets, { namespace, name: 'held' }, 'application/merge-patch+json', { metadata: { finalizers: null } });
  await cluster.time.advance(10_000);
  expect([await names(widgets), await names(configmaps)]).toEqual([[], []]);
});

test('a namespace takes its custom resources along', async () => {
  await start();
  await cluster.client.create(namespaces, { metadata: { name: 'team' } });
  await cluster.client.create(widgets, widget('a', { namespace: 'team' }));
  await cluster.client.delete(namespaces, { name: 'team' });
  await cluster.time.advance(30_000);
  const left = await cluster.client.list(widgets);
  expect(left.items).toEqual([]);
  await expect(cluster.client.get(namespaces, { name: 'team' })).rejects.toMatchObject({ code: 404 });
});

test('what a definition owned goes with it, when the definition is deleted and comes again', async () => {
  await start();
  const owner = await cluster.client.create(widgets, widget('owner'));
  await cluster.client.create(configmaps, {
    metadata: { name: 'owned', namespace, ownerReferences: ownerOf(owner, 'example.com/v1', 'Widget') },
  });
  await cluster.time.advance(1_000);
  await cluster.client.delete(customresourcedefinitions, { name: 'widgets.example.com' });
  await cluster.time.advance(30_000);
  expect(await names(configmaps)).toEqual([]);
  await expect(cluster.client.list(widgets)).rejects.toMatchObject({ code: 404 });
  await cluster.client.create(customresourcedefinitions, definition);
  await cluster.time.advance(1_000);
  await cluster.client.create(widgets, widget('again'));
  expect(await names(widgets)).toEqual(['again']);
});
