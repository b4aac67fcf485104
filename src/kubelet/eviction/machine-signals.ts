// What a real machine has left, and what pods have on its disk.
import { dirname, join } from 'node:path';
import type { FileSystem, FileSystemSpace } from '../../base/ports/fs.ts';
import type { DiskUse } from '../node/disk-use.ts';
import { readMachineUsage } from '../node/machine-usage.ts';
import type { NodeDisk } from '../node-storage.ts';
import { nameOf } from '../pod/observed.ts';
import type { PodView } from '../pod/worker.ts';
import type { LocalUse } from './plan.ts';
import type { Observations } from './thresholds.ts';

/** Directories deeper than this, or with more files, are not looked at further: a pod must not keep its node busy. */
const depthMax = 64;
const entriesMax = 200_000;

export async function machineSignals({ fs, podsDirectory }: NodeDisk, { images }: Pick<DiskUse, 'images'>): Promise<Observations> {
  const { memoryTotalBytes, workingSetBytes, processes, disk } = await readMachineUsage(fs, podsDirectory);
  const imageFs = (await images())?.space ?? disk;
  return {
    'memory.available': { available: memoryTotalBytes - workingSetBytes, capacity: memoryTotalBytes },
    ...spaceSignals('nodefs', disk),
    ...spaceSignals('imagefs', imageFs),
    ...(processes && processes.max > 0 ? { 'pid.available': { available: processes.max - processes.count, capacity: processes.max } } : {}),
  };
}

function spaceSignals(of: 'nodefs' | 'imagefs', space: FileSystemSpace | undefined): Observations {
  if (!space) return {};
  const { availableBytes: available, capacityBytes: capacity, inodes, inodesFree } = space;
  return {
    [`${of}.available`]: { available, capacity },
    // Some file systems do not count their inodes.
    ...(inodes > 0 ? { [`${of}.inodesFree`]: { available: inodesFree, capacity: inodes } } : {}),
  };
}

/** Of the emptyDir volumes, the logs, and what the containers have written beside them. */
export async function localUse(
  { fs, podsDirectory }: NodeDisk,
  { layers: look }: Pick<DiskUse, 'layers'>,
  { pod, observed }: PodView,
): Promise<LocalUse> {
  let inodes = 0;
  const below = async (path: string) => {
    const found = await usedBelow(fs, path);
    inodes += found.inodes;
    return found.bytes;
  };
  const volumes = new Map<string, number>();
  for (const { name, emptyDir } of pod.spec?.volumes ?? []) {
    if (!emptyDir) continue;
    const path = join(podsDirectory, pod.metadata?.uid ?? '', 'volumes', 'kubernetes.io~empty-dir', name);
    volumes.set(name, await below(path));
  }
  const logs = new Map<string, number>();
  for (const run of observed.containers) {
    if (run.logPath === '' || logs.has(nameOf(run))) continue;
    logs.set(nameOf(run), await below(dirname(run.logPath)));
  }
  const layers = new Map<string, number>();
  const known = await look();
  // Newest first: that of an earlier run goes with it.
  for (const run of observed.containers) {
    const layer = known.get(run.id);
    if (!layer || layers.has(nameOf(run))) continue;
    layers.set(nameOf(run), layer.usedBytes);
    inodes += layer.inodesUsed;
  }
  return { volumes, logs, layers, inodes };
}

async function usedBelow(fs: FileSystem, path: string): Promise<{ readonly bytes: number; readonly inodes: number }> {
  let bytes = 0;
  let entries = 0;
  const open: { readonly path: string; readonly depth: number }[] = [{ path, depth: 0 }];
  const counted = new Set<string>();
  for (let at = open.pop(); at && entries < entriesMax; at = open.pop()) {
    for (const entry of await fs.list(at.path).catch(() => [])) {
      entries++;
      const full = join(at.path, entry.name);
      if (entry.kind === 'directory') {
        if (at.depth < depthMax) open.push({ path: full, depth: at.depth + 1 });
        continue;
      }
      const stat = await fs.linkStat(full).catch(() => undefined);
      // A file with several names has its bytes once.
      if (!stat || counted.has(`${stat.device}:${stat.inode}`)) continue;
      counted.add(`${stat.device}:${stat.inode}`);
      bytes += stat.sizeBytes;
    }
  }
  return { bytes, inodes: entries };
}
