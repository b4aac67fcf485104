// The CronJob controller: starts jobs by the clock. A CronJob is woken by its own changes, by those of its jobs, and when its time
// comes.
import {
  formatTime,
  hasReason,
  isControlledBy,
  type Persisted,
  sameMeaning,
  type V1CronJob,
  type V1CronJobStatus,
  type V1Job,
} from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { type Again, cacheKeyOf, type EventRecorder, type Informer, referenceTo } from '../../client/mod.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { createOwnWrites, type OwnWrites } from '../runtime/own-writes.ts';
import { controlledBy, controllerKey, indexByController } from '../runtime/ownership.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { cronJobType, jobType } from '../runtime/workload-types.ts';
import { type CronJob, type CronStep, finishedAs, type Job, jobAt, type Note, planCron, planHistory } from './plan.ts';
import { observeJobs, withoutActive } from './status.ts';

const staleMs = 1_000;

interface Parts {
  readonly context: ControllerContext;
  readonly crons: Informer<V1CronJob>;
  readonly jobs: Informer<V1Job>;
  readonly writes: OwnWrites;
  readonly events: EventRecorder;
}

export async function runCronJobController(context: ControllerContext): Promise<void> {
  const crons = context.informers.of(cronJobType);
  const jobs = context.informers.of(jobType);
  indexByController(jobs);
  const writes = createOwnWrites();
  const controller = startController(context, {
    name: 'cronjob-controller',
    caches: [cache(crons), cache(jobs)],
    reconcile: (key, signal) => reconcile({ context: { ...context, signal }, crons, jobs, writes, events: controller.events }, key),
  });
  controller.on(crons, ({ old, next }) => {
    const cron = next ?? old;
    if (cron) controller.queue.add(cacheKeyOf(cron));
  });
  controller.on(jobs, ({ old, next }) => {
    // A job that only moves on is no news.
    if (old && next && finishedAs(old) === finishedAs(next)) return;
    for (const key of new Set([controllerKey(old, crons), controllerKey(next, crons)])) if (key !== undefined) controller.queue.add(key);
  });
  await controller.stopped;
}

async function reconcile(parts: Parts, key: string): Promise<Again> {
  const cron = parts.crons.get(key);
  if (!cron) {
    parts.writes.forget(key);
    return done;
  }
  if (parts.writes.isAhead(key, cron)) return againAfter(staleMs);
  const jobs = controlledBy(parts.jobs, cron);
  const observed = observeJobs(cron, jobs);
  say(parts, cron, observed.notes);
  const missing = await findMissing(parts, cron, observed.unknown);
  const seen: CronJob = { ...cron, status: withoutActive(observed.status, missing) };
  const step = planCron(seen, parts.context.clock.nowMs());
  say(parts, cron, step.notes);
  const { status, error } = step.do === 'start' ? await startJob(parts, seen, step) : { status: seen.status ?? {}, error: undefined };
  const left = await cleanUp(parts, cron, status, jobs);
  await writeStatus(parts, key, cron, left);
  if (error !== undefined && !isNamespaceTerminating(error)) throw error;
  if (step.do === 'rest') return done;
  return againAfter(step.do === 'wait' ? step.ms : step.againMs);
}

function say(parts: Parts, cron: CronJob, notes: readonly Note[]): void {
  for (const { type, reason, message } of notes) parts.events.record(referenceTo(cronJobType, cron), type, reason, message);
}

/** The uids of active jobs that are really gone: a cache may be behind. */
async function findMissing(
  parts: Parts,
  cron: CronJob,
  unknown: ReturnType<typeof observeJobs>['unknown'],
): Promise<readonly (string | undefined)[]> {
  const { client, signal } = parts.context;
  const missing: (string | undefined)[] = [];
  for (const { namespace, name = '', uid } of unknown) {
    try {
      const found = await client.get(jobType, { namespace, name }, { signal });
      if (found.metadata.uid === uid) continue;
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
    missing.push(uid);
    say(parts, cron, [{ type: 'Normal', reason: 'MissingJob', message: `Active job went missing: ${name}` }]);
  }
  return missing;
}

type Start = Extract<CronStep, { do: 'start' }>;

async function startJob(parts: Parts, cron: CronJob, step: Start): Promise<{ status: V1CronJobStatus; error: unknown }> {
  let status: V1CronJobStatus = cron.status ?? {};
  if (step.replace) {
    for (const { namespace, name = '', uid } of status.active ?? []) {
      const error = await deleteJob(parts, cron, { namespace, name, uid });
      if (error !== undefined) return { status, error };
      status = withoutActive(status, [uid]);
    }
  }
  try {
    const made = await createJob(parts, cron, step.atMs);
    // It ran to its end while nobody had noted it.
    const active = finishedAs(made) ? (status.active ?? []) : [...(status.active ?? []), referenceTo(jobType, made)];
    return { status: { ...status, active, lastScheduleTime: formatTime(step.atMs) }, error: undefined };
  } catch (error) {
    if (!isNamespaceTerminating(error) && !parts.context.signal.aborted) {
      say(parts, cron, [{ type: 'Warning', reason: 'FailedCreate', message: `Error creating job: ${errorText(error)}` }]);
    }
    return { status, error };
  }
}

/** The job of that time. One that is there already is ours, made before its note in the status was lost, or in the way. */
async function createJob(parts: Parts, cron: CronJob, atMs: number): Promise<Job> {
  const { client, signal } = parts.context;
  const job = jobAt(cron, atMs);
  try {
    const made = await client.create(jobType, job, { signal });
    say(parts, cron, [{ type: 'Normal', reason: 'SuccessfulCreate', message: `Created job ${made.metadata.name}` }]);
    return made;
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
    const found = await client.get(jobType, { namespace: cron.metadata.namespace, name: job.metadata?.name ?? '' }, { signal });
    if (!isControlledBy(found, cron)) throw error;
    return found;
  }
}

interface JobKey {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly uid: string | undefined;
}

/** Gives the error, if there was one; that it was gone already is none. */
async function deleteJob(parts: Parts, cron: CronJob, { namespace, name, uid }: JobKey): Promise<unknown> {
  const { client, signal } = parts.context;
  try {
    const gone = await client.delete(jobType, { namespace, name }, { propagationPolicy: 'Background', preconditions: { uid }, signal });
    if (gone !== undefined) say(parts, cron, [{ type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted job ${name}` }]);
    return undefined;
  } catch (error) {
    if (hasReason(error, 'Conflict')) return undefined;
    say(parts, cron, [{ type: 'Warning', reason: 'FailedDelete', message: `Deleted job: ${errorText(error)}` }]);
    return error;
  }
}

async function cleanUp(parts: Parts, cron: CronJob, status: V1CronJobStatus, jobs: readonly Job[]): Promise<V1CronJobStatus> {
  let left = status;
  for (const { metadata } of planHistory(cron, jobs)) {
    // One that goes already is not deleted again.
    if (metadata.deletionTimestamp !== undefined) continue;
    const { namespace, name, uid } = metadata;
    const error = await deleteJob(parts, cron, { namespace, name, uid });
    if (error === undefined) left = withoutActive(left, [uid]);
  }
  return left;
}

async function writeStatus(parts: Parts, key: string, cron: CronJob, status: V1CronJobStatus): Promise<void> {
  if (sameMeaning(cron.status ?? {}, status)) return;
  const { active = [], ...rest } = status;
  const next: Persisted<V1CronJob> = { ...cron, status: active.length === 0 ? rest : { ...rest, active } };
  parts.writes.wrote(key, await parts.context.client.updateStatus(cronJobType, next, { signal: parts.context.signal }));
}
