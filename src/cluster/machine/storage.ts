// Where a cluster's objects are kept: opens the store that the flags ask for, with what lies around it.
import type { HealthCheck } from '../../apiserver/mod.ts';
import type { Logger } from '../../base/mod.ts';
import { encryptedStore, openEtcdStore, openLmdbStore, openMemoryStore, type Store, StoreOpenError } from '../../store/mod.ts';
import { type ClusterPaths, MachineError } from './data-dir.ts';
import { openEncryption } from './encryption.ts';
import type { MachinePorts } from './ports.ts';

export interface StorageSettings {
  readonly backend: 'lmdb' | 'memory' | 'etcd';
  /** Given for `etcd`. */
  readonly etcd: EtcdSettings | undefined;
  /** For `lmdb`: superseded values are kept for so long, and no more bytes of them than that. */
  readonly history: { readonly ms: number; readonly bytes: number } | undefined;
  /** How long events stand. */
  readonly eventTtlSeconds: number;
  /** The file that says what is encrypted, and how. Undefined: nothing is. */
  readonly encryptionConfig: string | undefined;
  /** Whether its changes take effect while the server runs. Default false. */
  readonly encryptionReload?: boolean;
}

export interface EtcdSettings {
  readonly servers: readonly string[];
  readonly caFile: string | undefined;
  /** Both or none. */
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** What all keys begin with. */
  readonly prefix: string;
  /** 0: never. */
  readonly compactionIntervalMs: number;
}

export interface StorageContext {
  readonly ports: MachinePorts;
  readonly log: Logger;
  readonly paths: ClusterPaths;
  readonly storage: StorageSettings;
  /** Ends what follows the plugins of encryption. */
  readonly signal: AbortSignal;
}

export interface OpenedStorage {
  readonly store: Store;
  /** How the plugins of encryption are. */
  readonly health: readonly HealthCheck[];
  /** Resolves when the signal has fired and what goes on beside the store has ended. */
  readonly stopped: Promise<void>;
}

/** What the server has to know of its store. */
export const storageFacts = ({ backend, eventTtlSeconds }: StorageSettings) => ({ sharedStore: backend === 'etcd', eventTtlSeconds });

/** Throws {@link MachineError} with one sentence. */
export async function openStorage(context: StorageContext): Promise<OpenedStorage> {
  try {
    const { encryptionConfig: path, encryptionReload: reload = false } = context.storage;
    if (path === undefined) return { store: await openBackend(context), health: [], stopped: Promise.resolve() };
    const { rules, health, stopped } = await openEncryption({ path, reload }, context);
    return { store: encryptedStore(await openBackend(context), rules), health, stopped };
  } catch (error) {
    throw error instanceof StoreOpenError ? new MachineError(error.message, { cause: error }) : error;
  }
}

async function openBackend({ ports, paths, storage, log: parent }: StorageContext): Promise<Store> {
  const { clock, fs } = ports;
  const log = parent.with({ component: 'store' });
  if (storage.backend === 'memory') return openMemoryStore({ clock });
  const { etcd } = storage;
  if (!etcd) {
    const { ms: retentionMs, bytes: retentionBytes } = storage.history ?? {};
    return openLmdbStore({ dir: paths.store, clock, fs, log, retentionMs, retentionBytes });
  }
  const file = (flag: string, path: string | undefined) => (path === undefined ? undefined : readFlagged(ports, flag, path));
  const [ca, cert, key] = await Promise.all([
    file('--etcd-cafile', etcd.caFile),
    file('--etcd-certfile', etcd.certFile),
    file('--etcd-keyfile', etcd.keyFile),
  ]);
  const { servers: endpoints, prefix, compactionIntervalMs } = etcd;
  return openEtcdStore({ endpoints, tls: { ca, cert, key }, prefix, replaces: '/registry', clock, log, compactionIntervalMs });
}

async function readFlagged({ fs }: MachinePorts, flag: string, path: string): Promise<string> {
  const text = await fs.readText(path);
  if (text === undefined) throw new MachineError(`${flag}: ${path} does not exist.`);
  return text;
}
