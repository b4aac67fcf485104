// Opens the durable store: directory, lock, file, index, and only then the store itself.
import { type Store, StoreOpenError } from '../store.ts';
import { openDatabase } from './database.ts';
import { LmdbStore } from './lmdb-store.ts';
import { isLockFile, type Lock, takeLock } from './lock.ts';
import type { LmdbStoreOptions } from './options.ts';

export async function open(options: LmdbStoreOptions): Promise<Store> {
  const { dir, fs, clock, log } = options;
  const startedMs = clock.monotonicMs();
  const lock = await prepare(options);
  try {
    const file = await openDatabase(dir, fs, isLockFile);
    try {
      const store = new LmdbStore(file, options, lock);
      log.debug('Store opened', { dir, keys: store.size, ms: Math.round(clock.monotonicMs() - startedMs) });
      return store;
    } catch (error) {
      await file.close();
      throw new StoreOpenError(
        `Cannot open the store in "${dir}": its data is damaged. Restore the directory from a backup, or name another --data-dir.`,
        { cause: error },
      );
    }
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function prepare({ dir, fs, clock, log }: LmdbStoreOptions): Promise<Lock> {
  try {
    await fs.mkdir(dir, { mode: 0o700 });
    return await takeLock({ dir, fs, clock, log });
  } catch (error) {
    if (error instanceof StoreOpenError) throw error;
    throw new StoreOpenError(
      `Cannot use "${dir}" for the store. Make it a directory that this user can write to, or name another --data-dir.`,
      {
        cause: error,
      },
    );
  }
}
