// Dynamic resource allocation as users see it: claims of templates, devices that are given out once, and given back.
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  deviceclasses,
  events,
  pods,
  resourceclaims,
  resourceclaimtemplates,
  resourceslices,
  startCluster,
  type V1Pod,
  type VirtualCluster,
} from '../../src/cluster/mod.ts';

let cluster: VirtualCluster;
const namespace = 'default';
const driver = 'gpu.example.com';

beforeEach(async () => {
  cluster = await startCluster({ clock: 'virtual', nodes: 2 });
  const { client } = cluster;
  await client.create(deviceclasses, {
    metadata: { name: 'gpu' },
    spec: { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }] },
  });
  const devices = ['g0', 'g1'].map((name) => ({ name, attributes: { model: { string: name === 'g0' ? 'small' : 'large' } } }));
  const spec = { driver, nodeName: 'sim-1', pool: { name: 'sim-1', generation: 1, resourceSliceCount: 1 }, devices };
  await client.create(resourceslices, { metadata: { name: 'sim-1-gpus' }, spec });
});
afterEach(() => cluster.stop());

const request = (expression?: string) => ({
  devices: {
    requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu', ...(expression ? { selectors: [{ cel: { expression } }] } : {}) } }],
  },
});
const podWith = (name: string, claim: object): V1Pod => ({
  metadata: { name, namespace },
  spec: {
    containers: [{ name: 'c', image: 'i:1', resources: { claims: [{ name: 'gpu' }] } }],
    resourceClaims: [{ name: 'gpu', ...claim }],
    terminationGracePeriodSeconds: 1,
  },
});
const get = (name: string) => cluster.client.get(pods, { namespace, name });
const claims = async () => (await cluster.client.list(resourceclaims, { namespace })).items;

test('claims are made of a template, each pod gets a device of its own, the third waits, and what is given back helps it', async () => {
  await cluster.client.create(resourceclaimtemplates, { metadata: { name: 'one-gpu', namespace }, spec: { spec: request() } });
  for (const name of ['a', 'b', 'c']) await cluster.client.create(pods, podWith(name, { resourceClaimTemplateName: 'one-gpu' }));
  await cluster.time.advance(20_000);
  const all = await Promise.all(['a', 'b', 'c'].map(get));
  const running = all.filter((pod) => pod.status?.phase === 'Running');
  expect(running.map((pod) => pod.spec?.nodeName)).toEqual(['sim-1', 'sim-1']);
  const given = (await claims()).flatMap((claim) => claim.status?.allocation?.devices?.results?.map((one) => one.device) ?? []);
  expect(given.sort()).toEqual(['g0', 'g1']);
  const waiting = all.find((pod) => !pod.spec?.nodeName);
  const name = waiting?.metadata.name ?? '';
  const told = (await cluster.client.list(events, { namespace })).items.find(
    (one) => one.involvedObject.name === name && one.reason === 'FailedScheduling',
  );
  expect(told?.message).toContain('0/2 nodes are available: 2 cannot allocate all claims.');

  await cluster.client.delete(pods, { namespace, name: running[0]?.metadata.name ?? '' });
  await cluster.time.advance(30_000);
  expect((await get(name)).status?.phase).toBe('Running');
  const left = await claims();
  expect(left).toHaveLength(2);
  expect(left.every((claim) => claim.status?.reservedFor?.length === 1)).toBe(true);
});

test('a claim that several pods name is allocated once, and free when the last of them is gone', async () => {
  const spec = request(`device.attributes["${driver}"].model == "large"`);
  await cluster.client.create(resourceclaims, { metadata: { name: 'shared', namespace }, spec });
  for (const name of ['a', 'b']) await cluster.client.create(pods, podWith(name, { resourceClaimName: 'shared' }));
  await cluster.time.advance(20_000);
  const [shared] = await claims();
  expect(shared?.status?.allocation?.devices?.results).toEqual([{ request: 'gpu', driver, pool: 'sim-1', device: 'g1' }]);
  expect(shared?.status?.reservedFor?.map((one) => one.name).sort()).toEqual(['a', 'b']);
  expect(shared?.metadata.finalizers).toEqual(['resource.kubernetes.io/delete-protection']);
  for (const name of ['a', 'b']) await cluster.client.delete(pods, { namespace, name });
  await cluster.time.advance(20_000);
  const [free] = await claims();
  expect(free?.status?.allocation).toBeUndefined();
  expect(free?.metadata.finalizers ?? []).toEqual([]);
});

test('what is missing is waited for: the template, the claim, the class; and the pod runs when it comes', async () => {
  await cluster.client.create(pods, podWith('early', { resourceClaimTemplateName: 'late' }));
  await cluster.client.create(pods, podWith('named', { resourceClaimName: 'later' }));
  await cluster.time.advance(10_000);
  expect((await get('early')).spec?.nodeName).toBeUndefined();
  expect((await get('named')).spec?.nodeName).toBeUndefined();
  await cluster.time.advance(60_000);
  const made = (await cluster.client.list(events, { namespace })).items.filter((one) => one.reason === 'FailedResourceClaimCreation');
  expect(made).toHaveLength(1);
  await cluster.client.create(resourceclaimtemplates, { metadata: { name: 'late', namespace }, spec: { spec: request() } });
  await cluster.client.create(resourceclaims, { metadata: { name: 'later', namespace }, spec: request() });
  await cluster.time.advance(10_000);
  expect((await get('early')).status?.phase).toBe('Running');
  expect((await get('named')).status?.phase).toBe('Running');
});

test('a pod waits until its device is ready for the node; a device that cannot be made ready is given back', async () => {
  const { client, time } = cluster;
  const conditions = { bindingConditions: ['Attached'], bindingFailureConditions: ['Broken'] };
  const devices = [{ name: 'f0', bindsToNode: true, ...conditions }];
  const pool = { name: 'fabric', generation: 1, resourceSliceCount: 1 };
  await client.create(resourceslices, {
    metadata: { name: 'fabric' },
    spec: { driver: 'fabric.example.com', allNodes: true, pool, devices },
  });
  const selectors = [{ cel: { expression: 'device.driver == "fabric.example.com"' } }];
  await client.create(deviceclasses, { metadata: { name: 'fabric' }, spec: { selectors } });
  const requests = [{ name: 'gpu', exactly: { deviceClassName: 'fabric' } }];
  await client.create(resourceclaims, { metadata: { name: 'attached', namespace }, spec: { devices: { requests } } });
  await client.create(pods, podWith('a', { resourceClaimName: 'attached' }));
  await time.advance(20_000);
  const claimNow = () => client.get(resourceclaims, { namespace, name: 'attached' });
  const tell = async (type: string) => {
    const claim = await claimNow();
    const told = { type, status: 'True', reason: 'Told', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
    const of = { driver: 'fabric.example.com', pool: 'fabric', device: 'f0', conditions: [told] };
    await client.updateStatus(resourceclaims, { ...claim, status: { ...claim.status, devices: [of] } });
  };
  expect((await get('a')).spec?.nodeName).toBeUndefined();
  const { allocation } = (await claimNow()).status ?? {};
  expect(allocation?.allocationTimestamp).toBeDefined();

  await tell('Broken');
  await time.advance(100);
  expect((await claimNow()).status?.allocation).toBeUndefined();
  await time.advance(20_000);
  expect((await claimNow()).status?.allocation?.devices?.results).toMatchObject([{ device: 'f0', bindingConditions: ['Attached'] }]);

  await tell('Attached');
  await time.advance(10_000);
  expect((await get('a')).status?.phase).toBe('Running');
});

test('two pods share a device by its capacity; the third waits for a share', async () => {
  const { client, time } = cluster;
  const devices = [{ name: 'nic', allowMultipleAllocations: true, capacity: { bandwidth: { value: '10G' } } }];
  const pool = { name: 'nics', generation: 1, resourceSliceCount: 1 };
  await client.create(resourceslices, {
    metadata: { name: 'nics' },
    spec: { driver: 'nic.example.com', nodeName: 'sim-0', pool, devices },
  });
  const selectors = [{ cel: { expression: 'device.driver == "nic.example.com"' } }];
  await client.create(deviceclasses, { metadata: { name: 'nic' }, spec: { selectors } });
  const requests = [{ name: 'gpu', exactly: { deviceClassName: 'nic', capacity: { requests: { bandwidth: '4G' } } } }];
  await client.create(resourceclaimtemplates, { metadata: { name: 'share', namespace }, spec: { spec: { devices: { requests } } } });
  for (const name of ['a', 'b', 'c']) await client.create(pods, podWith(name, { resourceClaimTemplateName: 'share' }));
  await time.advance(20_000);
  const all = await Promise.all(['a', 'b', 'c'].map(get));
  expect(all.filter((pod) => pod.status?.phase === 'Running')).toHaveLength(2);
  const results = (await claims()).flatMap((claim) => claim.status?.allocation?.devices?.results ?? []);
  expect(results.map((one) => one.consumedCapacity)).toEqual([{ bandwidth: '4G' }, { bandwidth: '4G' }]);
  expect(new Set(results.map((one) => one.shareID)).size).toBe(2);
});
