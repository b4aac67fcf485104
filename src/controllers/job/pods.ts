// What the Job controller asks of a pod: its finalizer, its index, whether and when it ended. Pure.
import { type Persisted, timeMs, type V1Job, type V1Pod } from '../../api/mod.ts';
import { isFinished } from '../runtime/pods.ts';

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
export const indexAnnotation = 'batch.kubernetes.io/job-completion-index';
export const indexFailuresAnnotation = 'batch.kubernetes.io/job-index-failure-count';
export const indexIgnoredAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count';

export type Job = Persisted<V1Job>;
export type Pod = Persisted<V1Pod>;

export const isIndexed = (job: V1Job): boolean => job.spec?.completionMode === 'Indexed';
export const isSuspended = (job: V1Job): boolean => job.spec?.suspend === true;
export const hasLimitPerIndex = (job: V1Job): boolean => isIndexed(job) && job.spec?.backoffLimitPerIndex !== undefined;

/** A pod counts as failed, and is replaced, only when it has really come to its end. */
export const replacesOnlyFailed = (job: V1Job): boolean =>
  job.spec?.podReplacementPolicy === 'Failed' || job.spec?.podFailurePolicy !== undefined;

export const hasFinalizer = (pod: V1Pod): boolean => pod.metadata?.finalizers?.includes(trackingFinalizer) ?? false;

const numberIn = (pod: V1Pod, annotation: string): number | undefined => {
  const text = pod.metadata?.annotations?.[annotation];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
};

/** The completion index of a pod, when it is one of this job's. */
export function indexOf(pod: V1Pod, job: V1Job): number | undefined {
  const index = numberIn(pod, indexAnnotation);
  return index !== undefined && index < (job.spec?.completions ?? 0) ? index : undefined;
}

export const indexFailures = (pod: V1Pod): number => numberIn(pod, indexFailuresAnnotation) ?? 0;
export const indexIgnoredFailures = (pod: V1Pod): number => numberIn(pod, indexIgnoredAnnotation) ?? 0;

/** Pods that were deleted count too, lest one that never gets to report its end be waited for without end. */
export function isFailed(pod: V1Pod, job: V1Job): boolean {
  if (pod.status?.phase === 'Failed') return true;
  if (replacesOnlyFailed(job)) return false;
  return pod.metadata?.deletionTimestamp !== undefined && !isFinished(pod);
}

/** When the pod ended: its last container's end, else what comes nearest. */
export function finishedAtMs(pod: V1Pod): number {
  const ends = (pod.status?.containerStatuses ?? []).map(({ state }) => timeMs(state?.terminated?.finishedAt));
  const last = Math.max(0, ...ends);
  if (last > 0) return last;
  const unready = pod.status?.conditions?.find(({ type, status }) => type === 'Ready' && status === 'False')?.lastTransitionTime;
  if (unready !== undefined) return timeMs(unready);
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, creationTimestamp } = pod.metadata ?? {};
  if (deletionTimestamp !== undefined) return timeMs(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  return timeMs(creationTimestamp);
}
