// One reconcile of a Job that is not over: pods first, then the count, in the order that loses and doubles nothing.
import { sameMeaning, type V1JobCondition, type V1JobStatus } from '../../api/mod.ts';
import { type Again, referenceTo } from '../../client/mod.ts';
import { againAfter, done } from '../runtime/controller.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { isReady } from '../runtime/pods.ts';
import { jobType } from '../runtime/workload-types.ts';
import { noFailures } from './backoff.ts';
import { createPods, deletePods, releasePod } from './job-pods.ts';
import type { Parts } from './parts.ts';
import { completionOf, type JobInput, planPods, type View, viewJob } from './plan.ts';
import type { Job, Pod } from './pods.ts';
import { countReleased, finish, type PodCounts, type SuspendChange, type Tracking, track, withSuspended } from './tracking.ts';

/** What came of the pods. */
interface Acted extends PodCounts {
  readonly ending: V1JobCondition | undefined;
  /** True when everything that was to be done to pods was up to date: only then the Suspended condition follows. */
  readonly managed: boolean;
  readonly againMs: number | undefined;
  readonly error: unknown;
}

export async function syncJob(parts: Parts, key: string, input: Omit<JobInput, 'released' | 'failures'>): Promise<Again> {
  const view = viewJob({
    ...input,
    released: new Set(parts.released.get(key)),
    failures: parts.failures.get(key) ?? noFailures,
  });
  const acted = await actOnPods(parts, key, view);
  const ending = acted.ending ?? (view.ending ? undefined : completionOf(view, acted.active));
  const started: V1JobStatus = { ...view.job.status, ...(view.startTime === undefined ? {} : { startTime: view.startTime }) };
  const { status, change } =
    acted.managed && !ending ? withSuspended(view.job, started, view.nowTime) : { status: started, change: undefined };
  await count(parts, key, view, track(view, status, ending, acted), change);
  if (acted.error !== undefined && !isNamespaceTerminating(acted.error)) throw acted.error;
  const unmetMs = parts.expectations.met(key) ? undefined : parts.expectations.givenUpInMs(key);
  const waits = [acted.againMs, ending ? undefined : view.deadlineInMs, unmetMs].filter((ms) => ms !== undefined);
  return waits.length === 0 ? done : againAfter(Math.min(...waits));
}

async function actOnPods(parts: Parts, key: string, view: View): Promise<Acted> {
  const { job, active, ready, terminating } = view;
  const counts = { active: active.length, ready, terminating, againMs: undefined, error: undefined };
  const settled = parts.expectations.met(key);
  if (view.ending) {
    if (active.length === 0) return { ...counts, ending: settled ? view.ending : undefined, managed: false };
    const { pods, error } = await deletePods(parts, job, key, active, false);
    // With pods left that the cache does not know, or that could not be deleted, it cannot end yet.
    const ending = settled && pods.length === active.length ? view.ending : undefined;
    return { ...withoutPods(view, pods), ending, managed: false, againMs: undefined, error };
  }
  if (!settled || job.metadata.deletionTimestamp !== undefined) return { ...counts, ending: undefined, managed: false };
  const step = planPods(view);
  const managed = { ending: undefined, managed: true };
  switch (step.do) {
    case 'nothing':
      return { ...counts, ...managed };
    case 'wait':
      return { ...counts, ...managed, againMs: step.ms };
    case 'delete': {
      const { pods, error } = await deletePods(parts, job, key, step.pods, true);
      return { ...withoutPods(view, pods), ...managed, againMs: undefined, error };
    }
    case 'create': {
      const { created, error } = await createPods(parts, job, key, step.indexes, view.lastFailed);
      return { ...counts, ...managed, active: active.length + created, againMs: step.againMs, error };
    }
  }
}

const withoutPods = (view: View, gone: readonly Pod[]): PodCounts => ({
  active: view.active.length - gone.length,
  ready: view.ready - gone.filter(isReady).length,
  terminating: view.terminating + gone.length,
});

/** Notes what ended, takes the finalizers away, turns the notes into numbers, and ends the job when nothing is left. */
async function count(parts: Parts, key: string, view: View, tracking: Tracking, change: SuspendChange): Promise<void> {
  const job = await writeStatus(parts, key, view.job, tracking.status);
  const about = referenceTo(jobType, view.job);
  if (change) parts.events.record(about, 'Normal', change, change === 'Suspended' ? 'Job suspended' : 'Job resumed');
  parts.failures.set(key, view.failures);
  const results = await Promise.allSettled(tracking.release.map((pod) => releasePod(parts, key, pod)));
  const held = new Set(tracking.held);
  tracking.release.forEach((pod, i) => {
    if (results[i]?.status === 'fulfilled') held.delete(pod.metadata.uid);
  });
  const counted = countReleased(tracking.status, held);
  const finished = finish(counted, tracking.finished);
  await writeStatus(parts, key, job, finished ?? counted);
  if (finished && tracking.finished) recordFinish(parts, job, finished, tracking.finished);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

async function writeStatus(parts: Parts, key: string, job: Job, status: V1JobStatus): Promise<Job> {
  if (job.status?.uncountedTerminatedPods !== undefined && sameMeaning(job.status, status)) return job;
  const { client, signal } = parts.context;
  const written = await client.updateStatus(jobType, { ...job, status: withoutZeros(status) }, { signal });
  parts.writes.wrote(key, written);
  return written;
}

/** Numbers that are zero are left out, but those that clients take for "not known" when they are absent. */
function withoutZeros(status: V1JobStatus): V1JobStatus {
  const { active, succeeded, failed, ...rest } = status;
  return { ...rest, ...(active ? { active } : {}), ...(succeeded ? { succeeded } : {}), ...(failed ? { failed } : {}) };
}

function recordFinish(parts: Parts, job: Job, status: V1JobStatus, { type, reason, message }: V1JobCondition): void {
  const about = referenceTo(jobType, job);
  if (type !== 'Complete') {
    parts.events.record(about, 'Warning', reason ?? '', message ?? '');
    return;
  }
  if (job.spec?.completions !== undefined && (status.succeeded ?? 0) > job.spec.completions) {
    parts.events.record(about, 'Warning', 'TooManySucceededPods', 'Too many succeeded pods running after completion count reached');
  }
  parts.events.record(about, 'Normal', 'Completed', 'Job completed');
}
