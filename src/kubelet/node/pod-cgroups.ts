// The control groups of pods: made with the pod's limits before its sandbox, asked for what the pod uses, and removed at its end, since the
// runtime removes its containers' own, and nobody else the pod's above them.
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Mounts } from '../../base/ports/mounts.ts';
import { type CgroupLayout, cgroupLayout, groupsBelow } from '../containerd/cgroups.ts';
import { parseMountInfo } from '../containerd/mounts.ts';
import { type GroupDetails, readDetails } from './cgroup-details.ts';
import { type GroupLimits, type GroupUsage, hierarchyOf, readUsage, writeLimits } from './cgroup-files.ts';

export interface PodCgroups {
  /** Makes a group and sets its limits; gives what the kernel refused. */
  limit(path: string, limits: GroupLimits): Promise<readonly string[]>;
  /** Undefined when there is no such group. */
  usage(path: string): Promise<GroupUsage | undefined>;
  details(path: string): Promise<GroupDetails | undefined>;
  /** The id of a process of the group; undefined when there is none. */
  firstProcess(path: string): Promise<number | undefined>;
  /** Removes one pod's groups, by their path below the mount points, in every hierarchy. What is still in use stays for the next sweep. */
  remove(path: string): Promise<void>;
  /** Removes the groups of all pods but those that `keep` wants, below the root of this cluster's groups. */
  sweep(root: string, keep: (uid: string) => boolean): Promise<void>;
}

const levels = ['kubepods', 'kubepods/burstable', 'kubepods/besteffort'];

export function createPodCgroups({ fs, mounts }: { readonly fs: FileSystem; readonly mounts: Mounts }): PodCgroups {
  let known: CgroupLayout | undefined;
  const layout = async () => {
    known ??= cgroupLayout(parseMountInfo((await fs.readText('/proc/self/mountinfo')) ?? ''));
    return known;
  };
  async function remove(path: string): Promise<void> {
    // Children come before their parents.
    for (const group of await groupsBelow(fs, await layout(), path)) await mounts.removeEmpty(group);
  }
  return {
    limit: async (path, limits) => writeLimits(fs, await layout(), { path, limits }),
    usage: async (path) => readUsage(fs, await layout(), path),
    details: async (path) => readDetails(fs, await layout(), path),
    async firstProcess(path) {
      const root = hierarchyOf(await layout(), 'memory');
      const text = root === undefined ? undefined : await fs.readText(join(root, path, 'cgroup.procs')).catch(() => undefined);
      const first = text?.split('\n', 1)[0];
      return first ? Number(first) : undefined;
    },
    remove,
    async sweep(root, keep) {
      const stale = new Set<string>();
      for (const { path } of (await layout()).hierarchies) {
        for (const level of levels) {
          for (const { name } of await fs.list(join(path, root, level))) {
            if (name.startsWith('pod') && !keep(name.slice('pod'.length))) stale.add(join(root, level, name));
          }
        }
      }
      for (const path of stale) await remove(path);
    },
  };
}
