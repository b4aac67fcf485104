// All served resources, and the one place where objects are written to the store.
import { encodeForStore } from '../../api/codec/mod.ts';
import {
  badRequest,
  type Draft,
  type GroupVersionResource,
  type KindDefinition,
  type KubeObject,
  qualifiedResource,
  StatusError,
} from '../../api/mod.ts';
import { assert, errorText } from '../../base/mod.ts';
import { keyMaxBytes, StoreIoError, type WriteOp } from '../../store/mod.ts';
import { type CacheEntry, type Caller, entryOfOwn, type WatchCache } from '../watch-cache/mod.ts';
import type { HooksByResource } from './hooks.ts';
import { createResource, prefixOf, type Resource } from './resource.ts';

/** An object's JSON text may have this many bytes. */
export const objectBytesMax = 1_572_864;

export interface RegistryOptions {
  /** Those whose objects are stored. */
  readonly kinds: readonly KindDefinition[];
  /** Those that show the objects of others. */
  readonly converted?: readonly KindDefinition[];
  readonly cache: WatchCache;
  readonly hooks: HooksByResource;
  /** Resources that come and go. Absent: there are none. */
  readonly dynamic?: DynamicResources | undefined;
  /** How long objects of kinds that expire stand. Default one hour. */
  readonly eventTtlSeconds?: number | undefined;
}

const hourSeconds = 3_600;

/** Resources that users define. Asked after all others. */
export interface DynamicResources {
  readonly resources: readonly Resource[];
  of(kind: KindDefinition): Resource | undefined;
  find(of: GroupVersionResource): Resource | undefined;
}

/**
 * Writes are compare-and-swap, and resolve when the watch cache has them: whoever reads after a write's answer sees it.
 * A compare that fails throws the store's RevisionMismatchError.
 */
export interface Registry {
  readonly cache: WatchCache;
  readonly resources: readonly Resource[];
  /** The resource of a kind that is served; of a converted kind, that of the kind it is stored as. */
  of(kind: KindDefinition): Resource;
  /** Of a kind that is stored. */
  find(of: GroupVersionResource): Resource | undefined;
  /** The draft becomes the stored object: it is frozen, and must not be touched any more. */
  create(key: string, draft: Draft<KubeObject>, caller?: Caller): Promise<CacheEntry>;
  update(old: CacheEntry, draft: Draft<KubeObject>, caller?: Caller): Promise<CacheEntry>;
  delete(old: CacheEntry, caller?: Caller): Promise<void>;
}

export function createRegistry(options: RegistryOptions): Registry {
  const { cache, converted = [], dynamic } = options;
  const resources: readonly Resource[] = options.kinds.map((kind) =>
    createResource({
      kind,
      cache: cache.of(prefixOf(kind)),
      hooks: options.hooks.get(qualifiedResource(kind)),
      converted: converted.filter(({ storage }) => storage?.kind === kind),
    }),
  );
  const { eventTtlSeconds = hourSeconds } = options;
  const expiring = options.kinds.filter((kind) => kind.expires === true).map(prefixOf);
  const ttlOf = (key: string) => (expiring.some((prefix) => key.startsWith(prefix)) ? eventTtlSeconds : undefined);
  const byKind = new Map(resources.flatMap((resource) => resource.versions.map((kind) => [kind, resource])));
  const byName = new Map(resources.map((resource) => [resourceKey(resource.kind), resource]));
  return {
    cache,
    get resources() {
      return dynamic ? [...resources, ...dynamic.resources] : resources;
    },
    of(kind) {
      const resource = byKind.get(kind) ?? dynamic?.of(kind);
      assert(resource, `${kind.kind} is not served`);
      return resource;
    },
    find: (of) => byName.get(resourceKey(of)) ?? dynamic?.find(of),
    create: (key, draft, caller) => put(cache, draft, caller, (value) => ({ do: 'create', key, value, ttlSeconds: ttlOf(key) })),
    update: ({ key, revision }, draft, caller) =>
      put(cache, draft, caller, (value) => ({ do: 'update', key, value, ifRevision: revision, ttlSeconds: ttlOf(key) })),
    async delete(old, caller) {
      const gone = await explained(cache.store.write({ do: 'delete', key: old.key, ifRevision: old.revision }));
      await cache.reach(gone.revision, caller);
    },
  };
}

export const resourceKey = (of: GroupVersionResource): string => `${of.group}/${of.version}/${of.resource}`;

async function put(
  cache: WatchCache,
  draft: Draft<KubeObject>,
  caller: Caller | undefined,
  opOf: (value: Uint8Array) => WriteOp & { readonly do: 'create' | 'update' },
): Promise<CacheEntry> {
  const value = encodeForStore(draft as KubeObject);
  if (value.length > objectBytesMax) throw tooLarge(value.length);
  const op = opOf(value);
  if (op.key.length > keyMaxBytes)
    throw badRequest(`the name is too long to be stored: its key has ${op.key.length} bytes, the limit is ${keyMaxBytes}`);
  const own = cache.announce(op.key, value, draft);
  try {
    const stored = await explained(cache.store.write(op));
    await cache.reach(stored.revision, caller);
    // The cache has it under this revision, unless it had to skip to a later state of the key.
    return own.entry ?? entryOfOwn(own, stored.revision, stored.createRevision);
  } finally {
    cache.forget(own);
  }
}

const tooLarge = (bytes: number): StatusError =>
  new StatusError({
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: `Request entity too large: the object has ${bytes} bytes, the limit is ${objectBytesMax}`,
  });

/** A disk that refuses is the server's trouble and not the request's: 500, with the cause in words. */
async function explained<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    if (!(error instanceof StoreIoError)) throw error;
    throw new StatusError({ code: 500, reason: 'InternalError', message: `Internal error occurred: ${errorText(error)}`, cause: error });
  }
}
