// How a Deployment moves: which ReplicaSets get how many replicas next, and which have to go. Pure.
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
import type { V1Deployment, V1Pod } from '../../api/mod.ts';
import { isFinished } from '../runtime/pods.ts';
import {
  activeSets,
  actualReplicas,
  availableReplicas,
  byAge,
  compareAge,
  type Deployment,
  desiredOf,
  isRolling,
  limitsOf,
  maxReplicasOf,
  type ReplicaSet,
  revisionOf,
  specReplicas,
  sumReplicas,
} from './replica-sets.ts';

const historyLimitDefault = 10;
const historyLimitNone = 2 ** 31 - 1;

/** One set's next size. */
export interface Scaling {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

/** The sets of a Deployment; `current` has its template, and may not exist yet. */
export interface Sets {
  readonly current: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
}

const allOf = ({ current, old }: Sets): readonly ReplicaSet[] => (current ? [...old, current] : old);

/** How large the new set may be now: its growth must not exceed the surge. `current` may not exist yet: 0 replicas. */
export function newSetSize(deployment: V1Deployment, old: readonly ReplicaSet[], currentReplicas: number): number {
  const wanted = specReplicas(deployment);
  if (!isRolling(deployment)) return wanted;
  const room = wanted + limitsOf(deployment).maxSurge - sumReplicas(old) - currentReplicas;
  return room <= 0 ? currentReplicas : currentReplicas + Math.min(room, wanted - currentReplicas);
}

/** The next step of a rolling update. Either the new set moves, or old ones shrink, never both at once. */
export function planRolling(deployment: Deployment, sets: Sets & { readonly current: ReplicaSet }): readonly Scaling[] {
  const { current, old } = sets;
  const wanted = specReplicas(deployment);
  const have = specReplicas(current);
  const next = have > wanted ? wanted : have === wanted ? have : newSetSize(deployment, old, have);
  if (next !== have) return [{ set: current, replicas: next }];
  return shrinkOld(deployment, sets);
}

function shrinkOld(deployment: Deployment, sets: Sets & { readonly current: ReplicaSet }): readonly Scaling[] {
  const { current, old } = sets;
  if (sumReplicas(old) === 0) return [];
  const minAvailable = specReplicas(deployment) - limitsOf(deployment).maxUnavailable;
  const newUnavailable = specReplicas(current) - (current.status?.availableReplicas ?? 0);
  const mayGo = sumReplicas(allOf(sets)) - minAvailable - newUnavailable;
  if (mayGo <= 0) return [];
  const sizes = new Map(byAge(old).map((set) => [set, specReplicas(set)]));
  // Pods that do not serve go first: they may block the rollout, and nobody misses them.
  let left = mayGo;
  for (const [set, size] of sizes) {
    const gone = Math.min(left, Math.max(0, size - (set.status?.availableReplicas ?? 0)));
    sizes.set(set, size - gone);
    left -= gone;
  }
  let spare = availableReplicas(allOf(sets)) - minAvailable;
  for (const [set, size] of sizes) {
    const gone = Math.max(0, Math.min(spare, size));
    sizes.set(set, size - gone);
    spare -= gone;
  }
  return changed(sizes);
}

const changed = (sizes: ReadonlyMap<ReplicaSet, number>): readonly Scaling[] =>
  [...sizes].filter(([set, replicas]) => replicas !== specReplicas(set)).map(([set, replicas]) => ({ set, replicas }));

export type RecreateStep =
  | { readonly do: 'scaleDownOld'; readonly scalings: readonly Scaling[] }
  | { readonly do: 'waitForOldPods' }
  | { readonly do: 'scaleUpNew' };

/** All old pods go before the first new one comes. `podsOf` gives a set's pods. */
export function planRecreate(sets: Sets, podsOf: (set: ReplicaSet) => readonly V1Pod[]): RecreateStep {
  const active = activeSets(sets.old);
  if (active.length > 0) return { do: 'scaleDownOld', scalings: active.map((set) => ({ set, replicas: 0 })) };
  const running = actualReplicas(sets.old) > 0 || sets.old.some((set) => podsOf(set).some((pod) => !isFinished(pod)));
  return running ? { do: 'waitForOldPods' } : { do: 'scaleUpNew' };
}

/** True when the Deployment's size was changed: the sets are then scaled before a rollout goes on. */
export const isScalingEvent = (deployment: Deployment, sets: readonly ReplicaSet[]): boolean =>
  activeSets(sets).some((set) => {
    const desired = desiredOf(set);
    return desired !== undefined && desired !== specReplicas(deployment);
  });

/** Sizes after a change of `spec.replicas`, or while paused: in the middle of a rollout every set grows or shrinks in proportion. */
export function planScale(deployment: Deployment, sets: Sets): readonly Scaling[] {
  const wanted = specReplicas(deployment);
  const only = onlyOrLatest(sets);
  if (only) return specReplicas(only) === wanted ? [] : [{ set: only, replicas: wanted }];
  if (isSaturated(deployment, sets.current)) return activeSets(sets.old).map((set) => ({ set, replicas: 0 }));
  return isRolling(deployment) ? proportional(deployment, sets) : [];
}

/** The one set that has replicas; when none has, the newest. Undefined when several have. */
function onlyOrLatest(sets: Sets): ReplicaSet | undefined {
  const active = activeSets(allOf(sets));
  if (active.length > 1) return undefined;
  return active[0] ?? sets.current ?? byAge(sets.old).at(-1);
}

function isSaturated(deployment: Deployment, set: ReplicaSet | undefined): boolean {
  const wanted = specReplicas(deployment);
  if (!set || desiredOf(set) === undefined) return false;
  return specReplicas(set) === wanted && desiredOf(set) === wanted && (set.status?.availableReplicas ?? 0) === wanted;
}

/** Every active set is named, also where its size stays: its annotations must follow the Deployment's new size. */
function proportional(deployment: Deployment, sets: Sets): readonly Scaling[] {
  const all = activeSets(allOf(sets));
  const wanted = specReplicas(deployment);
  const allowed = wanted > 0 ? wanted + limitsOf(deployment).maxSurge : 0;
  const toAdd = allowed - sumReplicas(all);
  const newestFirst = toAdd > 0 ? -1 : 1;
  const ordered = [...all].sort((a, b) => specReplicas(b) - specReplicas(a) || newestFirst * compareAge(a, b));
  let added = 0;
  const scalings = ordered.map((set) => {
    const share = proportionOf(deployment, set, toAdd, added);
    added += share;
    return { set, replicas: specReplicas(set) + share };
  });
  const [largest, ...rest] = scalings;
  if (!largest || toAdd === 0) return scalings;
  return [{ ...largest, replicas: Math.max(0, largest.replicas + toAdd - added) }, ...rest];
}

function proportionOf(deployment: Deployment, set: ReplicaSet, toAdd: number, added: number): number {
  if (specReplicas(set) === 0 || toAdd === 0 || toAdd === added) return 0;
  const share = fractionOf(deployment, set);
  return toAdd > 0 ? Math.min(share, toAdd - added) : Math.max(share, toAdd - added);
}

function fractionOf(deployment: Deployment, set: ReplicaSet): number {
  const size = specReplicas(set);
  if (specReplicas(deployment) === 0) return -size;
  const max = specReplicas(deployment) + limitsOf(deployment).maxSurge;
  const before = maxReplicasOf(set) || deployment.status?.replicas || max;
  return Math.round((size * max) / before) - size;
}

/** The old sets beyond the history limit, the oldest revisions first. */
export function planCleanup(deployment: V1Deployment, old: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const limit = deployment.spec?.revisionHistoryLimit ?? historyLimitDefault;
  if (limit >= historyLimitNone) return [];
  const alive = old.filter((set) => set.metadata.deletionTimestamp === undefined);
  const excess = alive.length - limit;
  if (excess <= 0) return [];
  const byRevision = [...alive].sort((a, b) => revisionOf(a) - revisionOf(b) || compareAge(a, b));
  return byRevision.slice(0, excess).filter((set) => {
    const seen = (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0);
    return seen && specReplicas(set) === 0 && (set.status?.replicas ?? 0) === 0;
  });
}
