// When a node runs short: which condition it has, which pod has to go, and in which words. Pure.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
import { formatQuantity, quantityOf, type V1Pod, wholeValueOf } from '../../api/mod.ts';
import { podAmounts } from '../node/pod-amounts.ts';
import { isCritical } from '../pod/spec.ts';

export type Signal = 'memory.available' | 'nodefs.available' | 'nodefs.inodesFree' | 'imagefs.available' | 'pid.available';
export type Pressure = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

/** A quantity (`100Mi`) or a share of the capacity (`10%`). */
export type Thresholds = Partial<Readonly<Record<Signal, string>>>;

/** Source: `evictionHard` of the kubelet's configuration, its defaults. */
export const defaultThresholds: Thresholds = {
  'memory.available': '100Mi',
  'nodefs.available': '10%',
  'nodefs.inodesFree': '5%',
  'imagefs.available': '15%',
};

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

export interface PodUse {
  readonly pod: V1Pod;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly processes: number;
  /** By container name, for the message. */
  readonly containers: ReadonlyMap<string, { readonly memoryBytes: number }>;
}

/** A threshold that is crossed. */
export interface Crossed {
  readonly signal: Signal;
  readonly pressure: Pressure;
  readonly resource: 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';
  readonly threshold: number;
  readonly available: number;
}

const about: Readonly<Record<Signal, Pick<Crossed, 'pressure' | 'resource'>>> = {
  'memory.available': { pressure: 'MemoryPressure', resource: 'memory' },
  'nodefs.available': { pressure: 'DiskPressure', resource: 'ephemeral-storage' },
  'nodefs.inodesFree': { pressure: 'DiskPressure', resource: 'inodes' },
  'imagefs.available': { pressure: 'DiskPressure', resource: 'ephemeral-storage' },
  'pid.available': { pressure: 'PIDPressure', resource: 'pids' },
};
/** Memory comes first: it is the one that kills. */
const signals: readonly Signal[] = ['memory.available', 'nodefs.available', 'nodefs.inodesFree', 'imagefs.available', 'pid.available'];

export function thresholdValue(text: string, capacity: number): number {
  return text.endsWith('%') ? Math.floor((capacity * Number(text.slice(0, -1))) / 100) : wholeValueOf(text);
}

export function crossedThresholds(thresholds: Thresholds, observed: Partial<Readonly<Record<Signal, Observation>>>): readonly Crossed[] {
  return signals.flatMap((signal) => {
    const seen = observed[signal];
    const text = thresholds[signal];
    if (!seen || text === undefined) return [];
    const threshold = thresholdValue(text, seen.capacity);
    return seen.available < threshold ? [{ signal, ...about[signal], threshold, available: seen.available }] : [];
  });
}

export interface Victim {
  readonly pod: V1Pod;
  readonly message: string;
}

/** The one pod to evict now, for the first threshold; undefined when no pod may go. */
export function chooseVictim(crossed: Crossed, uses: readonly PodUse[]): Victim | undefined {
  const [first] = uses.filter(({ pod }) => !isCritical(pod)).sort(byRank(crossed));
  return first && { pod: first.pod, message: evictionMessage(crossed, first) };
}

/** Who uses more than was asked for goes first; then the less important; then who uses the most over what was asked for. */
function byRank({ resource }: Crossed): (a: PodUse, b: PodUse) => number {
  const over = (use: PodUse) => usedOf(use, resource) - requestedOf(use.pod, resource);
  const exceeds = (use: PodUse) => (resource === 'memory' || resource === 'ephemeral-storage' ? Number(over(use) > 0) : 0);
  const priority = ({ pod }: PodUse) => pod.spec?.priority ?? 0;
  return (a, b) => exceeds(b) - exceeds(a) || priority(a) - priority(b) || over(b) - over(a);
}

function usedOf(use: PodUse, resource: Crossed['resource']): number {
  if (resource === 'memory') return use.memoryBytes;
  return resource === 'pids' ? use.processes : use.diskBytes;
}

function requestedOf(pod: V1Pod, resource: Crossed['resource']): number {
  return resource === 'memory' || resource === 'ephemeral-storage' ? (podAmounts(pod, 'requests').get(resource) ?? 0) : 0;
}

const bytesText = (bytes: number): string => formatQuantity(quantityOf(Math.round(bytes), 'BinarySI'));

export function evictionMessage({ resource, threshold, available }: Crossed, use: PodUse): string {
  const low = `The node was low on resource: ${resource}. Threshold quantity: ${bytesText(threshold)}, available: ${bytesText(available)}. `;
  if (resource !== 'memory') return low;
  const heavy = (use.pod.spec?.containers ?? []).flatMap(({ name, resources }) => {
    const used = use.containers.get(name)?.memoryBytes ?? 0;
    const request = resources?.requests?.memory ?? '0';
    if (used <= wholeValueOf(request)) return [];
    return [`Container ${name} was using ${bytesText(used)}, request is ${request}, has larger consumption of memory. `];
  });
  return low + heavy.join('');
}

/** What a pod uses of the disk, by volume and container. */
export interface LocalUse {
  readonly volumes: ReadonlyMap<string, number>;
  readonly logs: ReadonlyMap<string, number>;
}

/** Why a pod has to go for its own limits of local storage; undefined when it keeps them. */
export function overLocalLimit(pod: V1Pod, use: LocalUse): string | undefined {
  const { volumes = [], containers = [], initContainers = [] } = pod.spec ?? {};
  for (const { name, emptyDir } of volumes) {
    const limit = emptyDir?.sizeLimit;
    if (limit && wholeValueOf(limit) > 0 && (use.volumes.get(name) ?? 0) > wholeValueOf(limit))
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `;
  }
  const limit = podAmounts(pod, 'limits').get('ephemeral-storage');
  const every = containers.every((container) => container.resources?.limits?.['ephemeral-storage'] !== undefined);
  const onDisk = volumes.filter(({ emptyDir }) => emptyDir?.medium !== 'Memory').map(({ name }) => use.volumes.get(name) ?? 0);
  const total = [...onDisk, ...use.logs.values()].reduce((sum, bytes) => sum + bytes, 0);
  if (limit !== undefined && every && total > limit)
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${bytesText(limit)}. `;
  for (const { name, resources } of [...containers, ...initContainers]) {
    const own = resources?.limits?.['ephemeral-storage'];
    if (own && (use.logs.get(name) ?? 0) > wholeValueOf(own))
      return `Container ${name} exceeded its local ephemeral storage limit "${own}". `;
  }
  return undefined;
}

/** True when the disk use of this pod has to be watched. */
export const hasLocalLimit = (pod: V1Pod): boolean =>
  (pod.spec?.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined) ||
  [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].some(
    ({ resources }) => resources?.limits?.['ephemeral-storage'] !== undefined,
  );
