// What the node and its pods use at the moment, from the kernel's control groups.
import type { FileSystem } from '../../base/ports/fs.ts';
import { cgroupParentOf } from '../container/resources.ts';
import { nameOf } from '../pod/observed.ts';
import type { PodView } from '../pod/worker.ts';
import type { GroupUsage } from './cgroup-files.ts';
import type { PodCgroups } from './pod-cgroups.ts';

export interface UsageAt extends GroupUsage {
  readonly atMs: number;
  /** The present speed, in billionths of a cpu; undefined until two looks are far enough apart. */
  readonly nanoCores: number | undefined;
}

export interface ContainerStats {
  readonly name: string;
  readonly startedAtMs: number;
  readonly usage: UsageAt;
}

export interface PodStats {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly startedAtMs: number;
  readonly usage: UsageAt | undefined;
  readonly containers: readonly ContainerStats[];
}

export interface NodeStats {
  readonly nodeName: string;
  readonly bootedAtMs: number;
  readonly memoryTotalBytes: number;
  readonly usage: UsageAt;
  readonly pods: readonly PodStats[];
}

export interface StatsOptions {
  readonly nodeName: string;
  readonly cgroupRoot: string;
  readonly cgroups: Pick<PodCgroups, 'usage'>;
  readonly fs: Pick<FileSystem, 'readText'>;
  readonly nowMs: () => number;
  readonly views: () => readonly PodView[];
}

/** Speeds are taken over at least so long. */
const rateMinMs = 1000;

interface Sample {
  readonly atMs: number;
  readonly cpuNanos: number;
  readonly nanoCores: number | undefined;
}

/** Looks whenever it is asked; what it remembers is only for speeds, and only of groups that are still there. */
export function createStats(options: StatsOptions): () => Promise<NodeStats> {
  const { nodeName, cgroupRoot, cgroups, fs, nowMs, views } = options;
  let samples = new Map<string, Sample>();

  return async () => {
    const next = new Map<string, Sample>();
    const timed = (key: string, usage: GroupUsage): UsageAt => {
      const sample = sampleAfter(samples.get(key), { atMs: nowMs(), cpuNanos: usage.cpuNanos });
      next.set(key, sample);
      return { ...usage, atMs: nowMs(), nanoCores: sample.nanoCores };
    };
    const ofPod = async ({ pod, observed }: PodView): Promise<PodStats> => {
      const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
      const parent = cgroupParentOf(cgroupRoot, pod);
      const whole = await cgroups.usage(parent);
      const running = observed.containers.filter((run) => run.state === 'running');
      const containers = await Promise.all(
        running.map(async (run) => {
          const usage = await cgroups.usage(`${parent}/${run.id}`);
          return usage ? [{ name: nameOf(run), startedAtMs: run.startedAtMs, usage: timed(run.id, usage) }] : [];
        }),
      );
      const startedAtMs = observed.sandbox?.createdAtMs ?? 0;
      return { namespace, name, uid, startedAtMs, usage: whole && timed(uid, whole), containers: containers.flat() };
    };
    const [stat = '', memory = ''] = await Promise.all([fs.readText('/proc/stat'), fs.readText('/proc/meminfo')]);
    const { memoryTotalBytes, ...own } = machineUsage(stat, memory);
    const live = views().filter(({ observed }) => observed.sandbox?.state === 'ready');
    const pods = await Promise.all(live.map(ofPod));
    const usage = timed('node', own);
    samples = next;
    return { nodeName, bootedAtMs: bootedAtMs(stat), memoryTotalBytes, usage, pods };
  };
}

function sampleAfter(before: Sample | undefined, now: { readonly atMs: number; readonly cpuNanos: number }): Sample {
  if (!before) return { ...now, nanoCores: undefined };
  const elapsedMs = now.atMs - before.atMs;
  if (elapsedMs < rateMinMs) return before;
  return { ...now, nanoCores: Math.max(0, Math.round(((now.cpuNanos - before.cpuNanos) * 1000) / elapsedMs)) };
}

const nanosPerTick = 10_000_000;

/** From /proc/stat and /proc/meminfo. Pure. */
export function machineUsage(stat: string, meminfo: string): GroupUsage & { readonly memoryTotalBytes: number } {
  const ticks = /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? [];
  // user, nice, system, (idle, iowait,) irq, softirq, steal
  const busy = [0, 1, 2, 5, 6, 7].reduce((sum, i) => sum + (ticks[i] ?? 0), 0);
  const bytes = (key: string) => Number(new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  const memoryTotalBytes = bytes('MemTotal');
  return {
    cpuNanos: busy * nanosPerTick,
    memoryBytes: memoryTotalBytes - bytes('MemFree'),
    workingSetBytes: memoryTotalBytes - bytes('MemAvailable'),
    rssBytes: bytes('AnonPages'),
    memoryTotalBytes,
  };
}

const bootedAtMs = (stat: string): number => Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0) * 1000;
