// Where the figures of stats come from: the kernel of a machine. A simulated node has a source of its own.
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';
import { cgroupParentOf } from '../container/resources.ts';
import type { ContainerStatus } from '../cri/runtime.ts';
import type { PodView } from '../pod/worker.ts';
import type { GroupDetails } from './cgroup-details.ts';
import type { GroupUsage } from './cgroup-files.ts';
import { type InterfaceUsage, interfacesOf, type MachineUsage, readMachineUsage } from './machine-usage.ts';
import type { PodCgroups } from './pod-cgroups.ts';

export interface UsageSource {
  /** `views`: what runs on it, for a machine that is nothing but its pods. */
  machine(views: readonly PodView[]): Promise<MachineUsage>;
  /** Undefined when it has no group (any more). */
  pod(view: PodView): Promise<GroupUsage | undefined>;
  container(view: PodView, run: ContainerStatus): Promise<GroupUsage | undefined>;
  /** What went over the pod's own network; empty for one on the node's. */
  interfaces(view: PodView): Promise<readonly InterfaceUsage[]>;
  /** All pods together. */
  pods(): Promise<GroupUsage | undefined>;
  /** Of a pod, or of one of its containers. */
  details(view: PodView, run?: ContainerStatus): Promise<GroupDetails | undefined>;
  /** The name of a group in the kernel's tree, as metrics have it in their label `id`. */
  pathOf(view: PodView, run?: ContainerStatus): string;
}

export interface KernelUsageOptions {
  readonly cgroupRoot: string;
  readonly cgroups: Pick<PodCgroups, 'usage' | 'details' | 'firstProcess'>;
  readonly fs: Pick<FileSystem, 'readText' | 'space'>;
  /** On the file system that holds the pods. */
  readonly directory?: string | undefined;
}

export function createKernelUsage({ cgroupRoot, cgroups, fs, directory }: KernelUsageOptions): UsageSource {
  const pathOf = ({ pod }: PodView, run?: ContainerStatus) => {
    const parent = cgroupParentOf(cgroupRoot, pod);
    return run ? `${parent}/${run.id}` : parent;
  };
  return {
    machine: () => readMachineUsage(fs, directory),
    pod: (view) => cgroups.usage(pathOf(view)),
    container: (view, run) => cgroups.usage(pathOf(view, run)),
    pods: () => cgroups.usage(join(cgroupRoot, 'kubepods')),
    details: (view, run) => cgroups.details(pathOf(view, run)),
    async interfaces(view) {
      const { sandbox } = view.observed;
      if (!sandbox || view.pod.spec?.hostNetwork) return [];
      // The sandbox's own process holds the namespace, and the kernel shows it to who asks by process.
      const pid = await cgroups.firstProcess(join(pathOf(view), sandbox.id));
      if (pid === undefined) return [];
      return interfacesOf((await fs.readText(`/proc/${pid}/net/dev`).catch(() => undefined)) ?? '');
    },
    pathOf,
  };
}

/** A node of which nothing is measured. */
export const noUsage: UsageSource = {
  machine: async () => ({ cpuNanos: 0, nanoCores: 0, memoryBytes: 0, workingSetBytes: 0, rssBytes: 0, memoryTotalBytes: 0, bootedAtMs: 0 }),
  pod: async () => undefined,
  container: async () => undefined,
  pods: async () => undefined,
  interfaces: async () => [],
  details: async () => undefined,
  pathOf: () => '',
};
