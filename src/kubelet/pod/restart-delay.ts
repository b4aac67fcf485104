// The crash back-off as a pure function of what the runtime's listing says, so that a restart of the kubelet loses nothing.

const baseMs = 10_000;
/** A container that ran for this long starts again without delay, and with a fresh back-off. */
const restartDelayResetMs = 600_000;

/** An exited container: when it ran, and the delay it was created with (see `restartDelayAnnotation`). */
export interface ExitedRun {
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly delayMs: number;
}

const ranLong = (run: ExitedRun): boolean => run.startedAtMs > 0 && run.finishedAtMs - run.startedAtMs > restartDelayResetMs;

/** When an exited container may be started again, in milliseconds since the epoch. The first restart comes at once. */
export function restartAtMs(run: ExitedRun): number {
  return ranLong(run) ? run.finishedAtMs : run.finishedAtMs + run.delayMs;
}

/**
 * The delay that the next run carries, should it exit too.
 *
 * Runs that exit at once carry 0, 10 s, 20 s, 40 s, ... `maxMs`.
 */
export function nextDelayMs(run: ExitedRun, maxMs: number): number {
  if (run.delayMs === 0 || ranLong(run)) return Math.min(maxMs, baseMs);
  return Math.min(maxMs, run.delayMs * 2);
}

/** A duration as Go prints it, which upstream's messages do: `10s`, `1m20s`, `5m0s`, `1.2s`, `300ms`. */
export function goDuration(ms: number): string {
  const round = (value: number) => String(Math.round(value * 1000) / 1000);
  if (ms === 0) return '0s';
  if (ms < 1000) return `${round(ms)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = round((ms % 60_000) / 1000);
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}
