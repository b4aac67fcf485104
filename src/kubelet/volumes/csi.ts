// csi: a volume that a storage driver makes for this pod alone, and that goes with it.
import type { SetUp } from './context.ts';
import { VolumeError } from './payload.ts';

export const setUpCsi: SetUp = async ({ csi }, { pod, volume, signal }) => {
  if (!csi || !volume.csi) throw new VolumeError('no volume plugin matched: this node has no storage drivers');
  const from = { is: 'inline', source: volume.csi } as const;
  const { path: hostPath, refreshAtMs } = await csi.setUp({ pod, name: volume.name, readOnly: volume.csi.readOnly === true, from }, signal);
  return { hostPath, refreshAtMs };
};
