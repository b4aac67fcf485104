// What is written beside each CSI volume before its driver is asked for anything, so that a kubelet that was started again knows
// what it has to take down: one record a volume of a pod, one a volume of the node. The files are named as upstream's.
import { join } from 'node:path';
import { type CsiVolumeId, stagingNameOf } from '../../api/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';

export const csiFolder = 'kubernetes.io~csi';
const fileName = 'vol_data.json';

export interface PublishRecord extends CsiVolumeId {
  /** The volume's name among those of the pod: of the PersistentVolume, or of the pod's own volume. */
  readonly name: string;
  readonly ephemeral: boolean;
  readonly block: boolean;
  /** The driver has been asked to publish it, with whatever result. */
  readonly asked: boolean;
}

export interface StageRecord extends CsiVolumeId {
  readonly name: string;
  /** It was attached for this node. */
  readonly attached: boolean;
  /** The driver has been asked to stage it, with whatever result. */
  readonly asked: boolean;
}

export interface RecordPaths {
  /** `<kubelet's root>/pods` */
  readonly pods: string;
  /** `<kubelet's root>/plugins/kubernetes.io/csi` */
  readonly staging: string;
}

export const podFolder = ({ pods }: RecordPaths, uid: string): string => join(pods, uid, 'volumes', csiFolder);
export const publishFolder = (paths: RecordPaths, uid: string, name: string): string => join(podFolder(paths, uid), name);
/** Where the driver is to put the volume. */
export const targetOf = (folder: string, block: boolean): string => join(folder, block ? 'block' : 'mount');
export const stageFolder = ({ staging }: RecordPaths, id: CsiVolumeId): string => join(staging, id.driver, stagingNameOf(id));
export const stagingTargetOf = (folder: string): string => join(folder, 'globalmount');

export async function writePublished(fs: FileSystem, folder: string, record: PublishRecord): Promise<void> {
  await fs.mkdir(folder, { mode: 0o750 });
  await write(fs, folder, {
    specVolID: record.name,
    driverName: record.driver,
    volumeHandle: record.volumeHandle,
    volumeLifecycleMode: record.ephemeral ? 'Ephemeral' : 'Persistent',
    volumeMode: record.block ? 'Block' : 'Filesystem',
    asked: String(record.asked),
  });
}

export async function writeStaged(fs: FileSystem, folder: string, record: StageRecord): Promise<void> {
  await fs.mkdir(folder, { mode: 0o750 });
  await write(fs, folder, {
    specVolID: record.name,
    driverName: record.driver,
    volumeHandle: record.volumeHandle,
    attached: String(record.attached),
    asked: String(record.asked),
  });
}

const write = (fs: FileSystem, folder: string, data: Readonly<Record<string, string>>): Promise<void> =>
  fs.write(join(folder, fileName), JSON.stringify(data), { mode: 0o640, durable: true });

/** Undefined: none, or none that can be read. */
async function read(fs: FileSystem, folder: string): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    const data = JSON.parse((await fs.readText(join(folder, fileName))) ?? 'null') as Record<string, string> | null;
    return data?.driverName && data.volumeHandle ? data : undefined;
  } catch {
    return undefined;
  }
}

export async function readPublished(fs: FileSystem, folder: string): Promise<PublishRecord | undefined> {
  const data = await read(fs, folder);
  if (!data) return undefined;
  const { driverName: driver = '', volumeHandle = '', specVolID: name = '', volumeLifecycleMode, volumeMode } = data;
  const asked = data.asked !== 'false';
  return { driver, volumeHandle, name, ephemeral: volumeLifecycleMode === 'Ephemeral', block: volumeMode === 'Block', asked };
}

export async function readStaged(fs: FileSystem, folder: string): Promise<StageRecord | undefined> {
  const data = await read(fs, folder);
  if (!data) return undefined;
  const { driverName: driver = '', volumeHandle = '', specVolID: name = '', attached } = data;
  return { driver, volumeHandle, name, attached: attached === 'true', asked: data.asked !== 'false' };
}

export const forget = (fs: FileSystem, folder: string): Promise<void> => fs.remove(join(folder, fileName));

export interface FoundRecords {
  readonly published: readonly { readonly folder: string; readonly record: PublishRecord }[];
  readonly staged: readonly { readonly folder: string; readonly record: StageRecord }[];
}

/** Everything that an earlier run has written. */
export async function findRecords(fs: FileSystem, paths: RecordPaths): Promise<FoundRecords> {
  const published: { folder: string; record: PublishRecord }[] = [];
  for (const pod of await fs.list(paths.pods)) {
    for (const { name } of await fs.list(podFolder(paths, pod.name))) {
      const folder = publishFolder(paths, pod.name, name);
      const record = await readPublished(fs, folder);
      if (record) published.push({ folder, record });
    }
  }
  const staged: { folder: string; record: StageRecord }[] = [];
  for (const driver of await fs.list(paths.staging)) {
    for (const { name } of await fs.list(join(paths.staging, driver.name))) {
      const folder = join(paths.staging, driver.name, name);
      const record = await readStaged(fs, folder);
      if (record) staged.push({ folder, record });
    }
  }
  return { published, staged };
}
