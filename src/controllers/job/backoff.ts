// How long a Job waits before it replaces failed pods: 10 s, doubled with each failure since the last success, up to 10 min. Pure.
import { backoffMs } from '../../base/mod.ts';
import { finishedAtMs, indexFailures, indexIgnoredFailures, type Pod } from './pods.ts';

/** Failures since the last success, and when the last of them was. */
export interface FailureRecord {
  readonly failures: number;
  readonly lastMs: number;
}

export const noFailures: FailureRecord = { failures: 0, lastMs: 0 };

/** The record with the pods that ended since. A success wipes out what failed before it. */
export function recordEnds(record: FailureRecord, succeeded: readonly Pod[], failed: readonly Pod[]): FailureRecord {
  const failedMs = failed.map(finishedAtMs);
  if (succeeded.length === 0) {
    if (failed.length === 0) return record;
    return { failures: record.failures + failed.length, lastMs: Math.max(record.lastMs, ...failedMs) };
  }
  const successMs = Math.max(...succeeded.map(finishedAtMs));
  const since = failedMs.filter((ms) => ms > successMs);
  return since.length === 0 ? noFailures : { failures: since.length, lastMs: Math.max(...since) };
}

/** In how many milliseconds the next pods may be created; 0 is now. */
export function creationInMs({ failures, lastMs }: FailureRecord, nowMs: number): number {
  if (failures === 0) return 0;
  return Math.max(0, lastMs + backoffMs({ baseMs: 10_000, maxMs: 600_000 }, failures - 1) - nowMs);
}

/** The same for one index, whose last failed pod tells how often it failed before. */
export const indexCreationInMs = (failed: Pod, nowMs: number): number =>
  creationInMs({ failures: indexFailures(failed) + indexIgnoredFailures(failed) + 1, lastMs: finishedAtMs(failed) }, nowMs);
