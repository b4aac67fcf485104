// Opens the store in etcd: the first answer of any endpoint shows that it is there.
import { type Store, StoreIoError, StoreOpenError } from '../store.ts';
import { EtcdError } from './connection.ts';
import { EtcdStore } from './etcd-store.ts';
import type { EtcdStoreOptions } from './options.ts';

export async function open(options: EtcdStoreOptions): Promise<Store> {
  try {
    return await EtcdStore.open(options);
  } catch (error) {
    if (!(error instanceof StoreIoError || error instanceof EtcdError)) throw error;
    throw new StoreOpenError(`Cannot open the store in etcd: ${error.message}`, { cause: error });
  }
}
