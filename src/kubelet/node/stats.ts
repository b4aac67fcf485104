// What the node and its pods use at the moment. Nothing is measured until somebody asks.
import type { FileSystemSpace } from '../../base/ports/fs.ts';
import { nameOf } from '../pod/observed.ts';
import type { PodView } from '../pod/worker.ts';
import type { GroupUsage } from './cgroup-files.ts';
import type { InterfaceUsage } from './machine-usage.ts';
import { type Looks, looked } from './speeds.ts';
import type { UsageSource } from './usage-source.ts';

export interface UsageAt extends Omit<GroupUsage, 'nanoCores'> {
  readonly atMs: number;
  /** The present speed, in billionths of a cpu; undefined until two looks are far enough apart. */
  readonly nanoCores: number | undefined;
  /** Over how long that speed was taken. */
  readonly windowMs?: number;
}

export interface ContainerStats {
  readonly name: string;
  readonly id?: string;
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
  /** Of the pod's own network; absent on the node's. */
  readonly interfaces?: readonly InterfaceUsage[];
}

export interface NodeStats {
  readonly nodeName: string;
  readonly bootedAtMs: number;
  readonly memoryTotalBytes: number;
  readonly usage: UsageAt;
  readonly pods: readonly PodStats[];
  /** All pods together. */
  readonly allPods?: UsageAt;
  readonly interfaces?: readonly InterfaceUsage[];
  readonly processes?: { readonly count: number; readonly max: number };
  readonly disk?: FileSystemSpace;
}

export interface StatsOptions {
  readonly nodeName: string;
  readonly source: UsageSource;
  readonly nowMs: () => number;
  /** Rejects when the node stops. */
  readonly wait: (ms: number) => Promise<void>;
  readonly views: () => readonly PodView[];
}

export interface StatsWish {
  /** Wait for a second look where a speed is unknown. Default false: it is left out. */
  readonly speeds?: boolean;
}

/** Looks nearer than this are the same look. */
const freshMs = 1000;
/** How long after a first look the second one comes, for who waits for speeds. */
const secondLookMs = 1000;

/** What is remembered between two looks is only for speeds, and only of groups that are still there. */
export function createStats(options: StatsOptions): (wish?: StatsWish) => Promise<NodeStats> {
  const { nowMs, wait } = options;
  let memory: ReadonlyMap<string, Looks> = new Map();
  let latest: { readonly atMs: number; readonly stats: Promise<NodeStats> } | undefined;

  const look = (): Promise<NodeStats> => {
    if (latest && nowMs() - latest.atMs < freshMs) return latest.stats;
    const stats = lookOnce(options, memory).then((seen) => {
      memory = seen.memory;
      return seen.stats;
    });
    const mine = { atMs: nowMs(), stats };
    latest = mine;
    // A look that failed is nobody's answer but that of who asked.
    stats.catch(() => {
      if (latest === mine) latest = undefined;
    });
    return stats;
  };

  return async ({ speeds = false } = {}) => {
    const first = await look();
    if (!speeds || hasSpeeds(first)) return first;
    await wait(secondLookMs);
    return look();
  };
}

const hasSpeeds = ({ usage, pods }: NodeStats): boolean =>
  [usage, ...pods.flatMap((pod) => pod.containers.map((one) => one.usage))].every(({ nanoCores }) => nanoCores !== undefined);

async function lookOnce(options: StatsOptions, before: ReadonlyMap<string, Looks>) {
  const { nodeName, source, nowMs, views } = options;
  const memory = new Map<string, Looks>();
  const timed = (key: string, { nanoCores, ...usage }: GroupUsage, bornMs?: number): UsageAt => {
    const atMs = nowMs();
    if (nanoCores !== undefined) return { ...usage, atMs, nanoCores };
    const looks = looked(before.get(key), { atMs, cpuNanos: usage.cpuNanos }, bornMs);
    memory.set(key, looks);
    return { ...usage, atMs, nanoCores: looks.speed?.nanoCores, ...(looks.speed ? { windowMs: looks.speed.windowMs } : {}) };
  };
  const ofPod = async (view: PodView): Promise<PodStats> => {
    const { pod, observed } = view;
    const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
    const startedAtMs = observed.sandbox?.createdAtMs ?? 0;
    const running = observed.containers.filter((run) => run.state === 'running');
    const [whole, interfaces, ...containers] = await Promise.all([
      source.pod(view),
      source.interfaces(view),
      ...running.map((run) => source.container(view, run)),
    ]);
    return {
      ...{ namespace, name, uid, startedAtMs, interfaces },
      usage: whole && timed(uid, whole, startedAtMs),
      containers: running.flatMap((run, i) => {
        const usage = containers[i];
        const { id, startedAtMs: bornMs } = run;
        return usage ? [{ name: nameOf(run), id, startedAtMs: bornMs, usage: timed(id, usage, bornMs) }] : [];
      }),
    };
  };
  const live = views().filter(({ observed }) => observed.sandbox?.state === 'ready');
  const [machine, together, ...pods] = await Promise.all([source.machine(live), source.pods(), ...live.map(ofPod)]);
  const { memoryTotalBytes, bootedAtMs, interfaces = [], processes, disk, ...own } = machine;
  const stats: NodeStats = {
    ...{ nodeName, bootedAtMs, memoryTotalBytes, pods, interfaces },
    usage: timed('node', own),
    ...(together ? { allPods: timed('pods', together) } : {}),
    ...(processes ? { processes } : {}),
    ...(disk ? { disk } : {}),
  };
  return { stats, memory };
}
