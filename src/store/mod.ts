// The door of store/: the revisioned store of bytes, which knows no kinds.
import type { EtcdStoreOptions } from './etcd/options.ts';
import type { LmdbStoreOptions } from './lmdb/options.ts';
import type { Store } from './store.ts';

export * from './encryption/encrypted-store.ts';
export * from './encryption/providers.ts';
export type { EtcdStoreOptions } from './etcd/options.ts';
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
