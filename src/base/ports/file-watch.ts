// Told by the kernel when a file may have changed: also when another file takes its place, as editors, mounted config maps and `mv` do.
import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';

/** Calls `notice` when anything in the file's directory changes. Returns what ends it. A machine that is out of watches gives none. */
export function watchFile(path: string, notice: () => void): () => void {
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(path), { persistent: false }, () => notice()).on('error', () => {});
  } catch {
    return () => {};
  }
  return () => watcher?.close();
}
