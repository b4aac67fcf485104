// What a Deployment's status says: counts, and the conditions Available, Progressing and ReplicaFailure. Pure.
import {
  getCondition,
  timeMs,
  type V1Deployment,
  type V1DeploymentCondition,
  type V1DeploymentStatus,
  type V1ReplicaSet,
} from '../../api/mod.ts';
import type { Sets } from './plan.ts';
import {
  actualReplicas,
  availableReplicas,
  type Deployment,
  limitsOf,
  readyReplicas,
  specReplicas,
  sumReplicas,
  terminatingReplicas,
} from './replica-sets.ts';

const deadlineNone = 2 ** 31 - 1;

export const hasDeadline = (deployment: V1Deployment): boolean => {
  const seconds = deployment.spec?.progressDeadlineSeconds;
  return seconds !== undefined && seconds !== deadlineNone;
};

export const newCondition = (
  type: 'Available' | 'Progressing' | 'ReplicaFailure',
  status: 'True' | 'False' | 'Unknown',
  said: { readonly reason: string; readonly message: string },
  nowTime: string,
): V1DeploymentCondition => ({ type, status, ...said, lastUpdateTime: nowTime, lastTransitionTime: nowTime });

type Conditions = readonly V1DeploymentCondition[];

/** A condition that stands with the same status and reason is left as it is, its times included. */
export function withCondition(conditions: Conditions, next: V1DeploymentCondition): Conditions {
  const standing = getCondition(conditions, next.type);
  if (standing?.status === next.status && standing.reason === next.reason) return conditions;
  const since = standing?.status === next.status ? standing.lastTransitionTime : next.lastTransitionTime;
  return [...conditions.filter((condition) => condition.type !== next.type), { ...next, lastTransitionTime: since }];
}

const without = (conditions: Conditions, type: string): Conditions => conditions.filter((condition) => condition.type !== type);

/** Counts and Available: what every sync says. */
export function baseStatus(deployment: Deployment, sets: Sets, nowTime: string): V1DeploymentStatus {
  const all = sets.current ? [...sets.old, sets.current] : sets.old;
  const available = availableReplicas(all);
  const collisionCount = deployment.status?.collisionCount;
  const enough = available >= specReplicas(deployment) - limitsOf(deployment).maxUnavailable;
  const condition = enough
    ? newCondition('Available', 'True', said('MinimumReplicasAvailable', 'Deployment has minimum availability.'), nowTime)
    : newCondition('Available', 'False', said('MinimumReplicasUnavailable', 'Deployment does not have minimum availability.'), nowTime);
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: actualReplicas(all),
    updatedReplicas: sets.current?.status?.replicas ?? 0,
    readyReplicas: readyReplicas(all),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sumReplicas(all) - available),
    terminatingReplicas: terminatingReplicas(all),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: withCondition(deployment.status?.conditions ?? [], condition),
  };
}

const said = (reason: string, message: string) => ({ reason, message });

export const isComplete = (deployment: V1Deployment, status: V1DeploymentStatus | undefined): boolean => {
  const wanted = specReplicas(deployment);
  return (
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted &&
    (status?.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0)
  );
};

/** Anything that moved forward since the status that stands. */
function isProgressing(deployment: V1Deployment, next: V1DeploymentStatus): boolean {
  const old = deployment.status ?? {};
  const oldOnes = (status: V1DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (next.updatedReplicas ?? 0) > (old.updatedReplicas ?? 0) ||
    oldOnes(next) < oldOnes(old) ||
    (next.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (old.availableReplicas ?? 0)
  );
}

export function isTimedOut(deployment: V1Deployment, status: V1DeploymentStatus | undefined, nowMs: number): boolean {
  const condition = getCondition(status?.conditions, 'Progressing');
  if (!hasDeadline(deployment) || !condition || condition.reason === 'NewReplicaSetAvailable') return false;
  if (condition.reason === 'ProgressDeadlineExceeded') return true;
  return timeMs(condition.lastUpdateTime) + (deployment.spec?.progressDeadlineSeconds ?? 0) * 1000 < nowMs;
}

/** The status during a rollout: also how it goes on. */
export function rolloutStatus(deployment: Deployment, sets: Sets, now: { readonly ms: number; readonly time: string }): V1DeploymentStatus {
  const status = baseStatus(deployment, sets, now.time);
  let conditions = status.conditions ?? [];
  if (!hasDeadline(deployment)) conditions = without(conditions, 'Progressing');
  const standing = getCondition(deployment.status?.conditions, 'Progressing');
  const finished = status.replicas === status.updatedReplicas && standing?.reason === 'NewReplicaSetAvailable';
  if (hasDeadline(deployment) && !finished) conditions = progress(deployment, sets, { ...status, conditions }, now);
  const failure = failureOf(sets);
  conditions = failure ? withCondition(conditions, failure) : without(conditions, 'ReplicaFailure');
  return { ...status, conditions };
}

function progress(
  deployment: Deployment,
  { current }: Sets,
  status: V1DeploymentStatus & { readonly conditions: Conditions },
  now: { readonly ms: number; readonly time: string },
): Conditions {
  const { conditions } = status;
  const subject = current ? `ReplicaSet "${current.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
  if (isComplete(deployment, status)) {
    const complete = said('NewReplicaSetAvailable', `${subject} has successfully progressed.`);
    return withCondition(conditions, newCondition('Progressing', 'True', complete, now.time));
  }
  if (isProgressing(deployment, status)) {
    const condition = newCondition('Progressing', 'True', said('ReplicaSetUpdated', `${subject} is progressing.`), now.time);
    const standing = getCondition(deployment.status?.conditions, 'Progressing');
    // Its update time moves with every step, as the deadline counts from there.
    const since = standing?.status === 'True' ? standing.lastTransitionTime : condition.lastTransitionTime;
    return [...without(conditions, 'Progressing'), { ...condition, lastTransitionTime: since }];
  }
  if (isTimedOut(deployment, status, now.ms)) {
    const late = said('ProgressDeadlineExceeded', `${subject} has timed out progressing.`);
    return withCondition(conditions, newCondition('Progressing', 'False', late, now.time));
  }
  return conditions;
}

/** The new set's failure counts first, then any old one's. */
function failureOf({ current, old }: Sets): V1DeploymentCondition | undefined {
  const failureIn = (set: V1ReplicaSet) => getCondition(set.status?.conditions, 'ReplicaFailure');
  const found = [...(current ? [current] : []), ...old].map(failureIn).find((condition) => condition !== undefined);
  if (!found) return undefined;
  const { status, reason, message, lastTransitionTime } = found;
  return { type: 'ReplicaFailure', status, reason, message, lastTransitionTime, lastUpdateTime: lastTransitionTime };
}

/** Paused and resumed show as Progressing Unknown, so that the time spent paused does not count. Undefined: nothing to change. */
export function pausedCondition(deployment: V1Deployment, nowTime: string): V1DeploymentCondition | undefined {
  if (!hasDeadline(deployment)) return undefined;
  const standing = getCondition(deployment.status?.conditions, 'Progressing');
  // A rollout that has failed stays failed.
  if (standing?.reason === 'ProgressDeadlineExceeded') return undefined;
  const wasPaused = standing?.reason === 'DeploymentPaused';
  if (deployment.spec?.paused === true && !wasPaused) {
    return newCondition('Progressing', 'Unknown', said('DeploymentPaused', 'Deployment is paused'), nowTime);
  }
  if (deployment.spec?.paused !== true && wasPaused) {
    return newCondition('Progressing', 'Unknown', said('DeploymentResumed', 'Deployment is resumed'), nowTime);
  }
  return undefined;
}

/** In how many milliseconds the deadline has to be looked at; undefined when it does not matter any more. */
export function deadlineInMs(deployment: V1Deployment, status: V1DeploymentStatus, nowMs: number): number | undefined {
  const condition = getCondition(status.conditions, 'Progressing');
  if (!hasDeadline(deployment) || !condition || isComplete(deployment, status)) return undefined;
  if (condition.reason === 'ProgressDeadlineExceeded' || condition.reason === 'DeploymentPaused') return undefined;
  // A second more: times are kept in whole seconds.
  return Math.max(0, timeMs(condition.lastUpdateTime) + (deployment.spec?.progressDeadlineSeconds ?? 0) * 1000 - nowMs) + 1000;
}

const counts = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
  'collisionCount',
] as const;

export const sameStatus = (a: V1DeploymentStatus | undefined, b: V1DeploymentStatus): boolean =>
  counts.every((count) => (a?.[count] ?? 0) === (b[count] ?? 0)) && sameConditions(a?.conditions ?? [], b.conditions ?? []);

const sameConditions = (a: Conditions, b: Conditions): boolean =>
  a.length === b.length && a.every((condition, i) => JSON.stringify(sorted(condition)) === JSON.stringify(sorted(b[i])));

const sorted = (condition: V1DeploymentCondition | undefined) => Object.entries(condition ?? {}).sort(([x], [y]) => (x < y ? -1 : 1));
