// The status of a CronJob: which of its jobs run, when one last succeeded. Pure.
import { timeMs, type V1CronJobStatus, type V1ObjectReference } from '../../api/mod.ts';
import { type CronJob, finishedAs, type Job, type Note } from './plan.ts';

export interface Observed {
  readonly status: V1CronJobStatus;
  readonly notes: readonly Note[];
  /** Noted as active, and not among the jobs: gone, or not yet known. */
  readonly unknown: readonly V1ObjectReference[];
}

export function observeJobs(cron: CronJob, jobs: readonly Job[]): Observed {
  const notes: Note[] = [];
  let active = cron.status?.active ?? [];
  let last = cron.status?.lastSuccessfulTime;
  for (const job of jobs) {
    const { uid, name } = job.metadata;
    const listed = active.some((reference) => reference.uid === uid);
    const end = finishedAs(job);
    if (!listed && !end) {
      notes.push({ type: 'Warning', reason: 'UnexpectedJob', message: `Saw a job that the controller did not create or forgot: ${name}` });
    } else if (listed && end) {
      active = active.filter((reference) => reference.uid !== uid);
      notes.push({ type: 'Normal', reason: 'SawCompletedJob', message: `Saw completed job: ${name}, condition: ${end}` });
    }
    const completed = end === 'Complete' ? job.status?.completionTime : undefined;
    if (completed !== undefined && timeMs(completed) > timeMs(last)) last = completed;
  }
  const known = new Set(jobs.map((job) => job.metadata.uid));
  return {
    status: { ...cron.status, active, ...(last === undefined ? {} : { lastSuccessfulTime: last }) },
    notes,
    unknown: active.filter(({ uid }) => !known.has(uid ?? '')),
  };
}

export const withoutActive = (status: V1CronJobStatus, uids: readonly (string | undefined)[]): V1CronJobStatus => ({
  ...status,
  active: (status.active ?? []).filter(({ uid }) => !uids.includes(uid)),
});
