// The log of a running Minke: lines appended to a file in the data dir, kept within a bound.
import { type FileSystem, systemFiles } from '../base/ports/fs.ts';

/** Beyond this size the file becomes `<path>.1`, in place of an older one. */
const fileMaxBytes = 16 * 1024 * 1024;
const checkEveryLines = 1_000;
/** Lines that wait for the disk; more are dropped. */
const waitingMax = 10_000;

/** Gives what writes one line. A full or missing disk costs lines, never the process. */
export function openLogFile(path: string, fs: FileSystem = systemFiles): { write(line: string): void; flushed(): Promise<void> } {
  let waiting: string[] = [];
  let writing: Promise<void> | undefined;
  let lines = 0;
  const drain = async () => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        if (lines === 0 && ((await fs.stat(path))?.sizeBytes ?? 0) > fileMaxBytes) await fs.rename(path, `${path}.1`);
        lines = (lines + batch.length) % checkEveryLines;
        await fs.append(path, `${batch.join('\n')}\n`, { mode: 0o600 });
      } catch {
        // Before the data dir exists, or on a full disk: there is nowhere else to say it.
      }
    }
    writing = undefined;
  };
  return {
    write(line) {
      if (waiting.length >= waitingMax) return;
      waiting.push(line);
      writing ??= drain();
    },
    flushed: async () => writing,
  };
}
