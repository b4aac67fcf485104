// What a ReplicaSet or a ReplicationController wants: how many pods more or fewer, which go first, what its status says. Pure.
import {
  getCondition,
  type Labels,
  type Persisted,
  timeMs,
  type V1Pod,
  type V1ReplicaSet,
  type V1ReplicaSetCondition,
  type V1ReplicaSetStatus,
  type V1ReplicationController,
} from '../../api/mod.ts';
import { availableInMs, isAvailable, isReady, readySinceMs, restartsOf } from '../runtime/pods.ts';

export type ReplicaOwner = V1ReplicaSet | V1ReplicationController;

/** The most pods that one reconcile creates or deletes. */
export const burstReplicas = 500;
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost';

export type ReplicaPlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'create'; readonly count: number }
  | { readonly do: 'delete'; readonly pods: readonly Persisted<V1Pod>[] };

export interface ReplicaInput {
  readonly replicas: number;
  /** The active pods that are the set's own. */
  readonly pods: readonly Persisted<V1Pod>[];
  /** The active pods of all sets of the same owner: pods that share a node with many of them go first. Asked for only when pods go. */
  readonly related: () => readonly V1Pod[];
  readonly nowMs: number;
}

export function planReplicas(input: ReplicaInput): ReplicaPlan {
  const { replicas, pods } = input;
  const surplus = pods.length - replicas;
  if (surplus === 0) return { do: 'nothing' };
  if (surplus < 0) return { do: 'create', count: Math.min(-surplus, burstReplicas) };
  const count = Math.min(surplus, burstReplicas);
  return { do: 'delete', pods: count === pods.length ? pods : rankForDeletion(input).slice(0, count) };
}

/** The pods in the order in which they should go. Source: KEP-2255 (deletion cost), KEP-2185 (logarithmic ages). */
export function rankForDeletion(input: Omit<ReplicaInput, 'replicas'>): readonly Persisted<V1Pod>[] {
  const neighbours = new Map<string, number>();
  for (const { spec } of input.related()) {
    if (spec?.nodeName) neighbours.set(spec.nodeName, (neighbours.get(spec.nodeName) ?? 0) + 1);
  }
  const ranked = input.pods.map((pod) => rankOf(pod, neighbours, input.nowMs));
  return ranked.sort(compareRanks).map(({ pod }) => pod);
}

interface Rank {
  readonly pod: Persisted<V1Pod>;
  /** Compared one after another; the lesser goes first. */
  readonly order: readonly number[];
}

const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

function rankOf(pod: Persisted<V1Pod>, neighbours: ReadonlyMap<string, number>, nowMs: number): Rank {
  const nodeName = pod.spec?.nodeName ?? '';
  const readyMs = readySinceMs(pod);
  const order = [
    nodeName === '' ? 0 : 1,
    phaseOrder[pod.status?.phase ?? ''] ?? 0,
    isReady(pod) ? 1 : 0,
    costOf(pod),
    -(neighbours.get(nodeName) ?? 0),
    readyMs === undefined ? 0 : ageRank(readyMs, nowMs),
    -restartsOf(pod),
    ageRank(timeMs(pod.metadata.creationTimestamp), nowMs),
  ];
  return { pod, order };
}

/** Ages count in powers of two, so that among pods of about the same age chance decides. An unknown time is the youngest. */
function ageRank(sinceMs: number, nowMs: number): number {
  if (sinceMs === 0) return -1;
  const seconds = (nowMs - sinceMs) / 1000;
  return seconds <= 1 ? 0 : Math.floor(Math.log2(seconds));
}

function costOf(pod: V1Pod): number {
  const text = pod.metadata?.annotations?.[deletionCost];
  return text !== undefined && /^(0|-?[1-9][0-9]*)$/.test(text) ? Number(text) : 0;
}

function compareRanks(a: Rank, b: Rank): number {
  for (let i = 0; i < a.order.length; i++) {
    const difference = (a.order[i] ?? 0) - (b.order[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.pod.metadata.uid < b.pod.metadata.uid ? -1 : 1;
}

export interface StatusInput {
  readonly set: ReplicaOwner;
  readonly pods: readonly V1Pod[];
  /** Pods of the set that are going away; undefined where the status has no word for them. */
  readonly terminating: number | undefined;
  /** What went wrong with this reconcile's creations or deletions. */
  readonly failure: { readonly reason: 'FailedCreate' | 'FailedDelete'; readonly message: string } | undefined;
  readonly nowMs: number;
  readonly nowTime: string;
}

export function planStatus(input: StatusInput): V1ReplicaSetStatus {
  const { set, pods, nowMs } = input;
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const wanted: Labels = set.spec?.template?.metadata?.labels ?? {};
  const pairs = Object.entries(wanted);
  const conditions = planConditions(input);
  let [labelled, ready, available] = [0, 0, 0];
  for (const pod of pods) {
    const labels: Labels = pod.metadata?.labels ?? {};
    if (pairs.every(([key, value]) => labels[key] === value)) labelled++;
    if (!isReady(pod)) continue;
    ready++;
    if (isAvailable(pod, minReadySeconds, nowMs)) available++;
  }
  return {
    replicas: pods.length,
    fullyLabeledReplicas: labelled,
    readyReplicas: ready,
    availableReplicas: available,
    ...(input.terminating === undefined ? {} : { terminatingReplicas: input.terminating }),
    observedGeneration: set.metadata?.generation ?? 0,
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

/** ReplicaFailure stands as it was first set until a reconcile succeeds. */
function planConditions({ set, failure, nowTime }: StatusInput): readonly V1ReplicaSetCondition[] {
  const standing = set.status?.conditions ?? [];
  const others = standing.filter((condition) => condition.type !== 'ReplicaFailure');
  if (!failure) return others;
  const known = getCondition(standing, 'ReplicaFailure');
  if (known) return standing;
  return [...others, { type: 'ReplicaFailure', status: 'True', lastTransitionTime: nowTime, ...failure }];
}

/** In how many milliseconds the next ready pod becomes available; undefined when none is waiting. */
export function nextAvailabilityMs(set: ReplicaOwner, pods: readonly V1Pod[], nowMs: number): number | undefined {
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  if (minReadySeconds === 0) return undefined;
  const waits = pods.map((pod) => availableInMs(pod, minReadySeconds, nowMs)).filter((ms) => ms !== undefined && ms > 0);
  return waits.length === 0 ? undefined : Math.min(...(waits as number[]));
}

export function sameStatus(a: V1ReplicaSetStatus | undefined, b: V1ReplicaSetStatus): boolean {
  const keys = [
    'replicas',
    'fullyLabeledReplicas',
    'readyReplicas',
    'availableReplicas',
    'terminatingReplicas',
    'observedGeneration',
  ] as const;
  const listed = (status: V1ReplicaSetStatus | undefined) => JSON.stringify(status?.conditions ?? []);
  return keys.every((key) => (a?.[key] ?? 0) === (b[key] ?? 0)) && listed(a) === listed(b);
}
