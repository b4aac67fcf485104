// The kernel's control group files, of both versions: limits in, use out.
// Source: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/{memory,cpuacct}.html
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { CgroupLayout } from '../containerd/cgroups.ts';

/** As LinuxResources has it: shares and quota of v1 (microseconds), bytes. Undefined: no limit. */
export interface GroupLimits {
  readonly cpuShares: number;
  readonly cpuQuotaUs: number | undefined;
  readonly cpuPeriodUs: number;
  readonly memoryBytes: number | undefined;
  /** And threads. */
  readonly processes: number | undefined;
}

/** What a group's processes have used and use. */
export interface GroupUsage {
  readonly cpuNanos: number;
  readonly memoryBytes: number;
  /** Without what the kernel can take back at once. */
  readonly workingSetBytes: number;
  readonly rssBytes: number;
  /** The present speed, from a source that knows it: groups of the kernel only count. */
  readonly nanoCores?: number;
  /** Absent where nobody counts them. */
  readonly memory?: MemoryDetails;
}

export interface MemoryDetails {
  readonly cacheBytes: number;
  readonly swapBytes: number;
  readonly mappedBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
}

export const hierarchyOf = (layout: CgroupLayout, controller: string): string | undefined =>
  layout.version === 'v2'
    ? layout.hierarchies[0]?.path
    : layout.hierarchies.find(({ controllers }) => controllers.includes(controller))?.path;

/** v2 weighs from 1 to 10000 what v1 shares from 2 to 262144. */
export const cpuWeight = (shares: number): number => 1 + Math.floor(((shares - 2) * 9999) / 262_142);

/** Files to write, by the controller that they belong to. */
function limitFiles(layout: CgroupLayout, limits: GroupLimits): readonly (readonly [controller: string, file: string, text: string])[] {
  const { cpuShares, cpuQuotaUs, cpuPeriodUs, memoryBytes, processes } = limits;
  if (layout.version === 'v2') {
    return [
      ['cpu', 'cpu.weight', String(cpuWeight(cpuShares))],
      ['cpu', 'cpu.max', `${cpuQuotaUs ?? 'max'} ${cpuPeriodUs}`],
      ['memory', 'memory.max', String(memoryBytes ?? 'max')],
      ['pids', 'pids.max', String(processes ?? 'max')],
    ];
  }
  return [
    ['cpu', 'cpu.shares', String(cpuShares)],
    ['cpu', 'cpu.cfs_period_us', String(cpuPeriodUs)],
    ['cpu', 'cpu.cfs_quota_us', String(cpuQuotaUs ?? -1)],
    ['memory', 'memory.limit_in_bytes', String(memoryBytes ?? -1)],
    ['pids', 'pids.max', String(processes ?? 'max')],
  ];
}

/** Makes the group where it is missing and sets its limits. Gives what the kernel refused: a host may lack a controller. */
export async function writeLimits(
  fs: FileSystem,
  layout: CgroupLayout,
  of: { path: string; limits: GroupLimits },
): Promise<readonly string[]> {
  const refused: string[] = [];
  if (layout.version === 'v2') await handOn(fs, layout.hierarchies[0]?.path ?? '', of.path).catch(() => {});
  for (const [controller, file, text] of limitFiles(layout, of.limits)) {
    const root = hierarchyOf(layout, controller);
    if (root === undefined) continue;
    const path = join(root, of.path, file);
    try {
      await fs.mkdir(join(root, of.path));
      if ((await fs.readText(path))?.trim() !== text) await fs.writeInto(path, text);
    } catch (error) {
      refused.push(error instanceof Error ? error.message : String(error));
    }
  }
  return refused;
}

/** On v2 a group has the controllers that each group above it hands on. */
async function handOn(fs: FileSystem, root: string, path: string): Promise<void> {
  let at = root;
  for (const part of path.split('/').filter((name) => name !== '')) {
    await fs.writeInto(join(at, 'cgroup.subtree_control'), '+cpu +memory +pids');
    at = join(at, part);
    await fs.mkdir(at);
  }
}

/** Undefined when the group is not there. */
export async function readUsage(fs: FileSystem, layout: CgroupLayout, path: string): Promise<GroupUsage | undefined> {
  const text = async (controller: string, file: string) => {
    const root = hierarchyOf(layout, controller);
    return root === undefined ? undefined : fs.readText(join(root, path, file)).catch(() => undefined);
  };
  const v2 = layout.version === 'v2';
  const [cpu, memory, stat] = await Promise.all([
    v2 ? text('cpu', 'cpu.stat') : text('cpuacct', 'cpuacct.usage'),
    text('memory', v2 ? 'memory.current' : 'memory.usage_in_bytes'),
    text('memory', 'memory.stat'),
  ]);
  if (cpu === undefined && memory === undefined) return undefined;
  const memoryBytes = Number(memory ?? 0);
  const counted = memoryCounts(stat ?? '', layout.version);
  return {
    cpuNanos: v2 ? keyed(cpu, 'usage_usec') * 1000 : Number(cpu ?? 0),
    memoryBytes,
    workingSetBytes: Math.max(0, memoryBytes - counted.inactiveFile),
    rssBytes: counted.rss,
    memory: counted.details,
  };
}

/** The number after `key` on a line of its own; 0 when there is none. */
export const keyed = (text: string | undefined, key: string): number =>
  Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(text ?? '')?.[1] ?? 0);

/** From memory.stat, which names the same things otherwise in each version. */
function memoryCounts(stat: string, version: CgroupLayout['version']) {
  const of = (v1: string, v2: string) => keyed(stat, version === 'v2' ? v2 : `total_${v1}`);
  return {
    inactiveFile: of('inactive_file', 'inactive_file'),
    rss: of('rss', 'anon'),
    details: {
      cacheBytes: of('cache', 'file'),
      swapBytes: of('swap', 'swapcached'),
      mappedBytes: of('mapped_file', 'file_mapped'),
      pageFaults: of('pgfault', 'pgfault'),
      majorPageFaults: of('pgmajfault', 'pgmajfault'),
    },
  };
}
