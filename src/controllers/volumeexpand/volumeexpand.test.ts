import { expect, test } from 'vitest';
import type { V1PersistentVolume, V1PersistentVolumeClaim } from '../../api/mod.ts';
import { localPathProvisioner } from '../localpath/plan.ts';
import { waitsForOthers } from './volumeexpand.ts';

const claim = (wanted: string, more: Partial<V1PersistentVolumeClaim> = {}): V1PersistentVolumeClaim => ({
  metadata: { name: 'data', namespace: 'ns', uid: 'c1' },
  spec: { resources: { requests: { storage: wanted } } },
  status: { phase: 'Bound', capacity: { storage: '1Gi' } },
  ...more,
});
const volume = (by = 'disk.example.com'): V1PersistentVolume => ({
  metadata: { name: 'pv', annotations: { 'pv.kubernetes.io/provisioned-by': by } },
  spec: { claimRef: { namespace: 'ns', name: 'data', uid: 'c1' } },
});

test.each<[string, V1PersistentVolumeClaim, V1PersistentVolume | undefined, boolean]>([
  ['wants more', claim('2Gi'), volume(), true],
  ['has what it wants', claim('1Gi'), volume(), false],
  ['is not bound', claim('2Gi', { status: { phase: 'Pending' } }), volume(), false],
  ['has lost its volume', claim('2Gi'), undefined, false],
  ['is of our own provisioner', claim('2Gi'), volume(localPathProvisioner), false],
  ['is going', claim('2Gi', { metadata: { uid: 'c1', deletionTimestamp: 'now' } }), volume(), false],
])('a claim that %s', (_what, of, its, want) => {
  expect(waitsForOthers(of, its)).toBe(want);
});
