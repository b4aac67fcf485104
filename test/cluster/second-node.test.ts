// What nodes of other machines get from the control plane: a range for their pods, and the objects that their pods refer to.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { configmaps, nodes, pods } from '../../src/api/mod.ts';
import { SeededRandom, silentLogger } from '../../src/base/mod.ts';
import { systemClock } from '../../src/base/ports/clock.ts';
import { createInformers } from '../../src/client/mod.ts';
import { adminUser, type ControlPlane, nodeUser, startControlPlane } from '../../src/cluster/control-plane.ts';
import { createOwnReferences } from '../../src/kubelet/mod.ts';
import { patchOf } from '../../src/kubelet/node/node-object.ts';
import { openMemoryStore } from '../../src/store/mod.ts';

let stopping: AbortController;
let stop: () => Promise<void>;
let controlPlane: ControlPlane;
const common = { clock: systemClock, random: new SeededRandom(1), log: silentLogger };

beforeEach(async () => {
  stopping = new AbortController();
  const store = openMemoryStore({ clock: systemClock });
  const { signal } = stopping;
  controlPlane = await startControlPlane({ ...common, store, serviceCidr: '10.96.0.0/16', clusterCidr: '10.42.0.0/23', signal });
  stop = async () => {
    stopping.abort();
    await controlPlane.stopped;
    await store.close();
  };
});
afterEach(() => stop());

/** Resolves as soon as `ask` gives something. */
function soon<T>(ask: () => T | undefined, onChange: (look: () => void) => () => void): Promise<T> {
  return new Promise((resolve) => {
    let off = () => {};
    const look = () => {
      const found = ask();
      if (found === undefined) return;
      queueMicrotask(() => off());
      resolve(found);
    };
    off = onChange(look);
    look();
  });
}
const rangeOf = (name: string) => {
  const cache = controlPlane.informers.of(nodes);
  return soon(
    () => cache.get(name)?.spec?.podCIDR || undefined,
    (look) => cache.onChange(look),
  );
};
const join = async (name: string, podCIDR?: string) => {
  await controlPlane
    .clientFor(nodeUser(name))
    .create(nodes, { metadata: { name }, ...(podCIDR ? { spec: { podCIDR, podCIDRs: [podCIDR] } } : {}) });
  return rangeOf(name);
};

test('each node has a range of its own, beside those that nodes bring, and gets the same when it comes back', async () => {
  expect(await join('first', '10.42.0.0/24')).toBe('10.42.0.0/24');
  expect(await join('second')).toBe('10.42.1.0/24');
  const admin = controlPlane.clientFor(adminUser);
  await admin.delete(nodes, { name: 'second' });
  await soon(
    () => (controlPlane.informers.of(nodes).get('second') ? undefined : true),
    (look) => controlPlane.informers.of(nodes).onChange(look),
  );
  expect(await join('second')).toBe('10.42.1.0/24');
  // Both are in use: whoever comes now waits until a node goes.
  await controlPlane.clientFor(nodeUser('third')).create(nodes, { metadata: { name: 'third' } });
  expect((await admin.get(nodes, { name: 'third' })).spec?.podCIDR).toBeUndefined();
});

test('a node follows the config maps of its own pods, each by its name, for as long as a pod refers to it', async () => {
  const admin = controlPlane.clientFor(adminUser);
  const client = controlPlane.clientFor(nodeUser('first'));
  const { signal } = stopping;
  const watched: (string | undefined)[] = [];
  const seen: typeof client = {
    ...client,
    watch(type, options) {
      if (type.resource === 'configmaps') watched.push(`${options?.namespace} ${options?.fieldSelector}`);
      return client.watch(type, options);
    },
  };
  const informers = createInformers({ ...common, client, signal });
  const references = createOwnReferences({ ...common, informers, client: seen, signal });
  const changed = (wanted: string | undefined) =>
    soon(
      () => (references.configMap('default/words')?.data?.a === wanted ? true : undefined),
      (look) => references.onChange(look),
    );
  const words = { metadata: { namespace: 'default', name: 'words' } };
  await admin.create(configmaps, { ...words, data: { a: '1' } });
  await references.synced;
  expect(references.configMap('default/words')).toBeUndefined();
  const container = { name: 'c', image: 'i', envFrom: [{ configMapRef: { name: 'words' } }] };
  await admin.create(pods, { metadata: { namespace: 'default', name: 'p' }, spec: { nodeName: 'first', containers: [container] } });
  const podCache = informers.of(pods);
  await soon(
    () => podCache.get('default/p'),
    (look) => podCache.onChange(look),
  );
  // A pod that starts does not wait for the watch.
  await references.load(['configmap/default/words'], signal);
  expect(references.configMap('default/words')?.data).toEqual({ a: '1' });
  await changed('1');
  await admin.update(configmaps, { ...words, data: { a: '2' } });
  await changed('2');
  await admin.delete(pods, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 0 });
  await soon(
    () => (podCache.get('default/p') ? undefined : true),
    (look) => podCache.onChange(look),
  );
  expect(references.configMap('default/words')).toBeUndefined();
  // The other is for its account's token.
  expect(watched.sort()).toEqual(['default metadata.name=kube-root-ca.crt', 'default metadata.name=words']);
});

test('a report of a node replaces the addresses that stand, of which several have one type', async () => {
  const of = (...ips: string[]) => ({ addresses: ips.map((address) => ({ type: 'InternalIP', address })) });
  const client = controlPlane.clientFor(nodeUser('third'));
  await client.create(nodes, { metadata: { name: 'third' }, status: of('192.0.2.1', 'fd00::1') });
  const patch = patchOf(of('192.0.2.2', 'fd00::2'), undefined);
  const after = await client.patch(nodes, { name: 'third' }, 'application/strategic-merge-patch+json', patch, { subresource: 'status' });
  expect(after.status?.addresses).toEqual(of('192.0.2.2', 'fd00::2').addresses);
});
