// What a CronJob wants at an instant: start a job or not, and when to look again. Pure.
import {
  type CronSchedule,
  controllerReference,
  formatTime,
  isConditionTrue,
  type Persisted,
  parseCronSchedule,
  timeMs,
  type V1CronJob,
  type V1Job,
} from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { utc, zoneOffset } from '../../base/ports/time-zone.ts';
import { cronJobType } from '../runtime/workload-types.ts';
import { nextTime } from './next.ts';

export type CronJob = Persisted<V1CronJob>;
export type Job = Persisted<V1Job>;

const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
/** More missed times than this are told of. */
const missedMax = 100;
/** A little after the time itself, so that clocks that are not quite the same agree that it has come. */
const afterMs = 100;

export interface Note {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}
const warning = (reason: string, message: string): Note => ({ type: 'Warning', reason, message });

export type CronStep =
  /** Until the object changes. */
  | { readonly do: 'rest'; readonly notes: readonly Note[] }
  | { readonly do: 'wait'; readonly ms: number; readonly notes: readonly Note[] }
  | { readonly do: 'start'; readonly atMs: number; readonly replace: boolean; readonly againMs: number; readonly notes: readonly Note[] };

export const finishedAs = (job: V1Job): 'Complete' | 'Failed' | undefined =>
  isConditionTrue(job.status?.conditions, 'Complete')
    ? 'Complete'
    : isConditionTrue(job.status?.conditions, 'Failed')
      ? 'Failed'
      : undefined;

export const jobNameAt = (cron: CronJob, atMs: number): string => `${cron.metadata.name}-${Math.floor(atMs / 60_000)}`;

/** `cron` with its status brought up to date. */
export function planCron(cron: CronJob, nowMs: number): CronStep {
  const { spec } = cron;
  if (cron.metadata.deletionTimestamp !== undefined) return { do: 'rest', notes: [] };
  const offsetAt = spec.timeZone === undefined ? utc : zoneOffset(spec.timeZone);
  if (!offsetAt) {
    const said = `invalid timeZone: ${JSON.stringify(spec.timeZone)}: unknown time zone ${spec.timeZone}`;
    return { do: 'rest', notes: [warning('UnknownTimeZone', said)] };
  }
  if (spec.suspend === true) return { do: 'rest', notes: [] };
  const schedule = parse(spec.schedule);
  if (typeof schedule === 'string') {
    return { do: 'rest', notes: [warning('UnparseableSchedule', `unparseable schedule: ${JSON.stringify(spec.schedule)} : ${schedule}`)] };
  }
  const next = (ms: number) => nextTime(schedule, ms, offsetAt);
  const found = latestTime(cron, nowMs, next, true);
  if (found.missed === 'never') {
    const said = 'time difference between two schedules is less than 1 second';
    return { do: 'rest', notes: [warning('InvalidSchedule', `invalid schedule: ${spec.schedule} : ${said}`)] };
  }
  return stepAt(cron, nowMs, found, waitMs(cron, nowMs, next));
}

function parse(text: string): CronSchedule | string {
  try {
    return parseCronSchedule(text);
  } catch (error) {
    return errorText(error);
  }
}

function stepAt(cron: CronJob, nowMs: number, { atMs, missed }: Latest, againMs: number): CronStep {
  const { spec, status } = cron;
  if (atMs === undefined) return { do: 'wait', ms: againMs, notes: [] };
  const advice = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
  const notes = missed === 'many' ? [warning('TooManyMissedTimes', advice)] : [];
  const wait = (...more: Note[]): CronStep => ({ do: 'wait', ms: againMs, notes: [...notes, ...more] });
  if (spec.startingDeadlineSeconds !== undefined && atMs + spec.startingDeadlineSeconds * 1000 < nowMs) {
    return wait(warning('MissSchedule', `Missed scheduled time to start a job: ${formatMail(atMs)}`));
  }
  const active = status?.active ?? [];
  if (active.some(({ name }) => name === jobNameAt(cron, atMs)) || timeMs(status?.lastScheduleTime) === atMs) return wait();
  if (spec.concurrencyPolicy === 'Forbid' && active.length > 0) {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    return wait({ type: 'Normal', reason: 'JobAlreadyActive', message });
  }
  return { do: 'start', atMs, replace: spec.concurrencyPolicy === 'Replace', againMs, notes };
}

interface Latest {
  /** The latest time that has come; undefined when none has since `earliestMs`. */
  readonly atMs: number | undefined;
  readonly earliestMs: number;
  /** `never`: the schedule fires at no time. */
  readonly missed: 'none' | 'few' | 'many' | 'never';
}

type Next = (ms: number) => number | undefined;

function latestTime({ metadata, spec, status }: CronJob, nowMs: number, next: Next, withDeadline: boolean): Latest {
  let earliestMs = timeMs(status?.lastScheduleTime ?? metadata.creationTimestamp);
  if (withDeadline && spec.startingDeadlineSeconds !== undefined) {
    earliestMs = Math.max(earliestMs, nowMs - spec.startingDeadlineSeconds * 1000);
  }
  const first = next(earliestMs);
  const second = first === undefined ? undefined : next(first);
  if (first === undefined || second === undefined) return { atMs: undefined, earliestMs, missed: 'never' };
  if (nowMs < first) return { atMs: undefined, earliestMs, missed: 'none' };
  if (nowMs < second) return { atMs: first, earliestMs, missed: 'none' };
  // After a long time not every run in between is computed: near the end of as many steps as fit it starts anew.
  const stepMs = second - first;
  const skipped = Math.floor((nowMs - first) / stepMs) + 1;
  let atMs: number | undefined;
  for (let ms = next(first + (skipped - 2) * stepMs); ms !== undefined && ms <= nowMs; ms = next(ms)) atMs = ms;
  return { atMs, earliestMs, missed: skipped > missedMax ? 'many' : 'few' };
}

function waitMs(cron: CronJob, nowMs: number, next: Next): number {
  const { atMs, earliestMs, missed } = latestTime(cron, nowMs, next, false);
  const fromMs = atMs ?? (missed === 'none' ? earliestMs : nowMs);
  return Math.max(0, (next(fromMs) ?? nowMs) + afterMs - nowMs);
}

/** `Thu, 01 Jan 2026 00:01:00 +0000` */
const formatMail = (ms: number): string => new Date(ms).toUTCString().replace('GMT', '+0000');

export function jobAt(cron: CronJob, atMs: number): V1Job {
  const { metadata, spec } = cron.spec.jobTemplate;
  const offsetMs = cron.spec.timeZone === undefined ? 0 : (zoneOffset(cron.spec.timeZone)?.(atMs) ?? 0);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobNameAt(cron, atMs),
      namespace: cron.metadata.namespace,
      labels: { ...metadata?.labels },
      annotations: { ...metadata?.annotations, [scheduledAnnotation]: formatLocal(atMs, offsetMs) },
      ownerReferences: [controllerReference(cronJobType, cron)],
    },
    ...(spec ? { spec } : {}),
  };
}

/** `2026-01-01T01:00:00+01:00`, and with `Z` in UTC. */
function formatLocal(atMs: number, offsetMs: number): string {
  if (offsetMs === 0) return formatTime(atMs);
  const minutes = Math.abs(offsetMs) / 60_000;
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${formatTime(atMs + offsetMs).slice(0, -1)}${offsetMs < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** The finished jobs beyond the limits, oldest first. */
export function planHistory(cron: CronJob, jobs: readonly Job[]): readonly Job[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cron.spec;
  const beyond = (as: 'Complete' | 'Failed', limit: number | undefined): readonly Job[] => {
    if (limit === undefined) return [];
    const ended = jobs.filter((job) => finishedAs(job) === as).sort(byStart);
    return ended.slice(0, Math.max(0, ended.length - limit));
  };
  return [...beyond('Complete', successfulJobsHistoryLimit), ...beyond('Failed', failedJobsHistoryLimit)];
}

/** One that has not begun is the youngest; of the same second, by name. */
function byStart(a: Job, b: Job): number {
  const difference = timeMs(a.status?.startTime, Number.MAX_SAFE_INTEGER) - timeMs(b.status?.startTime, Number.MAX_SAFE_INTEGER);
  return difference !== 0 ? difference : a.metadata.name < b.metadata.name ? -1 : 1;
}
