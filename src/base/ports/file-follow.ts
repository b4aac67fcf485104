// Reading a file that grows: by position, and told when it changes.
import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { onAbort } from '../abort.ts';

export interface GrowingFile {
  /** At most `maxBytes` from `position` on; empty at the end. */
  read(position: number, maxBytes: number): Promise<Uint8Array>;
  sizeBytes(): Promise<number>;
  /** True when the file has changed since the last call; false after `atMostMs`, or when the signal fires. */
  changed(atMostMs: number, signal: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
  /** Device and inode: the file itself, whatever its name is by now. */
  identity?(): Promise<string>;
}

export interface FileFollower {
  /** Undefined when there is no such file. */
  open(path: string): Promise<GrowingFile | undefined>;
  /**
   * When the file at `path` was renamed to `<path>.<time>` and begun anew, once or more often: the one that was written after
   * `file`. Undefined while `file` is the newest.
   */
  next?(path: string, file: GrowingFile): Promise<GrowingFile | undefined>;
}

/** The machine's own files, followed by the kernel's notices. */
export const systemFollower: FileFollower = {
  async open(path) {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return undefined;
      throw error;
    }
    let watcher: FSWatcher | undefined;
    let dirty = true;
    let wake: (() => void) | undefined;
    const notice = () => {
      dirty = true;
      wake?.();
    };
    return {
      async read(position, maxBytes) {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(maxBytes), 0, maxBytes, position);
        return buffer.subarray(0, bytesRead);
      },
      sizeBytes: async () => (await file.stat()).size,
      identity: async () => identityOf(await file.stat()),
      async changed(atMostMs, signal) {
        watcher ??= tryWatch(path, notice);
        if (!dirty && !signal.aborted) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, atMostMs);
            const off = onAbort(signal, () => resolve());
            wake = () => {
              clearTimeout(timer);
              off();
              resolve();
            };
          });
          wake?.();
          wake = undefined;
        }
        const is = dirty && !signal.aborted;
        dirty = false;
        return is;
      },
      async close() {
        watcher?.close();
        wake?.();
        await file.close();
      },
    };
  },
  async next(path, file) {
    const own = await file.identity?.();
    if (own === undefined) return undefined;
    const folder = dirname(path);
    const older = (await readdir(folder)).filter((name) => name.startsWith(`${basename(path)}.`)).sort();
    const paths = [...older.map((name) => join(folder, name)), path];
    const identities = await Promise.all(paths.map((one) => stat(one).then(identityOf, () => undefined)));
    // In the middle of a change of files nobody writes the next one yet.
    if (identities.at(-1) === undefined || identities.at(-1) === own) return undefined;
    const following = paths[identities.indexOf(own) + 1];
    return following === undefined ? undefined : systemFollower.open(following);
  },
};

const identityOf = (of: { readonly dev: number; readonly ino: number }): string => `${of.dev}:${of.ino}`;

/** A machine that is out of watches, or a file that has just been moved, is still followed, by looking once in a while. */
function tryWatch(path: string, notice: () => void): FSWatcher | undefined {
  try {
    return watch(path, { persistent: false }, notice).on('error', () => {});
  } catch {
    return undefined;
  }
}
