// What is done to a durable store from outside, also while another process uses it: LMDB lets readers in beside its writer.
import type { FileSystem } from '../../base/ports/fs.ts';
import { StoreOpenError } from '../store.ts';
import { writeBackup } from './backup.ts';
import { type CheckResult, checkStore } from './check.ts';
import { dataFile, type LmdbFile, openDatabase } from './database.ts';
import { isLockFile } from './lock.ts';

export { restoreBackup } from './backup.ts';
export type { CheckResult } from './check.ts';

/** Throws {@link StoreOpenError} when it cannot even be opened. */
export function check(dir: string, fs: FileSystem): Promise<CheckResult> {
  return reading(dir, fs, async (file) => {
    try {
      // In one go: what is read without a turn of the event loop in between is one snapshot.
      return checkStore(file);
    } catch (error) {
      throw new StoreOpenError(`The store in "${dir}" is damaged: it cannot be read to its end`, { cause: error });
    }
  });
}

/** Gives the size of the backup in bytes. */
export function backup(dir: string, path: string, fs: FileSystem): Promise<number> {
  return reading(dir, fs, (file) => writeBackup(file, path, fs));
}

async function reading<T>(dir: string, fs: FileSystem, work: (file: LmdbFile) => Promise<T>): Promise<T> {
  if (!(await fs.exists(`${dir}/${dataFile}`))) throw new StoreOpenError(`There is no store in "${dir}". Name the cluster's --data-dir.`);
  const file = await openDatabase(dir, fs, isLockFile, { readOnly: true });
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}
