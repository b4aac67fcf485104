// ReadWriteOncePod on the node: a volume for one pod alone has one here, though pods were put on the node past the scheduler.
import { join } from 'node:path';
import type { V1PersistentVolume } from '../../api/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import { csiFolder } from '../csi/records.ts';

/** Where a pod's directory has the links to its claims' volumes. */
export const claimFolder = 'kubernetes.io~local-volume';

export interface SoleUse {
  /** True when the volume is the pod's, from now until it is released; false when another pod of this node has it. */
  take(uid: string, volume: V1PersistentVolume): Promise<boolean>;
  /** The pod's volumes have been taken down. */
  release(uid: string): void;
}

export const inUse = 'volume uses the ReadWriteOncePod access mode and is already in use by another pod';

/** Which of several modes a pod means nobody knows: only a volume that has no other is for one pod. */
const isForOne = ({ spec }: V1PersistentVolume): boolean => spec?.accessModes?.length === 1 && spec.accessModes[0] === 'ReadWriteOncePod';

/** `directory` is that of the pods, `<directory>/<uid>`. */
export function createSoleUse({ fs, directory }: { readonly fs: FileSystem; readonly directory: string }): SoleUse {
  const holders = new Map<string, string>();
  /** The pod that an earlier run of the kubelet has given the volume to: what it made is on the disk. */
  const holderOnDisk = async (uid: string, { metadata, spec }: V1PersistentVolume): Promise<string | undefined> => {
    const path = spec?.local?.path ?? spec?.hostPath?.path;
    for (const { name: other } of await fs.list(directory)) {
      if (other === uid) continue;
      const volumes = join(directory, other, 'volumes');
      if (spec?.csi && (await fs.exists(join(volumes, csiFolder, metadata?.name ?? '')))) return other;
      if (path === undefined) continue;
      for (const { name } of await fs.list(join(volumes, claimFolder))) {
        if ((await fs.readLink(join(volumes, claimFolder, name))) === path) return other;
      }
    }
    return undefined;
  };
  return {
    async take(uid, volume) {
      if (!isForOne(volume)) return true;
      const name = volume.metadata?.name ?? '';
      const found = holders.get(name) ?? (await holderOnDisk(uid, volume));
      // Whoever has come while the disk was read was first.
      const holder = holders.get(name) ?? found ?? uid;
      holders.set(name, holder);
      return holder === uid;
    },
    release(uid) {
      for (const [name, holder] of holders) if (holder === uid) holders.delete(name);
    },
  };
}
