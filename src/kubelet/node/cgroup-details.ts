// What a control group has besides its use of cpu and memory: throttling, limits, processes. Read only for those who ask for everything.
// Source: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/{memory,cpuacct,pids}.html
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { CgroupLayout } from '../containerd/cgroups.ts';
import { hierarchyOf, keyed } from './cgroup-files.ts';

export interface GroupDetails {
  readonly cpuUserNanos: number;
  readonly cpuSystemNanos: number;
  /** Of the cpu limit: how many there were, and in how many the group had to wait. */
  readonly periods: number;
  readonly throttledPeriods: number;
  readonly throttledNanos: number;
  /** Undefined: no limit. */
  readonly cpuQuotaUs: number | undefined;
  readonly cpuPeriodUs: number;
  /** As v1 counts them. */
  readonly cpuShares: number;
  readonly memoryMaxSeenBytes: number;
  /** How often memory was refused. */
  readonly memoryFailures: number;
  /** Undefined: no limit. */
  readonly memoryLimitBytes: number | undefined;
  readonly processes: number;
}

const nanosPerTick = 10_000_000;
const periodUsDefault = 100_000;
/** What v1 says for "no limit": the largest number of whole pages. */
const unlimitedBytes = 2 ** 62;

type Read = (controller: string, file: string) => Promise<string | undefined>;

/** Files that are not there count as zero. */
export function readDetails(fs: FileSystem, layout: CgroupLayout, path: string): Promise<GroupDetails> {
  const read: Read = async (controller, file) => {
    const root = hierarchyOf(layout, controller);
    return root === undefined ? undefined : fs.readText(join(root, path, file)).catch(() => undefined);
  };
  return layout.version === 'v2' ? detailsOfV2(read) : detailsOfV1(read);
}

const limitOf = (text: string | undefined): number | undefined => {
  const value = Number(text?.trim() || Number.NaN);
  return Number.isFinite(value) && value >= 0 && value < unlimitedBytes ? value : undefined;
};

async function detailsOfV1(read: Read): Promise<GroupDetails> {
  const [times, stat, quota, period, shares, max, failures, limit, pids] = await Promise.all([
    read('cpuacct', 'cpuacct.stat'),
    read('cpu', 'cpu.stat'),
    read('cpu', 'cpu.cfs_quota_us'),
    read('cpu', 'cpu.cfs_period_us'),
    read('cpu', 'cpu.shares'),
    read('memory', 'memory.max_usage_in_bytes'),
    read('memory', 'memory.failcnt'),
    read('memory', 'memory.limit_in_bytes'),
    read('pids', 'pids.current'),
  ]);
  return {
    cpuUserNanos: keyed(times, 'user') * nanosPerTick,
    cpuSystemNanos: keyed(times, 'system') * nanosPerTick,
    periods: keyed(stat, 'nr_periods'),
    throttledPeriods: keyed(stat, 'nr_throttled'),
    throttledNanos: keyed(stat, 'throttled_time'),
    cpuQuotaUs: limitOf(quota),
    cpuPeriodUs: Number(period ?? periodUsDefault),
    cpuShares: Number(shares ?? 0),
    memoryMaxSeenBytes: Number(max ?? 0),
    memoryFailures: Number(failures ?? 0),
    memoryLimitBytes: limitOf(limit),
    processes: Number(pids ?? 0),
  };
}

async function detailsOfV2(read: Read): Promise<GroupDetails> {
  const [stat, cpuMax, weight, peak, events, limit, pids] = await Promise.all([
    read('cpu', 'cpu.stat'),
    read('cpu', 'cpu.max'),
    read('cpu', 'cpu.weight'),
    read('memory', 'memory.peak'),
    read('memory', 'memory.events'),
    read('memory', 'memory.max'),
    read('pids', 'pids.current'),
  ]);
  const [quota, period] = (cpuMax ?? 'max').trim().split(' ');
  return {
    cpuUserNanos: keyed(stat, 'user_usec') * 1000,
    cpuSystemNanos: keyed(stat, 'system_usec') * 1000,
    periods: keyed(stat, 'nr_periods'),
    throttledPeriods: keyed(stat, 'nr_throttled'),
    throttledNanos: keyed(stat, 'throttled_usec') * 1000,
    cpuQuotaUs: limitOf(quota),
    cpuPeriodUs: Number(period ?? periodUsDefault),
    // The inverse of the weight that the shares became.
    cpuShares: weight === undefined ? 0 : 2 + Math.floor(((Number(weight) - 1) * 262_142) / 9999),
    memoryMaxSeenBytes: Number(peak ?? 0),
    memoryFailures: keyed(events, 'max'),
    memoryLimitBytes: limitOf(limit),
    processes: Number(pids ?? 0),
  };
}
