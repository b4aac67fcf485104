// Takes a pod's control groups away after it: the runtime removes only those of its containers.
import { join } from 'node:path';
import { type Clock, sleep } from '../../base/mod.ts';
import type { RemoveDirectory } from '../../base/ports/directories.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import { type CgroupLayout, groupsBelow } from './cgroups.ts';
import { cgroupRootOf } from './paths.ts';

/** The kernel lets a group go a moment after its last process. */
const tries = 50;
const pauseMs = 20;

export interface RemoveCgroupOptions {
  readonly clusterId: string;
  readonly layout: CgroupLayout;
  readonly fs: FileSystem;
  readonly removeDirectory: RemoveDirectory;
  readonly clock: Clock;
}

/** Removes a group below the cluster's root (`/kubepods/burstable/pod1234`) from every hierarchy. Rejects when a process stays in it; one that is not there is no error. */
export function createCgroupRemover(options: RemoveCgroupOptions): (path: string) => Promise<void> {
  const { clusterId, layout, fs, removeDirectory, clock } = options;
  return async (path) => {
    const root = join(cgroupRootOf(clusterId), path);
    for (let attempt = 0; attempt < tries; attempt++) {
      let busy = false;
      for (const group of await groupsBelow(fs, layout, root)) {
        if ((await removeDirectory(group)) === 'busy') busy = true;
      }
      if (!busy) return;
      await sleep(clock, pauseMs);
    }
    throw new Error(`Cannot remove the control group "${root}": a process is still in it`);
  };
}
