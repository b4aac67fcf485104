// The Job controller: runs pods until enough of them have succeeded, or too many have failed. A job is woken by its own changes
// and by those of its pods; back-offs and deadlines come back by themselves.
import { compileLabelSelector, controllerOf, formatTime, type Persisted, type V1Pod } from '../../api/mod.ts';
import { type Again, cacheKeyOf, type WorkQueue } from '../../client/mod.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { createExpectations } from '../runtime/expectations.ts';
import { createOwnWrites } from '../runtime/own-writes.ts';
import { controlledBy, controllerKey, indexByController } from '../runtime/ownership.ts';
import { podType } from '../runtime/resource-types.ts';
import { jobType } from '../runtime/workload-types.ts';
import type { FailureRecord } from './backoff.ts';
import { claimPods, releasePod } from './job-pods.ts';
import type { Parts } from './parts.ts';
import { isOver } from './plan.ts';
import { hasFinalizer, type Job } from './pods.ts';
import { syncJob } from './sync.ts';

/** Keys of pods that hold the finalizer while nobody counts them. */
const orphanPrefix = 'pod:';
const managedByUs = 'kubernetes.io/job-controller';
/** A job with many pods counts them all each time: not for each of them. */
const manyPods = 50;
const manyPodsMs = 100;
const staleMs = 1_000;

export async function runJobController(context: ControllerContext): Promise<void> {
  const { informers, clock } = context;
  const jobs = informers.of(jobType);
  const pods = informers.of(podType);
  indexByController(pods);
  const memory = {
    expectations: createExpectations(clock),
    writes: createOwnWrites(),
    released: new Map<string, Set<string>>(),
    failures: new Map<string, FailureRecord>(),
  };
  const controller = startController(context, {
    name: 'job-controller',
    workers: 8,
    caches: [cache(jobs), cache(pods)],
    reconcile: (key, signal) => reconcile({ ...memory, context: { ...context, signal }, jobs, pods, events: controller.events }, key),
  });
  const { queue } = controller;
  controller.on(jobs, ({ old, next }) => {
    const job = next ?? old;
    if (!job) return;
    queue.add(cacheKeyOf(job));
    if (!next) for (const pod of controlledBy(pods, job)) if (hasFinalizer(pod)) queue.add(orphanPrefix + cacheKeyOf(pod));
  });
  controller.on(pods, ({ old, next }) => onPod({ ...memory, jobs, queue }, old, next));
  await controller.stopped;
}

interface PodWatch extends Pick<Parts, 'jobs' | 'expectations' | 'released'> {
  readonly queue: Pick<WorkQueue, 'add' | 'addAfter'>;
}

function onPod(watch: PodWatch, old: Persisted<V1Pod> | undefined, next: Persisted<V1Pod> | undefined): void {
  const { jobs, expectations, released, queue } = watch;
  const pod = next ?? old;
  if (!pod) return;
  const before = controllerKey(old, jobs);
  const after = controllerKey(next, jobs);
  const owner = after ?? before;
  if (next && hasFinalizer(next) && after === undefined && isForJobs(next)) queue.add(orphanPrefix + cacheKeyOf(next));
  if (owner !== undefined) {
    if (next && !old) expectations.creationObserved(owner);
    const ends = !next || (next.metadata.deletionTimestamp !== undefined && old?.metadata.deletionTimestamp === undefined);
    if (ends) expectations.deletionObserved(owner, pod.metadata.uid);
    if (!next || !hasFinalizer(next)) released.get(owner)?.delete(pod.metadata.uid);
  }
  for (const key of new Set([before, after])) if (key !== undefined) queue.addAfter(key, delayOf(jobs.get(key)));
  // An orphan may be a job's that chose its own selector.
  if (!next || controllerOf(next) || (old && !controllerOf(old))) return;
  for (const job of jobs.list(next.metadata.namespace ?? '')) {
    if (compileLabelSelector(job.spec?.selector)(next.metadata.labels)) queue.add(cacheKeyOf(job));
  }
}

const delayOf = (job: Job | undefined): number => ((job?.spec?.parallelism ?? 0) > manyPods ? manyPodsMs : 0);

function isForJobs(pod: V1Pod): boolean {
  const controller = controllerOf(pod);
  return !controller || controller.kind === jobType.kind;
}

async function reconcile(parts: Parts, key: string): Promise<Again> {
  if (key.startsWith(orphanPrefix)) return releaseOrphan(parts, key.slice(orphanPrefix.length));
  const job = parts.jobs.get(key);
  if (!job || isOver(job)) {
    forget(parts, key);
    // A pod that came too late to be counted must not be held.
    for (const pod of job ? controlledBy(parts.pods, job) : []) if (hasFinalizer(pod)) await releasePod(parts, undefined, pod);
    return done;
  }
  if ((job.spec?.managedBy ?? managedByUs) !== managedByUs) return done;
  if (parts.writes.isAhead(key, job)) return againAfter(staleMs);
  const pods = await claimPods(parts, job);
  const nowMs = parts.context.clock.nowMs();
  return syncJob(parts, key, { job, pods, nowMs, nowTime: formatTime(nowMs) });
}

function forget(parts: Parts, key: string): void {
  parts.expectations.forget(key);
  parts.writes.forget(key);
  parts.released.delete(key);
  parts.failures.delete(key);
}

async function releaseOrphan(parts: Parts, podKey: string): Promise<Again> {
  const pod = parts.pods.get(podKey);
  if (!pod || !hasFinalizer(pod) || !isForJobs(pod)) return done;
  const owner = controllerKey(pod, parts.jobs);
  const job = owner === undefined ? undefined : parts.jobs.get(owner);
  if (!job || isOver(job)) await releasePod(parts, undefined, pod);
  return done;
}
