// What controllers ask of a pod.
import { timeMs, type V1Pod, type V1PodCondition } from '../../api/mod.ts';

const conditionOf = (pod: V1Pod, type: string): V1PodCondition | undefined => pod.status?.conditions?.find((c) => c.type === type);

export const isFinished = (pod: V1Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** Counts towards the replicas of its owner. */
export const isActive = (pod: V1Pod): boolean => !isFinished(pod) && pod.metadata?.deletionTimestamp === undefined;

export const isTerminating = (pod: V1Pod): boolean => !isFinished(pod) && pod.metadata?.deletionTimestamp !== undefined;

export const isReady = (pod: V1Pod): boolean => conditionOf(pod, 'Ready')?.status === 'True';

/** Since when the pod is ready; undefined when it is not. */
export function readySinceMs(pod: V1Pod): number | undefined {
  const ready = conditionOf(pod, 'Ready');
  return ready?.status === 'True' ? timeMs(ready.lastTransitionTime) : undefined;
}

/**
 * In how many milliseconds a pod that stays ready is available: 0 when it is so now, undefined when it is not ready.
 */
export function availableInMs(pod: V1Pod, minReadySeconds: number, nowMs: number): number | undefined {
  if (minReadySeconds === 0) return isReady(pod) ? 0 : undefined;
  const sinceMs = readySinceMs(pod);
  if (sinceMs === undefined) return undefined;
  // Without a time it has not begun to count.
  if (sinceMs === 0) return undefined;
  return Math.max(0, sinceMs + minReadySeconds * 1000 - nowMs);
}

export const isAvailable = (pod: V1Pod, minReadySeconds: number, nowMs: number): boolean =>
  availableInMs(pod, minReadySeconds, nowMs) === 0;

/** The most restarts of any container. */
export const restartsOf = (pod: V1Pod): number =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map((container) => container.restartCount));
