// Configuration files that take effect while the server runs: read again when the kernel says that something changed.
import { type Clock, errorText, type Logger, onAbort, sleep } from '../../base/mod.ts';
import { watchFile } from '../../base/ports/file-watch.ts';
import type { FileSystem } from '../../base/ports/fs.ts';

/** Several changes that come together are one. */
const settleMs = 200;

export interface ReloadOptions {
  readonly fs: Pick<FileSystem, 'readText'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Names it in the log: `--authentication-config`. */
  readonly flag: string;
  readonly path: string;
  /** Puts the new content in force. Throws when it cannot: then what stood stays. */
  readonly apply: () => Promise<void>;
  /** How changes are told. Default: by the kernel. */
  readonly watch?: typeof watchFile;
}

/** Runs until the signal fires. */
export async function reloadOnChange({ fs, clock, log, signal, flag, path, apply, watch = watchFile }: ReloadOptions): Promise<void> {
  let wake = () => {};
  let changed = false;
  const end = watch(path, () => {
    changed = true;
    wake();
  });
  onAbort(signal, () => wake());
  let applied = await fs.readText(path);
  try {
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (changed || signal.aborted) resolve();
      });
      if (signal.aborted) return;
      await sleep(clock, settleMs, signal);
      changed = false;
      const text = await fs.readText(path).catch(() => undefined);
      // A file that is gone for a moment is being replaced.
      if (text === undefined || text === applied) continue;
      try {
        await apply();
        applied = text;
        log.info('Configuration file takes effect', { flag, path });
      } catch (error) {
        log.error('Configuration file has changed and does not fit: what stood stays in force', { flag, path, error: errorText(error) });
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    end();
  }
}
