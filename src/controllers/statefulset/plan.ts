// What a StatefulSet wants: the next pods to create and delete, in order, and what its status says. Pure.
import { scaledValue, type V1StatefulSetStatus } from '../../api/mod.ts';
import { availableInMs, isFinished, isReady } from '../runtime/pods.ts';
import { isWanted, missingLabels, ordinalOf, type Pod, replicasOf, revisionOf, type StatefulSet, startOrdinal } from './identity.ts';

export interface SetInput {
  readonly set: StatefulSet;
  /** All its pods. */
  readonly pods: readonly Pod[];
  /** Names of revisions: the one that was rolled out last, and the one of the present template. */
  readonly current: string;
  readonly update: string;
  readonly nowMs: number;
}

export type Action =
  | { readonly do: 'create'; readonly ordinal: number; readonly revision: string }
  /** `ended`: it failed or ran to its end and is made anew. */
  | { readonly do: 'delete'; readonly pod: Pod; readonly ordinal: number; readonly why: 'ended' | 'scaled' | 'updated' }
  /** The pod lacks labels that make it what it is. */
  | { readonly do: 'relabel'; readonly pod: Pod };

const isLeaving = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;
const isServing = (pod: Pod): boolean => pod.status?.phase === 'Running' && isReady(pod);
const isRolling = (set: StatefulSet): boolean => (set.spec?.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
const partitionOf = (set: StatefulSet): number => set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0;

/** Running, ready, and so for long enough. */
const isHealthy = ({ set, nowMs }: SetInput, pod: Pod): boolean =>
  isServing(pod) && !isLeaving(pod) && availableInMs(pod, set.spec?.minReadySeconds ?? 0, nowMs) === 0;

interface Slot {
  readonly ordinal: number;
  readonly pod: Pod | undefined;
}

/** The pods by ordinal, lowest first; and those that have no place any more, highest first. */
function place({ set, pods }: SetInput): { readonly slots: readonly Slot[]; readonly condemned: readonly (Slot & { pod: Pod })[] } {
  const byOrdinal = new Map<number, Pod>();
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod);
  }
  const start = startOrdinal(set);
  const slots = Array.from({ length: replicasOf(set) }, (_, i) => ({ ordinal: start + i, pod: byOrdinal.get(start + i) }));
  const condemned = [...byOrdinal].filter(([ordinal]) => !isWanted(set, ordinal)).sort(([a], [b]) => b - a);
  return { slots, condemned: condemned.map(([ordinal, pod]) => ({ ordinal, pod })) };
}

/** The next actions; all at once for Parallel, else one at a time. Scaling comes before updating. */
export function planSet(input: SetInput): readonly Action[] {
  const ordered = input.set.spec?.podManagementPolicy !== 'Parallel';
  const { slots, condemned } = place(input);
  const filled = fill(input, slots, ordered);
  if (filled.blocked) return filled.actions;
  const scaled = scaleDown(input, slots, condemned, ordered);
  if (scaled.actions.length > 0 || scaled.blocked) return [...filled.actions, ...scaled.actions];
  return [...filled.actions, ...update(input, slots)];
}

interface Stage {
  readonly actions: readonly Action[];
  /** Nothing after it may happen yet. */
  readonly blocked: boolean;
}

function fill(input: SetInput, slots: readonly Slot[], ordered: boolean): Stage {
  const actions: Action[] = [];
  let blocked = false;
  for (const { ordinal, pod } of slots) {
    if (!pod) {
      actions.push({ do: 'create', ordinal, revision: revisionFor(input, ordinal) });
      if (ordered) return { actions, blocked: true };
    } else if (isFinished(pod)) {
      if (!isLeaving(pod)) actions.push({ do: 'delete', pod, ordinal, why: 'ended' });
      blocked = true;
      if (ordered) return { actions, blocked };
    } else {
      if (ordered && !isHealthy(input, pod)) return { actions, blocked: true };
      if (missingLabels(input.set, pod) && !isLeaving(pod)) actions.push({ do: 'relabel', pod });
    }
  }
  return { actions, blocked };
}

/** Below the partition a pod that is made anew is still of the old revision. */
function revisionFor({ set, current, update }: SetInput, ordinal: number): string {
  if (!isRolling(set) || current === update) return update;
  return ordinal < startOrdinal(set) + partitionOf(set) ? current : update;
}

/** From the highest ordinal down. In order, each waits until all below it are well, unless it is itself the first that is not. */
function scaleDown(input: SetInput, slots: readonly Slot[], condemned: readonly (Slot & { pod: Pod })[], ordered: boolean): Stage {
  if (condemned.length === 0) return { actions: [], blocked: false };
  const removal = ({ pod, ordinal }: Slot & { pod: Pod }): Action => ({ do: 'delete', pod, ordinal, why: 'scaled' });
  if (!ordered) return { actions: condemned.filter(({ pod }) => !isLeaving(pod)).map(removal), blocked: false };
  const [last] = condemned;
  if (!last || isLeaving(last.pod)) return { actions: [], blocked: true };
  const firstUnwell = [...slots, ...[...condemned].reverse()].find(({ pod }) => pod && !isHealthy(input, pod));
  if (!isHealthy(input, last.pod) && firstUnwell?.pod !== last.pod) return { actions: [], blocked: true };
  return { actions: [removal(last)], blocked: true };
}

/** Pods of another revision go, highest ordinal first, no more at a time than may be unavailable. */
function update(input: SetInput, slots: readonly Slot[]): readonly Action[] {
  const { set } = input;
  if (!isRolling(set)) return [];
  const unavailable = slots.filter(({ pod }) => !pod || !isHealthy(input, pod)).length;
  let left = maxUnavailable(set) - unavailable;
  const actions: Action[] = [];
  for (const { ordinal, pod } of [...slots.slice(partitionOf(set))].reverse()) {
    if (!pod || isLeaving(pod)) continue;
    const stale = revisionOf(pod) !== input.update;
    // What does not serve loses nothing by being replaced, but in order: a broken one below waits for its turn.
    if (stale && !isHealthy(input, pod) && actions.length === 0) return [{ do: 'delete', pod, ordinal, why: 'updated' }];
    if (!isHealthy(input, pod)) return actions;
    if (!stale) continue;
    if (left <= 0) return actions;
    actions.push({ do: 'delete', pod, ordinal, why: 'updated' });
    left--;
  }
  return actions;
}

/** A percentage is rounded down, but one may always be. */
function maxUnavailable(set: StatefulSet): number {
  const wanted = set.spec?.updateStrategy?.rollingUpdate?.maxUnavailable;
  return wanted === undefined ? 1 : Math.max(1, scaledValue(wanted, replicasOf(set), 'down'));
}

export function planStatus(input: SetInput, collisionCount: number | undefined): V1StatefulSetStatus {
  const { set, nowMs, update } = input;
  const pods = input.pods.filter((pod) => ordinalOf(set, pod) !== undefined && (pod.status?.phase ?? '') !== '');
  const ready = pods.filter(isServing);
  const staying = pods.filter((pod) => !isLeaving(pod));
  const ofRevision = (name: string) => staying.filter((pod) => revisionOf(pod) === name).length;
  const available = ready.filter((pod) => availableInMs(pod, set.spec?.minReadySeconds ?? 0, nowMs) === 0).length;
  const updated = ofRevision(update);
  const done = isRolling(set) && partitionOf(set) === 0 && updated === pods.length && ready.length === pods.length;
  const current = done ? update : input.current;
  const currentReplicas = ofRevision(current);
  return {
    ...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
    replicas: pods.length,
    availableReplicas: available,
    ...(ready.length > 0 ? { readyReplicas: ready.length } : {}),
    ...(currentReplicas > 0 ? { currentReplicas } : {}),
    ...(updated > 0 ? { updatedReplicas: updated } : {}),
    currentRevision: current,
    updateRevision: update,
    collisionCount: collisionCount ?? 0,
    observedGeneration: set.metadata.generation ?? 0,
  };
}

/** When the next pod that is ready becomes available. */
export function nextAvailabilityMs({ set, pods, nowMs }: SetInput): number | undefined {
  const waits = pods.flatMap((pod) => availableInMs(pod, set.spec?.minReadySeconds ?? 0, nowMs) ?? []).filter((ms) => ms > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}
