// When a Job that has ended is to be deleted. Pure.
import { timeMs, type V1Job } from '../../api/mod.ts';

/** In how many milliseconds; undefined when it has not ended, or is to stay. */
export function expiresInMs(job: V1Job, nowMs: number): number | undefined {
  const seconds = job.spec?.ttlSecondsAfterFinished;
  if (seconds === undefined || job.metadata?.deletionTimestamp !== undefined) return undefined;
  const end = job.status?.conditions?.find(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True');
  if (!end) return undefined;
  return Math.max(0, timeMs(end.lastTransitionTime) + seconds * 1000 - nowMs);
}
