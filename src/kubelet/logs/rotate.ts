// Keeps the logs of running containers from filling the disk: a log that has grown too long is set aside and begun anew.
// Upstream compresses what it has set aside; here it stays as it is, so that who follows a log reads every line.
import { basename, dirname, join } from 'node:path';
import { type Clock, errorText, type Logger, sleep } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { ContainerRuntime } from '../cri/runtime.ts';

const callDeadlineMs = 10_000;

export interface RunningLog {
  readonly containerId: string;
  /** Absolute. */
  readonly path: string;
}

export interface LogRotationOptions {
  readonly fs: FileSystem;
  readonly runtime: Pick<ContainerRuntime, 'reopenLog'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly running: () => readonly RunningLog[];
  readonly maxBytes: number;
  /** Of one container, the one that is written included; at least 2. */
  readonly maxFiles: number;
  readonly checkMs: number;
}

/** Runs until the signal fires. */
export async function runLogRotation(options: LogRotationOptions): Promise<void> {
  const { clock, log, signal, running, checkMs } = options;
  while (!signal.aborted) {
    await sleep(clock, checkMs, signal).catch(() => {});
    for (const one of running()) {
      if (signal.aborted) return;
      try {
        await rotateWhenLong(options, one);
      } catch (error) {
        if (!signal.aborted) log.warn('Cannot rotate the log of a container', { container: one.containerId, error: errorText(error) });
      }
    }
  }
}

/** Gives true when the log was set aside. */
export async function rotateWhenLong(options: LogRotationOptions, { containerId, path }: RunningLog): Promise<boolean> {
  const { fs, runtime, clock, signal, maxBytes, maxFiles } = options;
  const stat = await fs.stat(path);
  if (!stat || stat.sizeBytes <= maxBytes) return false;
  for (const old of excess(await rotatedLogs(fs, path), Math.max(2, maxFiles) - 2)) await fs.remove(old);
  const aside = `${path}.${stamp(clock.nowMs())}`;
  await fs.rename(path, aside);
  try {
    await runtime.reopenLog(containerId, { signal, deadlineMs: callDeadlineMs });
  } catch (error) {
    // The runtime still writes to it: under its own name it will be found next time.
    if (!(await fs.exists(path))) await fs.rename(aside, path);
    throw error;
  }
  return true;
}

/** The logs that were set aside for the one at `path`, the oldest first. */
export async function rotatedLogs(fs: FileSystem, path: string): Promise<readonly string[]> {
  const prefix = `${basename(path)}.`;
  const entries = await fs.list(dirname(path));
  return entries
    .map(({ name }) => name)
    .filter((name) => name.startsWith(prefix))
    .sort()
    .map((name) => join(dirname(path), name));
}

const excess = (paths: readonly string[], keep: number): readonly string[] => paths.slice(0, Math.max(0, paths.length - keep));

/** `20260102-150405.123`: in the order of time. */
function stamp(nowMs: number): string {
  const [date = '', time = ''] = new Date(nowMs).toISOString().replaceAll(/[-:Z]/g, '').split('T');
  return `${date}-${time}`;
}
