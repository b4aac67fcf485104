import { expect, test } from 'vitest';
import { attachmentNameOf, type V1Node, type V1PersistentVolume, type V1PersistentVolumeClaim, volumeattachments } from '../../api/mod.ts';
import { nodeType, persistentVolumeClaimType, persistentVolumeType, podType } from '../runtime/resource-types.ts';
import { createWorld, type World } from '../runtime/world.fake.ts';
import { runAttachDetachController } from './attachdetach.ts';

const id = { driver: 'disk.example.com', volumeHandle: 'h1' };
const unique = 'kubernetes.io/csi/disk.example.com^h1';
const name = attachmentNameOf(id, 'n1');
const ready = (status: string): V1Node['status'] => ({ conditions: [{ type: 'Ready', status }] });

async function begin(): Promise<{ world: World; running: Promise<void> }> {
  const world = createWorld();
  const { client } = world;
  for (const node of ['n1', 'n2']) await client.create(nodeType, { metadata: { name: node }, status: ready('True') ?? {} });
  const claim: V1PersistentVolumeClaim = {
    metadata: { name: 'data', namespace: 'default' },
    spec: { volumeName: 'pv', accessModes: ['ReadWriteOnce'] },
  };
  const { uid } = (await client.create(persistentVolumeClaimType, claim)).metadata;
  const volume: V1PersistentVolume = {
    metadata: { name: 'pv' },
    spec: { accessModes: ['ReadWriteOnce'], csi: id, claimRef: { namespace: 'default', name: 'data', uid } },
  };
  await client.create(persistentVolumeType, volume);
  return { world, running: runAttachDetachController(world.context) };
}
const pod = (podName: string, nodeName: string) => ({
  metadata: { name: podName, namespace: 'default' },
  spec: { containers: [], nodeName, volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }] },
});
const attachments = async (world: World) => (await world.list(volumeattachments)).map(({ metadata }) => metadata.name);
async function setStatus(world: World, node: string, change: V1Node['status']) {
  const fresh = await world.client.get(nodeType, { name: node });
  await world.client.updateStatus(nodeType, { ...fresh, status: { ...fresh.status, ...change } });
}
const attachedTo = async (world: World, node: string) =>
  (await world.client.get(nodeType, { name: node })).status?.volumesAttached?.map((each) => each.name) ?? [];
async function attach(world: World) {
  const fresh = await world.client.get(volumeattachments, { name });
  await world.client.updateStatus(volumeattachments, { ...fresh, status: { attached: true } });
}

test('attached for its pod, told to the node, and taken away only when the node has let go of it', async () => {
  const { world, running } = await begin();
  await world.client.create(podType, pod('web', 'n1'));
  await world.clock.advance(1_000);
  expect(await attachments(world)).toEqual([name]);
  expect(await attachedTo(world, 'n1')).toEqual([]);
  await attach(world);
  await world.clock.advance(1_000);
  expect(await attachedTo(world, 'n1')).toEqual([unique]);
  expect(await world.events()).toContain('Normal SuccessfulAttachVolume AttachVolume.Attach succeeded for volume "pv" ');

  await setStatus(world, 'n1', { volumesInUse: [unique] });
  await world.client.delete(podType, { namespace: 'default', name: 'web' });
  await world.clock.advance(30 * 60_000);
  expect(await attachments(world)).toEqual([name]);
  expect(await attachedTo(world, 'n1')).toEqual([unique]);
  await setStatus(world, 'n1', { volumesInUse: [] });
  await world.clock.advance(1_000);
  expect(await attachments(world)).toEqual([]);
  expect(await attachedTo(world, 'n1')).toEqual([]);
  await world.stop(running);
  expect(world.clock.timers).toBe(0);
});

test('a node that is away loses it after six minutes, and not before; meanwhile no other node gets it', async () => {
  const { world, running } = await begin();
  await world.client.create(podType, pod('web', 'n1'));
  await world.clock.advance(1_000);
  await attach(world);
  await world.clock.advance(1_000);
  await setStatus(world, 'n1', { volumesInUse: [unique], ...ready('Unknown') });
  await world.client.delete(podType, { namespace: 'default', name: 'web' });
  await world.client.create(podType, pod('web-2', 'n2'));
  await world.clock.advance(5 * 60_000);
  expect(await attachments(world)).toEqual([name]);
  expect((await world.events()).filter((text) => text.includes('Multi-Attach'))).toEqual([
    'Warning FailedAttachVolume Multi-Attach error for volume "pv" Volume is already exclusively attached to one node and can\'t be attached to another',
  ]);
  await world.clock.advance(90_000);
  expect(await attachments(world)).toEqual([attachmentNameOf(id, 'n2')]);
  await world.stop(running);
});

test('a driver that needs no attaching is not asked', async () => {
  const { world, running } = await begin();
  const driver = { metadata: { name: id.driver }, spec: { attachRequired: false } };
  await world.client.create(
    { group: 'storage.k8s.io', version: 'v1', kind: 'CSIDriver', resource: 'csidrivers', namespaced: false },
    driver,
  );
  await world.client.create(podType, pod('web', 'n1'));
  await world.clock.advance(10_000);
  expect(await attachments(world)).toEqual([]);
  await world.stop(running);
});

test('what somebody else has attached stays, whether there is such a volume or not', async () => {
  const { world, running } = await begin();
  for (const [other, persistentVolumeName] of [
    ['va-of-nothing', 'nothing'],
    ['va-of-pv', 'pv'],
  ] as const) {
    const spec = { attacher: 'e2e-test.storage.k8s.io', nodeName: 'n1', source: { persistentVolumeName } };
    await world.client.create(volumeattachments, { metadata: { name: other }, spec });
  }
  await world.clock.advance(30 * 60_000);
  expect(await attachments(world)).toEqual(['va-of-nothing', 'va-of-pv']);
  await world.stop(running);
});
