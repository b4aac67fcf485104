import { expect, test } from 'vitest';
import type { V1PersistentVolumeClaim } from '../../api/mod.ts';
import { nodeType, persistentVolumeClaimType, persistentVolumeType, storageClassType } from '../runtime/resource-types.ts';
import { createWorld } from '../runtime/world.fake.ts';
import { runLocalPathProvisioner } from './localpath.ts';
import { localPathProvisioner } from './plan.ts';

const claim: V1PersistentVolumeClaim = {
  metadata: {
    name: 'data',
    namespace: 'default',
    annotations: { 'volume.kubernetes.io/storage-provisioner': localPathProvisioner, 'volume.kubernetes.io/selected-node': 'n1' },
  },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'local', resources: { requests: { storage: '1Gi' } } },
};

test('a disk that fails: told on the claim and the volume, tried again, and nothing is said to be there that is not', async () => {
  const world = createWorld();
  const present = new Set<string>();
  let broken = true;
  const disk = (work: () => void) => async () => {
    if (broken) throw new Error('no space left on device');
    work();
  };
  const running = runLocalPathProvisioner({
    ...world.context,
    serves: (name) => name === 'n1',
    pathOf: (name) => `/volumes/${name}`,
    directories: { make: (path) => disk(() => present.add(path))(), remove: (path) => disk(() => present.delete(path))() },
  });
  await world.client.create(nodeType, { metadata: { name: 'n1' } });
  await world.client.create(storageClassType, {
    metadata: { name: 'local' },
    provisioner: localPathProvisioner,
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  await world.client.create(persistentVolumeClaimType, claim);
  await world.clock.advance(2_000);
  expect(await world.list(persistentVolumeType)).toEqual([]);
  expect(await world.events()).toContain(
    'Warning ProvisioningFailed failed to provision volume with StorageClass "local": no space left on device',
  );
  broken = false;
  await world.clock.advance(20_000);
  const [volume] = await world.list(persistentVolumeType);
  expect([...present]).toEqual([volume?.spec?.local?.path]);
  expect(await world.events()).toContain(`Normal ProvisioningSucceeded Successfully provisioned volume ${volume?.metadata.name}`);

  broken = true;
  if (volume) await world.client.updateStatus(persistentVolumeType, { ...volume, status: { phase: 'Released' } });
  await world.client.delete(persistentVolumeClaimType, { namespace: 'default', name: 'data' });
  await world.clock.advance(2_000);
  expect(await world.list(persistentVolumeType)).toHaveLength(1);
  expect(await world.events()).toContain('Warning VolumeFailedDelete no space left on device');
  broken = false;
  await world.clock.advance(20_000);
  expect([...present]).toEqual([]);
  expect(await world.list(persistentVolumeType)).toEqual([]);
  await world.stop(running);
  expect(world.clock.timers).toBe(0);
});
