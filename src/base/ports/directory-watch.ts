// Being told when the entries of a directory come and go, by the kernel's notices.
import { watch } from 'node:fs';

export interface DirectoryWatcher {
  /**
   * Calls `notice` when something in the directory has come, gone or changed, and `failed` once when nothing more will be told.
   * Throws where it cannot watch. Returns what ends it.
   */
  watch(path: string, notice: () => void, failed: (error: unknown) => void): () => void;
}

/** The machine's own directories. */
export const systemDirectories: DirectoryWatcher = {
  watch(path, notice, failed) {
    const watcher = watch(path, { persistent: false }, () => notice());
    watcher.on('error', (error) => {
      watcher.close();
      failed(error);
    });
    return () => watcher.close();
  },
};
