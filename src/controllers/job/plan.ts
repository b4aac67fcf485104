// What a Job wants: how its pods stand, whether it is to end, which pods to create or delete. Pure.
import { getCondition, isConditionTrue, timeMs, type V1JobCondition } from '../../api/mod.ts';
import { isActive, isFinished, isReady, isTerminating } from '../runtime/pods.ts';
import { creationInMs, type FailureRecord, indexCreationInMs, recordEnds } from './backoff.ts';
import { countOf, firstFree, type Indexes, indexesOf, noIndexes, parseIndexes, unite } from './indexes.ts';
import {
  finishedAtMs,
  hasFinalizer,
  hasLimitPerIndex,
  indexFailures,
  indexOf,
  isFailed,
  isIndexed,
  isSuspended,
  type Job,
  type Pod,
  replacesOnlyFailed,
} from './pods.ts';
import { failJobMessage, judgeFailure, metSuccessPolicy } from './policies.ts';
import { rankPods } from './rank.ts';

/** The most pods that one reconcile creates or deletes. */
export const podsMax = 500;

export interface JobInput {
  readonly job: Job;
  /** All its pods, those that ended or are going away included. */
  readonly pods: readonly Pod[];
  /** Uids of pods whose finalizer was removed, where the cache does not show it yet. */
  readonly released: ReadonlySet<string>;
  readonly failures: FailureRecord;
  readonly nowMs: number;
  readonly nowTime: string;
}

/** How a job stands. */
export interface View extends JobInput {
  readonly active: readonly Pod[];
  readonly ready: number;
  readonly terminating: number;
  /** Those that ended and are still to be counted are in it. */
  readonly succeeded: number;
  readonly failed: number;
  readonly startTime: string | undefined;
  /** Of Indexed jobs: as the status has them, and with the pods that succeeded since. */
  readonly countedIndexes: Indexes;
  readonly succeededIndexes: Indexes;
  /** Only with a limit per index. */
  readonly failedIndexes: Indexes | undefined;
  /** With a limit per index: the failed pods that wait for a successor, which takes over their number of failures. */
  readonly lastFailed: ReadonlyMap<number, Pod>;
  /** The condition by which the job ends: FailureTarget or SuccessCriteriaMet when it is new, Failed when FailureTarget stands. */
  readonly ending: V1JobCondition | undefined;
  readonly deadlineInMs: number | undefined;
}

export const isOver = (job: Job): boolean =>
  isConditionTrue(job.status?.conditions, 'Complete') || isConditionTrue(job.status?.conditions, 'Failed');

type Said = { readonly reason?: string | undefined; readonly message?: string | undefined };
export const condition = (type: string, { reason, message }: Said, nowTime: string): V1JobCondition => ({
  type,
  status: 'True',
  lastProbeTime: nowTime,
  lastTransitionTime: nowTime,
  reason,
  message,
});

export function viewJob(input: JobInput): View {
  const { job, pods, nowMs, nowTime } = input;
  const { status } = job;
  const active = pods.filter(isActive);
  const isNew = (counted: readonly string[] | undefined) => (pod: Pod) =>
    hasFinalizer(pod) &&
    !input.released.has(pod.metadata.uid) &&
    !counted?.includes(pod.metadata.uid) &&
    (!isIndexed(job) || indexOf(pod, job) !== undefined);
  const uncounted = status?.uncountedTerminatedPods;
  const newSucceeded = pods.filter((pod) => pod.status?.phase === 'Succeeded').filter(isNew(uncounted?.succeeded));
  const newFailed = pods.filter((pod) => isFailed(pod, job)).filter(isNew(uncounted?.failed));
  const countedIndexes = isIndexed(job) ? parseIndexes(status?.completedIndexes, job.spec?.completions ?? 0) : noIndexes;
  const succeededIndexes = isIndexed(job) ? unite(countedIndexes, succeededOf(input)) : noIndexes;
  const failedIndexes = hasLimitPerIndex(job)
    ? unite(parseIndexes(status?.failedIndexes, job.spec?.completions ?? 0), failedOf(input))
    : undefined;
  const counts = {
    succeeded: isIndexed(job)
      ? countOf(succeededIndexes)
      : (status?.succeeded ?? 0) + newSucceeded.length + (uncounted?.succeeded?.length ?? 0),
    failed: (status?.failed ?? 0) + newFailed.filter((pod) => judgeFailure(job, pod).counts).length + (uncounted?.failed?.length ?? 0),
  };
  const startTime = status?.startTime ?? (isSuspended(job) ? undefined : nowTime);
  const indexes = { succeededIndexes, failedIndexes };
  return {
    ...input,
    ...counts,
    ...indexes,
    active,
    ready: active.filter(isReady).length,
    terminating: pods.filter(isTerminating).length,
    startTime,
    countedIndexes,
    lastFailed: failedIndexes ? lastFailedOf(input, unite(succeededIndexes, failedIndexes)) : new Map(),
    failures: recordEnds(input.failures, newSucceeded, newFailed),
    ending: endingOf(input, { ...counts, ...indexes, startTime }),
    deadlineInMs: deadlineInMs(job, startTime, nowMs),
  };
}

function succeededOf({ job, pods }: JobInput): Indexes {
  const ended = pods.filter((pod) => pod.status?.phase === 'Succeeded' && hasFinalizer(pod));
  return indexesOf(ended.flatMap((pod) => indexOf(pod, job) ?? []));
}

function failedOf({ job, pods }: JobInput): Indexes {
  const past = pods.filter((pod) => {
    if (!hasFinalizer(pod) || !isFailed(pod, job)) return false;
    const { action, counts } = judgeFailure(job, pod);
    return action === 'FailIndex' || (counts && indexFailures(pod) >= (job.spec?.backoffLimitPerIndex ?? 0));
  });
  return indexesOf(past.flatMap((pod) => indexOf(pod, job) ?? []));
}

/** Of an index with an active pod that one carries the number already; of one that has ended nobody asks for it. */
function lastFailedOf({ job, pods, released }: JobInput, ended: Indexes): ReadonlyMap<number, Pod> {
  const over = new Set(pods.filter(isActive).flatMap((pod) => indexOf(pod, job) ?? []));
  const last = new Map<number, Pod>();
  for (const pod of pods) {
    const index = indexOf(pod, job);
    if (index === undefined || over.has(index) || !hasFinalizer(pod) || released.has(pod.metadata.uid) || !isFailed(pod, job)) continue;
    const known = last.get(index);
    if (!known || finishedAtMs(pod) > finishedAtMs(known)) last.set(index, pod);
  }
  for (const index of last.keys()) if (ended.some(([first, end]) => first <= index && index <= end)) last.delete(index);
  return last;
}

interface Counts extends Pick<View, 'succeeded' | 'failed' | 'succeededIndexes' | 'failedIndexes' | 'startTime'> {}

function endingOf(input: JobInput, counts: Counts): V1JobCondition | undefined {
  const { job, nowTime } = input;
  const standing = job.status?.conditions;
  const met = getCondition(standing, 'SuccessCriteriaMet');
  if (met?.status === 'True') return met;
  const failing = getCondition(standing, 'FailureTarget');
  if (failing?.status === 'True') return condition('Failed', failing, nowTime);
  const failure = failureOf(input, counts);
  if (failure) return condition('FailureTarget', failure, nowTime);
  const early = isIndexed(job) ? metSuccessPolicy(job, counts.succeededIndexes) : undefined;
  return early === undefined ? undefined : condition('SuccessCriteriaMet', { reason: 'SuccessPolicy', message: early }, nowTime);
}

function failureOf({ job, pods, nowMs }: JobInput, { failed, failedIndexes, succeeded, startTime }: Counts): Said | undefined {
  const { backoffLimit = 6, maxFailedIndexes, completions = 0 } = job.spec ?? {};
  const message = failJobMessage(job, pods);
  if (message !== undefined) return { reason: 'PodFailurePolicy', message };
  if (failed > backoffLimit || restartsPastLimit(job, pods)) {
    return { reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' };
  }
  if (deadlineInMs(job, startTime, nowMs) === 0) {
    return { reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' };
  }
  const lost = failedIndexes ? countOf(failedIndexes) : 0;
  if (maxFailedIndexes !== undefined && lost > maxFailedIndexes) {
    return { reason: 'MaxFailedIndexesExceeded', message: 'Job has exceeded the specified maximal number of failed indexes' };
  }
  if (lost > 0 && lost + succeeded >= completions) return { reason: 'FailedIndexes', message: 'Job has failed indexes' };
  return undefined;
}

/** Pods that restart in place count their restarts against the limit. */
function restartsPastLimit(job: Job, pods: readonly Pod[]): boolean {
  const { backoffLimit = 6, template } = job.spec ?? {};
  if (template?.spec?.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue;
    for (const { restartCount } of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) restarts += restartCount;
  }
  return backoffLimit === 0 ? restarts > 0 : restarts >= backoffLimit;
}

function deadlineInMs(job: Job, startTime: string | undefined, nowMs: number): number | undefined {
  const seconds = job.spec?.activeDeadlineSeconds;
  if (seconds === undefined || startTime === undefined || isSuspended(job)) return undefined;
  return Math.max(0, timeMs(startTime) + seconds * 1000 - nowMs);
}

export type PodsStep =
  | { readonly do: 'nothing' }
  /** Later, as pods have failed. */
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'delete'; readonly pods: readonly Pod[] }
  /** Their indexes; undefined for pods of NonIndexed jobs. */
  | { readonly do: 'create'; readonly indexes: readonly (number | undefined)[]; readonly againMs: number | undefined };

/** For a job that is not ending. */
export function planPods(view: View): PodsStep {
  const { job, active } = view;
  const wanted = wantedActive(view);
  const surplus = surplusOf(view, Math.max(0, active.length - wanted));
  if (surplus.length > 0) return { do: 'delete', pods: isSuspended(job) ? surplus : surplus.slice(0, podsMax) };
  const missing = wanted - active.length - (replacesOnlyFailed(job) ? view.terminating : 0);
  if (missing <= 0 || isSuspended(job)) return { do: 'nothing' };
  const count = Math.min(missing, podsMax);
  if (hasLimitPerIndex(job)) return createPerIndex(view, count);
  const ms = creationInMs(view.failures, view.nowMs);
  if (ms > 0) return { do: 'wait', ms };
  const indexes = isIndexed(job) ? freeIndexes(view, count) : new Array<undefined>(count).fill(undefined);
  return indexes.length === 0 ? { do: 'nothing' } : { do: 'create', indexes, againMs: undefined };
}

function wantedActive({ job, active, succeeded }: View): number {
  const { parallelism = 1, completions } = job.spec ?? {};
  if (isSuspended(job)) return 0;
  // Without a number of completions the first success ends it: what runs then may run on, nothing new starts.
  if (completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(parallelism, completions - succeeded));
}

/** Pods of an index that has another or is none of the job's go in any case. */
function surplusOf({ job, active }: View, atLeast: number): readonly Pod[] {
  const surplus: Pod[] = [];
  let rest: readonly Pod[] = active;
  if (isIndexed(job)) {
    const kept = new Map<number, Pod>();
    for (const pod of rankPods(active)) {
      const index = indexOf(pod, job);
      const other = index === undefined ? pod : kept.get(index);
      if (other) surplus.push(other);
      if (index !== undefined) kept.set(index, pod);
    }
    rest = [...kept.values()];
  }
  if (surplus.length >= atLeast) return surplus;
  return [...surplus, ...rankPods(rest).slice(0, atLeast - surplus.length)];
}

function freeIndexes(view: View, count: number): readonly number[] {
  const { job, pods } = view;
  // One that is going away holds its index when only pods that failed are replaced.
  const holders = replacesOnlyFailed(job) ? pods.filter((pod) => !isFinished(pod)) : view.active;
  const held = indexesOf(holders.flatMap((pod) => indexOf(pod, job) ?? []));
  const taken = unite(unite(held, view.succeededIndexes), view.failedIndexes ?? noIndexes);
  return firstFree(taken, count, job.spec?.completions ?? 0);
}

/** Each index waits for itself. */
function createPerIndex(view: View, count: number): PodsStep {
  const now: number[] = [];
  let laterMs = Number.POSITIVE_INFINITY;
  for (const index of freeIndexes(view, count)) {
    const failed = view.lastFailed.get(index);
    const ms = failed ? indexCreationInMs(failed, view.nowMs) : 0;
    if (ms > 0) laterMs = Math.min(laterMs, ms);
    else now.push(index);
  }
  const againMs = Number.isFinite(laterMs) ? laterMs : undefined;
  if (now.length > 0) return { do: 'create', indexes: now, againMs };
  return againMs === undefined ? { do: 'nothing' } : { do: 'wait', ms: againMs };
}

/** The condition of a job that has all its successes and no active pod. */
export function completionOf({ job, succeeded, nowTime }: View, active: number): V1JobCondition | undefined {
  const { completions } = job.spec ?? {};
  if (active > 0 || succeeded < (completions ?? 1)) return undefined;
  return condition('SuccessCriteriaMet', { reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' }, nowTime);
}
