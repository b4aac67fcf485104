// When a node runs short: which pod has to go, and in which words. Pure.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
import { formatQuantity, quantityOf, type V1Pod, wholeValueOf } from '../../api/mod.ts';
import { podAmounts } from '../node/pod-amounts.ts';
import { isCritical } from '../pod/spec.ts';
import type { Crossed } from './thresholds.ts';

export interface PodUse {
  readonly pod: V1Pod;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly inodes: number;
  readonly processes: number;
  /** By container name, for the message. */
  readonly containers: ReadonlyMap<string, { readonly memoryBytes: number; readonly diskBytes: number }>;
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
  switch (resource) {
    case 'memory':
      return use.memoryBytes;
    case 'ephemeral-storage':
      return use.diskBytes;
    case 'inodes':
      return use.inodes;
    case 'pids':
      return use.processes;
  }
}

function requestedOf(pod: V1Pod, resource: Crossed['resource']): number {
  return resource === 'memory' || resource === 'ephemeral-storage' ? (podAmounts(pod, 'requests').get(resource) ?? 0) : 0;
}

const bytesText = (bytes: number): string => formatQuantity(quantityOf(Math.round(bytes), 'BinarySI'));

const countText = (count: number): string => formatQuantity(quantityOf(Math.round(count)));

export function evictionMessage({ resource, threshold, available }: Crossed, use: PodUse): string {
  const text = resource === 'pids' || resource === 'inodes' ? countText : bytesText;
  const low = `The node was low on resource: ${resource}. Threshold quantity: ${text(threshold)}, available: ${text(available)}. `;
  if (resource !== 'memory' && resource !== 'ephemeral-storage') return low;
  const heavy = (use.pod.spec?.containers ?? []).flatMap(({ name, resources }) => {
    const known = use.containers.get(name);
    const used = (resource === 'memory' ? known?.memoryBytes : known?.diskBytes) ?? 0;
    const request = resources?.requests?.[resource] ?? '0';
    if (used <= wholeValueOf(request)) return [];
    return [`Container ${name} was using ${bytesText(used)}, request is ${request}, has larger consumption of ${resource}. `];
  });
  return low + heavy.join('');
}

/** What a pod uses of the disk in bytes, by volume and container. */
export interface LocalUse {
  readonly volumes: ReadonlyMap<string, number>;
  readonly logs: ReadonlyMap<string, number>;
  /** What containers have written beside their volumes. */
  readonly layers: ReadonlyMap<string, number>;
  readonly inodes: number;
}

export const noLocalUse: LocalUse = { volumes: new Map(), logs: new Map(), layers: new Map(), inodes: 0 };

/** Of one container: its logs and its writable layer. */
export const ownBytes = (use: LocalUse, container: string): number => (use.logs.get(container) ?? 0) + (use.layers.get(container) ?? 0);

/** Of the whole pod; volumes in memory are not on the disk. */
export function diskBytes(pod: V1Pod, { volumes, logs, layers }: LocalUse): number {
  const inMemory = new Set((pod.spec?.volumes ?? []).filter(({ emptyDir }) => emptyDir?.medium === 'Memory').map(({ name }) => name));
  const onDisk = [...volumes].filter(([name]) => !inMemory.has(name)).map(([, bytes]) => bytes);
  return [...onDisk, ...logs.values(), ...layers.values()].reduce((sum, bytes) => sum + bytes, 0);
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
  if (limit !== undefined && diskBytes(pod, use) > limit)
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${bytesText(limit)}. `;
  for (const { name, resources } of [...containers, ...initContainers]) {
    const own = resources?.limits?.['ephemeral-storage'];
    if (own && ownBytes(use, name) > wholeValueOf(own)) return `Container ${name} exceeded its local ephemeral storage limit "${own}". `;
  }
  return undefined;
}

/** True when the disk use of this pod has to be watched. */
export const hasLocalLimit = (pod: V1Pod): boolean =>
  (pod.spec?.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined) ||
  [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].some(
    ({ resources }) => resources?.limits?.['ephemeral-storage'] !== undefined,
  );
