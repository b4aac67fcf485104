// Informers: one watch per kind and process, shared by everyone in it. Readers get a read handle; only the reflector writes.
import type { KubeObject, Persisted, ResourceType } from '../api/mod.ts';

/** `namespace/name`, or `name` for cluster-scoped objects. */
export type CacheKey = string;

export const cacheKeyOf = (of: {
  readonly metadata?: { readonly namespace?: string | undefined; readonly name?: string | undefined } | undefined;
}): CacheKey => (of.metadata?.namespace ? `${of.metadata.namespace}/${of.metadata.name ?? ''}` : (of.metadata?.name ?? ''));

/** What changed. `old` is undefined for a new object, `next` for one that is gone. Called synchronously, in order; must not throw. */
export type ChangeHandler<T extends KubeObject> = (change: {
  readonly old: Persisted<T> | undefined;
  readonly next: Persisted<T> | undefined;
}) => void;

/** The read handle of a cache that follows one resource. Objects are frozen and shared. */
export interface Informer<T extends KubeObject> {
  readonly type: ResourceType<T>;
  /** Resolves when the first list is in the cache. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  get(key: CacheKey): Persisted<T> | undefined;
  /** In no particular order. With a namespace: by index, not by scan. */
  list(namespace?: string): readonly Persisted<T>[];
  /** The objects for which the index named `index` gave `value`. */
  byIndex(index: string, value: string): readonly Persisted<T>[];
  /** Adds an index, also over what is cached already. The same name twice is the same index. */
  addIndex(index: string, valuesOf: (object: Persisted<T>) => readonly string[]): void;
  /** Is first called with everything that is cached. Returns what removes the handler. */
  onChange(handler: ChangeHandler<T>): () => void;
}

/** Makes and shares the informers of one process. A resource is watched from the first `of` on, until the factory's signal fires. */
export interface Informers {
  of<T extends KubeObject>(type: ResourceType<T>): Informer<T>;
  /** Ends the watch of one resource, such as one whose definition is gone. The next `of` starts afresh. */
  release(type: ResourceType): void;
  /** Resolves when every informer asked for so far has its first list. */
  synced(): Promise<void>;
}
