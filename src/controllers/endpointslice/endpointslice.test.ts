// The EndpointSlice controller over an API in memory.
import { expect, test } from 'vitest';
import { endpointSliceType, nodeType, podType, serviceType } from '../runtime/resource-types.ts';
import { createWorld } from '../runtime/world.fake.ts';
import { runEndpointSliceController } from './endpointslice.ts';

const labels = { app: 'web' };
const key = { namespace: 'default', name: 'web' };

async function setup() {
  const world = createWorld();
  const running = runEndpointSliceController(world.context);
  const makePod = (name: string) =>
    world.client.create(podType, { metadata: { name, namespace: 'default', labels }, spec: { containers: [], nodeName: 'n1' } });
  const addresses = async () =>
    (await world.list(endpointSliceType)).flatMap((slice) =>
      (slice.endpoints ?? []).map((endpoint) => `${endpoint.targetRef?.name}:${endpoint.conditions?.ready}`),
    );
  await world.client.create(serviceType, { metadata: key, spec: { selector: labels, ports: [{ port: 80 }] } });
  await world.clock.settle();
  return { ...world, running, makePod, addresses };
}

test('follows pods as they come, become ready, change labels and go', async () => {
  const world = await setup();
  expect(await world.list(endpointSliceType)).toHaveLength(1);
  const a = await world.makePod('a');
  await world.makePod('b');
  await world.clock.settle();
  expect(await world.addresses()).toEqual([]);
  for (const pod of await world.list(podType)) await world.setReady(pod);
  await world.clock.settle();
  expect(await world.addresses()).toEqual(['a:true', 'b:true']);
  await world.setReady(a, false);
  await world.clock.settle();
  expect(await world.addresses()).toEqual(['a:false', 'b:true']);
  await world.client.patch(podType, a.metadata, 'application/merge-patch+json', { metadata: { labels: { app: 'other' } } });
  await world.client.delete(podType, { namespace: 'default', name: 'b' });
  await world.clock.settle();
  expect(await world.addresses()).toEqual([]);
  expect(await world.list(endpointSliceType)).toHaveLength(1);
});

test('writes nothing for changes that no endpoint shows', async () => {
  const world = await setup();
  const pod = await world.makePod('a');
  await world.setReady(pod);
  await world.clock.settle();
  world.handler.requests.length = 0;
  await world.client.patch(podType, pod.metadata, 'application/merge-patch+json', { metadata: { annotations: { a: 'b' } } });
  await world.setReady(pod);
  await world.clock.advance(1000);
  expect(world.handler.requests.filter((line) => line.includes('endpointslices'))).toEqual([]);
});

test('leaves services without a selector alone, and takes its slices when a service goes', async () => {
  const world = await setup();
  await world.client.create(serviceType, { metadata: { ...key, name: 'manual' }, spec: { ports: [{ port: 80 }] } });
  await world.clock.settle();
  expect(await world.list(endpointSliceType)).toHaveLength(1);
  await world.client.delete(serviceType, key);
  await world.clock.settle();
  expect(await world.list(endpointSliceType)).toEqual([]);
  await world.stop(world.running);
  expect(world.clock.timers).toBe(0);
});

test('hints by the zones of the nodes come when the nodes are there, and go with them, and are told of', async () => {
  const world = await setup();
  const makeNode = (name: string, zone: string) =>
    world.client.create(nodeType, {
      metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
      status: { allocatable: { cpu: '2' }, conditions: [{ type: 'Ready', status: 'True' }] },
    });
  await makeNode('n1', 'z1');
  const annotations = { 'service.kubernetes.io/topology-mode': 'Auto' };
  await world.client.patch(serviceType, key, 'application/merge-patch+json', { metadata: { annotations } });
  for (const name of ['a', 'b']) await world.setReady(await world.makePod(name));
  await world.clock.settle();
  const hints = async () =>
    (await world.list(endpointSliceType)).flatMap(({ endpoints = [] }) => endpoints.map((one) => one.hints?.forZones?.[0]?.name));
  expect(await hints()).toEqual([undefined, undefined]);
  await makeNode('n2', 'z2');
  await world.clock.settle();
  expect((await hints()).sort()).toEqual(['z1', 'z2']);
  await world.client.delete(nodeType, { name: 'n2' });
  await world.clock.settle();
  expect(await hints()).toEqual([undefined, undefined]);
  await world.clock.advance(1000);
  const events = (await world.list({ group: '', version: 'v1', kind: 'Event', resource: 'events', namespaced: true })) as unknown as {
    message?: string;
  }[];
  expect(events.map(({ message }) => message)).toEqual(
    expect.arrayContaining(['Nodes only ready in one zone, addressType: IPv4', 'Topology Aware Hints has been enabled, addressType: IPv4']),
  );
  await world.stop(world.running);
});
