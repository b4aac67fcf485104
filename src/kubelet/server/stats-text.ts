// The node's use of cpu and memory as clients of the kubelet read it: the stats summary (JSON) and the resource metrics (text). Pure.
// Source: https://kubernetes.io/docs/reference/instrumentation/node-metrics/ and the resource metrics endpoint
import { formatTime } from '../../api/mod.ts';
import type { FileSystemSpace } from '../../base/ports/fs.ts';
import type { VolumeFigures } from '../csi/volumes.ts';
import type { LocalUse } from '../eviction/plan.ts';
import type { ImageSpace } from '../node/disk-use.ts';
import type { InterfaceUsage } from '../node/machine-usage.ts';
import type { ContainerStats, NodeStats, PodStats, UsageAt } from '../node/stats.ts';
import { type Labels, metricLines, type Row, seconds } from './metric-lines.ts';

const cpuOf = (usage: UsageAt) => ({
  time: formatTime(usage.atMs),
  ...(usage.nanoCores === undefined ? {} : { usageNanoCores: usage.nanoCores }),
  usageCoreNanoSeconds: usage.cpuNanos,
});

const memoryOf = ({ atMs, memoryBytes, workingSetBytes, rssBytes, memory }: UsageAt) => ({
  time: formatTime(atMs),
  ...{ usageBytes: memoryBytes, workingSetBytes, rssBytes },
  ...(memory ? { pageFaults: memory.pageFaults, majorPageFaults: memory.majorPageFaults } : {}),
});

const swapOf = ({ atMs, memory }: UsageAt) => (memory ? { swap: { time: formatTime(atMs), swapUsageBytes: memory.swapBytes } } : {});

function networkOf(interfaces: readonly InterfaceUsage[] | undefined, atMs: number) {
  const all = (interfaces ?? []).map(({ name, rxBytes, rxErrors, txBytes, txErrors }) => ({ name, rxBytes, rxErrors, txBytes, txErrors }));
  const [first] = all;
  return first ? { network: { time: formatTime(atMs), ...first, interfaces: all } } : {};
}

const spaceOf = (space: FileSystemSpace, atMs: number) => ({
  time: formatTime(atMs),
  availableBytes: space.availableBytes,
  capacityBytes: space.capacityBytes,
  usedBytes: space.capacityBytes - space.availableBytes,
  inodesFree: space.inodesFree,
  inodes: space.inodes,
  inodesUsed: space.inodes - space.inodesFree,
});

/** Of a part of that file system, whose inodes nobody counts. */
const partOf = (space: FileSystemSpace, usedBytes: number, atMs: number) => {
  const { inodesUsed: _, ...whole } = spaceOf(space, atMs);
  return { ...whole, usedBytes };
};

/** What is on the disk; without it the summary has cpu and memory alone. */
export interface SummarySpace {
  /** By uid. */
  readonly pods: ReadonlyMap<string, LocalUse>;
  /** What storage drivers say, by uid. */
  readonly volumes?: ReadonlyMap<string, readonly VolumeFigures[]>;
  readonly images?: ImageSpace | undefined;
}

const imageFsOf = ({ space, use }: ImageSpace, atMs: number) => ({
  ...spaceOf(space, atMs),
  usedBytes: use.usedBytes,
  inodesUsed: use.inodesUsed,
});

export function statsSummary(stats: NodeStats, space?: SummarySpace): unknown {
  const { nodeName, bootedAtMs, memoryTotalBytes, usage, allPods, pods, disk, processes, interfaces } = stats;
  const { atMs } = usage;
  const full = space !== undefined;
  const images = space?.images;
  const imageFs = images ? imageFsOf(images, atMs) : disk && spaceOf(disk, atMs);
  return {
    node: {
      nodeName,
      ...(allPods
        ? { systemContainers: [{ name: 'pods', startTime: formatTime(bootedAtMs), cpu: cpuOf(allPods), memory: memoryOf(allPods) }] }
        : {}),
      startTime: formatTime(bootedAtMs),
      cpu: cpuOf(usage),
      memory: { ...memoryOf(usage), availableBytes: memoryTotalBytes - usage.workingSetBytes },
      ...(full ? networkOf(interfaces, atMs) : {}),
      ...(full && disk ? { fs: spaceOf(disk, atMs), runtime: { imageFs, containerFs: imageFs } } : {}),
      ...(full && processes ? { rlimit: { time: formatTime(atMs), maxpid: processes.max, curproc: processes.count } } : {}),
    },
    pods: pods.map((pod) =>
      podSummary(pod, disk, {
        full,
        use: space?.pods.get(pod.uid),
        images: images?.space ?? disk,
        volumes: space?.volumes?.get(pod.uid) ?? [],
      }),
    ),
  };
}

function podSummary(
  pod: PodStats,
  disk: FileSystemSpace | undefined,
  of: {
    readonly full: boolean;
    readonly use: LocalUse | undefined;
    readonly images: FileSystemSpace | undefined;
    readonly volumes: readonly VolumeFigures[];
  },
) {
  const { full, use, images } = of;
  const { name, namespace, uid, startedAtMs, usage } = pod;
  const atMs = usage?.atMs ?? startedAtMs;
  const logs = (one: ContainerStats) => {
    const bytes = use?.logs.get(one.name);
    return disk && bytes !== undefined ? { logs: partOf(disk, bytes, atMs) } : {};
  };
  const rootfs = (one: ContainerStats) => {
    const bytes = use?.layers.get(one.name);
    return images && bytes !== undefined ? { rootfs: partOf(images, bytes, atMs) } : {};
  };
  const driven = of.volumes.map((volume) => drivenVolume(volume, atMs));
  const parts = use ? [...use.volumes.values(), ...use.logs.values(), ...use.layers.values()] : [];
  const used = use && parts.reduce((sum, bytes) => sum + bytes, 0);
  return {
    podRef: { name, namespace, uid },
    startTime: formatTime(startedAtMs),
    containers: pod.containers.map((one) => ({
      name: one.name,
      startTime: formatTime(one.startedAtMs),
      cpu: cpuOf(one.usage),
      memory: memoryOf(one.usage),
      ...(full ? { ...rootfs(one), ...logs(one), ...swapOf(one.usage) } : {}),
    })),
    ...(usage ? { cpu: cpuOf(usage), memory: memoryOf(usage) } : {}),
    ...(full ? networkOf(pod.interfaces, atMs) : {}),
    ...(disk && use && used !== undefined
      ? {
          volume: [...[...use.volumes].map(([volume, bytes]) => ({ ...partOf(disk, bytes, atMs), name: volume })), ...driven],
          'ephemeral-storage': { ...partOf(disk, used, atMs), inodesUsed: use.inodes },
        }
      : {}),
    ...(full && usage ? swapOf(usage) : {}),
  };
}

/** Of a storage driver: in its own words. */
function drivenVolume({ name, claim, usage, condition }: VolumeFigures, atMs: number) {
  const of = (unit: string) => usage.find((each) => each.unit === unit);
  const [bytes, inodes] = [of('bytes'), of('inodes')];
  return {
    time: formatTime(atMs),
    ...(bytes ? { availableBytes: bytes.available, capacityBytes: bytes.total, usedBytes: bytes.used } : {}),
    ...(inodes ? { inodesFree: inodes.available, inodes: inodes.total, inodesUsed: inodes.used } : {}),
    name,
    ...(claim ? { pvcRef: claim } : {}),
    ...(condition ? { volumeHealthStats: { abnormal: condition.abnormal } } : {}),
  };
}

/** GET /metrics/resource: what `kubectl top` and the autoscaler live on. */
export function resourceMetrics({ usage, pods }: NodeStats): string {
  const containers = pods.flatMap((pod) =>
    pod.containers.map((one) => ({ ...one, labels: { container: one.name, namespace: pod.namespace, pod: pod.name } })),
  );
  const whole = pods.flatMap((pod) => (pod.usage ? [{ usage: pod.usage, labels: { namespace: pod.namespace, pod: pod.name } }] : []));
  const node = [{ labels: {}, usage }];
  interface Of {
    readonly labels: Labels;
    readonly usage: UsageAt;
  }
  const cpu = (what: string, of: readonly Of[]) =>
    metricLines({
      name: `${what}_cpu_usage_seconds_total`,
      type: 'counter',
      help: `[STABLE] Cumulative cpu time consumed by the ${what} in core-seconds`,
      rows: of.map((one): Row => [one.labels, seconds(one.usage.cpuNanos), one.usage.atMs]),
    });
  const memory = (what: string, of: readonly Of[]) =>
    metricLines({
      name: `${what}_memory_working_set_bytes`,
      type: 'gauge',
      help: `[STABLE] Current working set of the ${what} in bytes`,
      rows: of.map((one): Row => [one.labels, one.usage.workingSetBytes, one.usage.atMs]),
    });
  const swap = (what: string, of: readonly Of[]) =>
    metricLines({
      name: `${what}_swap_usage_bytes`,
      type: 'gauge',
      help: `[ALPHA] Current amount of the ${what} swap usage in bytes. Reported only on non-windows systems`,
      rows: of.flatMap(({ labels, usage: { memory: known, atMs } }): Row[] => (known ? [[labels, known.swapBytes, atMs]] : [])),
    });
  return [
    cpu('container', containers),
    memory('container', containers),
    metricLines({
      name: 'container_start_time_seconds',
      type: 'gauge',
      help: '[STABLE] Start time of the container since unix epoch in seconds',
      rows: containers.map((one): Row => [one.labels, one.startedAtMs / 1000]),
    }),
    swap('container', containers),
    cpu('node', node),
    memory('node', node),
    cpu('pod', whole),
    memory('pod', whole),
    swap('pod', whole),
    metricLines({
      name: 'resource_scrape_error',
      type: 'gauge',
      help: '[STABLE] 1 if there was an error while getting container metrics, 0 otherwise',
      rows: [[{}, 0]],
    }),
  ].join('');
}
