// The door of store/: the revisioned store of bytes, which knows no kinds.

import type { FileSystem } from '../base/ports/fs.ts';
import type { EtcdStoreOptions } from './etcd/options.ts';
import type { CheckResult } from './lmdb/check.ts';
import type { LmdbStoreOptions } from './lmdb/options.ts';
import type { Store } from './store.ts';

export * from './encryption/encrypted-store.ts';
export * from './encryption/kms.ts';
export * from './encryption/providers.ts';
export type { EtcdStoreOptions } from './etcd/options.ts';
export type { CheckResult } from './lmdb/check.ts';
export type { LmdbStoreOptions } from './lmdb/options.ts';
export * from './memory/memory-store.ts';
export { keyMaxBytes } from './page.ts';
export * from './store.ts';

/** Opens the durable store in a directory, making it when it is new. Throws StoreOpenError. The native library is loaded here and not before. */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<Store> {
  const { open } = await import('./lmdb/open.ts');
  return open(options);
}

/** Opens the store in an etcd cluster. Throws StoreOpenError. The gRPC library is loaded here and not before. */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const { open } = await import('./etcd/open.ts');
  return open(options);
}

/** Looks whether the data in a directory fits together, also while another process uses it. Throws StoreOpenError. */
export async function checkLmdbStore(dir: string, fs: FileSystem): Promise<CheckResult> {
  return (await import('./lmdb/maintenance.ts')).check(dir, fs);
}

/** Writes a backup to a new file, also while another process uses the store. Gives its size in bytes. Throws StoreOpenError. */
export async function backupLmdbStore(dir: string, path: string, fs: FileSystem): Promise<number> {
  return (await import('./lmdb/maintenance.ts')).backup(dir, path, fs);
}

/** Restores a backup into a directory that is empty or not there. Throws StoreOpenError. */
export async function restoreLmdbStore(path: string, dir: string, fs: FileSystem): Promise<void> {
  await (await import('./lmdb/maintenance.ts')).restoreBackup(path, dir, fs);
}
