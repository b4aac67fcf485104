// Counting a Job's ended pods exactly once. First the status notes the uids of pods that ended, then their finalizers go, then the
// notes become numbers: whatever happens in between, the next reconcile can tell what has been counted. Pure.
import { getCondition, type V1Job, type V1JobCondition, type V1JobStatus } from '../../api/mod.ts';
import { countOf, formatIndexes, hasIndex, indexesOf, unite } from './indexes.ts';
import { condition, type View } from './plan.ts';
import { hasFinalizer, hasLimitPerIndex, indexOf, isFailed, isIndexed, isSuspended, type Pod } from './pods.ts';
import { judgeFailure } from './policies.ts';

/** The most uids that the status notes at a time. */
const uncountedMax = 500;

export interface Tracking {
  /** To be written before any finalizer goes. */
  readonly status: V1JobStatus;
  readonly release: readonly Pod[];
  /** The pods that hold the finalizer, those of `release` included. */
  readonly held: ReadonlySet<string>;
  /** The condition that ends the job, once nothing is left to count: Complete or Failed. */
  readonly finished: V1JobCondition | undefined;
}

export interface PodCounts {
  readonly active: number;
  readonly ready: number;
  readonly terminating: number;
}

/** `base` is the status so far, with start time and conditions. */
export function track(view: View, base: V1JobStatus, ending: V1JobCondition | undefined, counts: PodCounts): Tracking {
  const { job } = view;
  const pods = isIndexed(job) ? [...view.pods].sort((a, b) => (indexOf(a, job) ?? -1) - (indexOf(b, job) ?? -1)) : view.pods;
  const mine = pods.filter((pod) => hasFinalizer(pod) && !view.released.has(pod.metadata.uid));
  const held = new Set(mine.map((pod) => pod.metadata.uid));
  const cleaned = countReleased(base, held);
  const noted = note(view, mine, cleaned, ending);
  const indexed = isIndexed(job) ? indexedPart(view, noted.indexes) : {};
  const { conditions, finished } = endingConditions(base.conditions ?? [], ending, view.nowTime);
  const status: V1JobStatus = {
    ...cleaned,
    ...indexed,
    active: counts.active,
    ready: counts.ready,
    terminating: counts.terminating,
    uncountedTerminatedPods: listsOf(noted.succeeded, noted.failed),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
  return { status, release: noted.release, held, finished: noted.full ? undefined : finished };
}

const listsOf = (succeeded: readonly string[], failed: readonly string[]) => ({
  ...(succeeded.length === 0 ? {} : { succeeded }),
  ...(failed.length === 0 ? {} : { failed }),
});

/** Uids that are noted and hold no finalizer any more become numbers. */
export function countReleased(status: V1JobStatus, held: ReadonlySet<string>): V1JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const left = (uids: readonly string[]) => uids.filter((uid) => held.has(uid));
  const [succeededLeft, failedLeft] = [left(succeeded), left(failed)];
  return {
    ...status,
    succeeded: (status.succeeded ?? 0) + succeeded.length - succeededLeft.length,
    failed: (status.failed ?? 0) + failed.length - failedLeft.length,
    uncountedTerminatedPods: listsOf(succeededLeft, failedLeft),
  };
}

interface Noted {
  readonly succeeded: string[];
  readonly failed: string[];
  /** Of Indexed jobs the index itself says that it is counted: no uid is noted. */
  readonly indexes: number[];
  readonly release: Pod[];
  readonly full: boolean;
}

function note(view: View, mine: readonly Pod[], status: V1JobStatus, ending: V1JobCondition | undefined): Noted {
  const { job } = view;
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const noted = { succeeded: [...succeeded], failed: [...failed], indexes: [] as number[], release: [] as Pod[] };
  const known = { succeeded: new Set(succeeded), failed: new Set(failed) };
  for (const pod of mine) {
    if (!mayRelease(view, pod, ending)) continue;
    noted.release.push(pod);
    const { uid } = pod.metadata;
    const index = indexOf(pod, job);
    if (pod.status?.phase === 'Succeeded' && !known.failed.has(uid)) {
      if (!isIndexed(job)) {
        if (!known.succeeded.has(uid)) noted.succeeded.push(uid);
      } else if (index !== undefined && !hasIndex(view.countedIndexes, index)) noted.indexes.push(index);
    } else if (isFailed(pod, job) || (ending && ending.type !== 'SuccessCriteriaMet')) {
      // Of a job that fails every pod that has not ended well has failed.
      const ofJob = !isIndexed(job) || index !== undefined;
      if (ofJob && !known.failed.has(uid) && judgeFailure(job, pod).counts) noted.failed.push(uid);
    }
    if (noted.indexes.length + noted.succeeded.length + noted.failed.length >= uncountedMax) return { ...noted, full: true };
  }
  return { ...noted, full: false };
}

function mayRelease(view: View, pod: Pod, ending: V1JobCondition | undefined): boolean {
  const { job } = view;
  if (job.metadata.deletionTimestamp !== undefined || ending || pod.status?.phase === 'Succeeded') return true;
  if (!isFailed(pod, job)) return false;
  // Its successor has yet to take over how often the index failed.
  const index = indexOf(pod, job);
  return !hasLimitPerIndex(job) || index === undefined || view.lastFailed.get(index)?.metadata.uid !== pod.metadata.uid;
}

function indexedPart(view: View, indexes: readonly number[]): Partial<V1JobStatus> {
  const succeeded = unite(view.countedIndexes, indexesOf(indexes));
  const text = formatIndexes(succeeded);
  return {
    succeeded: countOf(succeeded),
    ...(text === '' ? {} : { completedIndexes: text }),
    ...(view.failedIndexes === undefined ? {} : { failedIndexes: formatIndexes(view.failedIndexes) }),
  };
}

/** The interim condition is written before the finalizers go; the last one when everything is counted. */
function endingConditions(standing: readonly V1JobCondition[], ending: V1JobCondition | undefined, nowTime: string) {
  if (!ending) return { conditions: standing, finished: undefined };
  const conditions = ending.type === 'Failed' || getCondition(standing, ending.type) ? standing : [...standing, ending];
  return { conditions, finished: condition(ending.type === 'SuccessCriteriaMet' ? 'Complete' : 'Failed', ending, nowTime) };
}

/** The status with the condition that ends the job; undefined while something is still to be counted or going away. */
export function finish(status: V1JobStatus, finished: V1JobCondition | undefined): V1JobStatus | undefined {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (!finished || succeeded.length + failed.length > 0 || (status.terminating ?? 0) > 0) return undefined;
  const completionTime = finished.type === 'Complete' ? { completionTime: finished.lastTransitionTime } : {};
  return { ...status, ...completionTime, conditions: [...(status.conditions ?? []), finished] };
}

export type SuspendChange = 'Suspended' | 'Resumed' | undefined;

/** The status with the Suspended condition as the spec wants it. One that was never suspended has none. */
export function withSuspended(job: V1Job, status: V1JobStatus, nowTime: string): { status: V1JobStatus; change: SuspendChange } {
  const standing = getCondition(status.conditions, 'Suspended');
  const wanted = isSuspended(job) ? 'True' : 'False';
  if (standing ? standing.status === wanted : wanted === 'False') return { status, change: undefined };
  const said = isSuspended(job) ? { reason: 'JobSuspended', message: 'Job suspended' } : { reason: 'JobResumed', message: 'Job resumed' };
  const next = { ...condition('Suspended', said, nowTime), status: wanted };
  const conditions = [...(status.conditions ?? []).filter((each) => each !== standing), next];
  if (isSuspended(job)) return { status: { ...status, conditions }, change: 'Suspended' };
  // The deadline counts from here.
  return { status: { ...status, conditions, startTime: nowTime }, change: 'Resumed' };
}
