// What a real machine has left, and what pods have on its disk.
import { dirname, join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';
import { machineUsage } from '../node/machine-usage.ts';
import type { NodeDisk } from '../node-storage.ts';
import { nameOf } from '../pod/observed.ts';
import type { PodView } from '../pod/worker.ts';
import type { LocalUse, Observation, Signal } from './plan.ts';

/** Directories deeper than this, or with more files, are not looked at further: a pod must not keep its node busy. */
const depthMax = 64;
const entriesMax = 200_000;

export async function machineSignals({ fs, podsDirectory }: NodeDisk): Promise<Partial<Readonly<Record<Signal, Observation>>>> {
  const { memoryTotalBytes, workingSetBytes } = machineUsage('', (await fs.readText('/proc/meminfo')) ?? '');
  const memory: Observation = { available: memoryTotalBytes - workingSetBytes, capacity: memoryTotalBytes };
  const space = await fs.space?.(podsDirectory);
  if (!space) return { 'memory.available': memory };
  const disk: Observation = { available: space.availableBytes, capacity: space.capacityBytes };
  return {
    'memory.available': memory,
    'nodefs.available': disk,
    // Some file systems do not count their inodes.
    ...(space.inodes > 0 ? { 'nodefs.inodesFree': { available: space.inodesFree, capacity: space.inodes } } : {}),
    'imagefs.available': disk,
  };
}

/** Of the emptyDir volumes and the logs. What containers write beside their volumes is not counted. */
export async function localUse({ fs, podsDirectory }: NodeDisk, { pod, observed }: PodView): Promise<LocalUse> {
  const volumes = new Map<string, number>();
  for (const { name, emptyDir } of pod.spec?.volumes ?? []) {
    if (!emptyDir) continue;
    const path = join(podsDirectory, pod.metadata?.uid ?? '', 'volumes', 'kubernetes.io~empty-dir', name);
    volumes.set(name, await bytesBelow(fs, path));
  }
  const logs = new Map<string, number>();
  for (const run of observed.containers) {
    if (run.logPath === '' || logs.has(nameOf(run))) continue;
    logs.set(nameOf(run), await bytesBelow(fs, dirname(run.logPath)));
  }
  return { volumes, logs };
}

async function bytesBelow(fs: FileSystem, path: string): Promise<number> {
  let total = 0;
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
      total += stat.sizeBytes;
    }
  }
  return total;
}
