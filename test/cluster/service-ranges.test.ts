// Ranges of service addresses as users see them: a further one is ready at once, and one that is deleted stays while services need it.
import { afterEach, expect, test } from 'vitest';
import { ipaddresses, servicecidrs, services, startCluster, type V1ServiceCIDR, type VirtualCluster } from '../../src/cluster/mod.ts';

let cluster: VirtualCluster;
afterEach(() => cluster.stop());
const namespace = 'default';

test('a ServiceCIDR is ready, is held by its addresses, and goes when another range has them', async () => {
  cluster = await startCluster({ clock: 'virtual', nodes: 0 });
  const { client, time } = cluster;
  const range = (name: string, cidr: string): V1ServiceCIDR => ({ metadata: { name }, spec: { cidrs: [cidr] } });
  const readyOf = async (name: string) =>
    (await client.get(servicecidrs, { name })).status?.conditions?.map((one) => [one.status, one.reason]);
  await client.create(servicecidrs, range('more', '10.200.0.0/28'));
  await time.advance(1_000);
  expect((await client.get(servicecidrs, { name: 'more' })).metadata.finalizers).toEqual(['networking.k8s.io/service-cidr-finalizer']);
  expect(await readyOf('more')).toEqual([['True', '']]);
  const spec = { clusterIP: '10.200.0.5', ports: [{ port: 80 }] };
  await client.create(services, { metadata: { name: 'web', namespace }, spec });
  expect((await client.get(ipaddresses, { name: '10.200.0.5' })).spec?.parentRef).toMatchObject({ name: 'web' });

  await client.delete(servicecidrs, { name: 'more' });
  await time.advance(60_000);
  expect(await readyOf('more')).toEqual([['False', 'Terminating']]);
  await client.create(servicecidrs, range('larger', '10.200.0.0/24'));
  await time.advance(15_000);
  expect((await client.list(servicecidrs)).items.map((each) => each.metadata.name)).toEqual(['kubernetes', 'larger']);

  await client.delete(services, { namespace, name: 'web' });
  await client.delete(servicecidrs, { name: 'larger' });
  await time.advance(15_000);
  expect((await client.list(servicecidrs)).items.map((each) => each.metadata.name)).toEqual(['kubernetes']);
  expect((await client.list(ipaddresses)).items.map((each) => each.metadata.name)).toEqual(['10.96.0.1']);
});
