// The cache of one resource with its indexes. Readers and the one writer have different handles.
import type { KubeObject, Persisted } from '../api/mod.ts';
import { type CacheKey, type ChangeHandler, cacheKeyOf } from './informer.ts';

export interface CacheReader<T extends KubeObject> {
  get(key: CacheKey): Persisted<T> | undefined;
  list(namespace?: string): readonly Persisted<T>[];
  byIndex(index: string, value: string): readonly Persisted<T>[];
  addIndex(index: string, valuesOf: (object: Persisted<T>) => readonly string[]): void;
  onChange(handler: ChangeHandler<T>): () => void;
}

/** Owned by the reflector alone. */
export interface CacheWriter<T extends KubeObject> {
  /** Makes the cache equal to a list: what is not in it has been deleted meanwhile. */
  replaceAll(objects: readonly Persisted<T>[]): void;
  apply(object: Persisted<T>): void;
  /** `last` is the object's final state, as the watch gave it. */
  remove(last: Persisted<T>): void;
}

const namespaceIndex = 'namespace';

export interface CacheOptions {
  /** A handler threw: its own bug, which must not stop the others. */
  readonly onHandlerError: (error: unknown) => void;
}

/** Invariant: every index holds exactly the cached objects, and each handler has been told of exactly the cached objects. */
export function createCache<T extends KubeObject>(options: CacheOptions): { reader: CacheReader<T>; writer: CacheWriter<T> } {
  const objects = new Map<CacheKey, Persisted<T>>();
  const indexes = createIndexes<T>(objects);
  let handlers: readonly ChangeHandler<T>[] = [];
  let all: readonly Persisted<T>[] | undefined;

  const tell = (handler: ChangeHandler<T>, old: Persisted<T> | undefined, next: Persisted<T> | undefined): void => {
    try {
      handler({ old, next });
    } catch (error) {
      options.onHandlerError(error);
    }
  };

  /** One change: the cache and its indexes first, then the handlers, so that a handler reads what it is told. */
  function set(key: CacheKey, next: Persisted<T> | undefined, last?: Persisted<T>): void {
    const old = objects.get(key);
    all = undefined;
    if (next) objects.set(key, next);
    else objects.delete(key);
    indexes.update(key, old, next);
    for (const handler of handlers) tell(handler, last ?? old, next);
  }

  function apply(object: Persisted<T>): void {
    const key = cacheKeyOf(object);
    const old = objects.get(key);
    if (old?.metadata.resourceVersion === object.metadata.resourceVersion && old.metadata.uid === object.metadata.uid) return;
    // Another object of the same name: the end of the first one was missed in a gap.
    if (old && old.metadata.uid !== object.metadata.uid) set(key, undefined);
    set(key, object);
  }

  function replaceAll(list: readonly Persisted<T>[]): void {
    const present = new Set(list.map(cacheKeyOf));
    for (const key of [...objects.keys()]) if (!present.has(key)) set(key, undefined);
    for (const object of list) apply(object);
  }

  function remove(last: Persisted<T>): void {
    const key = cacheKeyOf(last);
    if (objects.has(key)) set(key, undefined, last);
  }

  const reader: CacheReader<T> = {
    get: (key) => objects.get(key),
    list(namespace) {
      if (namespace !== undefined) return indexes.by(namespaceIndex, namespace);
      all ??= [...objects.values()];
      return all;
    },
    byIndex: indexes.by,
    addIndex: indexes.add,
    onChange(handler) {
      for (const object of objects.values()) tell(handler, undefined, object);
      handlers = [...handlers, handler];
      return () => {
        handlers = handlers.filter((other) => other !== handler);
      };
    },
  };
  indexes.add(namespaceIndex, (object) => [object.metadata.namespace ?? '']);
  return { reader, writer: { replaceAll, apply, remove } };
}

interface Index<T extends KubeObject> {
  readonly valuesOf: (object: Persisted<T>) => readonly string[];
  readonly entries: Map<string, Map<CacheKey, Persisted<T>>>;
}

function createIndexes<T extends KubeObject>(objects: ReadonlyMap<CacheKey, Persisted<T>>) {
  const indexes = new Map<string, Index<T>>();
  return {
    by: (index: string, value: string) => [...(indexes.get(index)?.entries.get(value)?.values() ?? [])],
    add(name: string, valuesOf: Index<T>['valuesOf']): void {
      if (indexes.has(name)) return;
      const index: Index<T> = { valuesOf, entries: new Map() };
      for (const [key, object] of objects) reindex(index, key, undefined, object);
      indexes.set(name, index);
    },
    update(key: CacheKey, old: Persisted<T> | undefined, next: Persisted<T> | undefined): void {
      for (const index of indexes.values()) reindex(index, key, old, next);
    },
  };
}

function reindex<T extends KubeObject>(
  index: Index<T>,
  key: CacheKey,
  old: Persisted<T> | undefined,
  next: Persisted<T> | undefined,
): void {
  const now = next ? index.valuesOf(next) : [];
  if (old) {
    for (const value of index.valuesOf(old)) {
      if (now.includes(value)) continue;
      const at = index.entries.get(value);
      at?.delete(key);
      if (at?.size === 0) index.entries.delete(value);
    }
  }
  if (!next) return;
  for (const value of now) {
    let at = index.entries.get(value);
    if (!at) {
      at = new Map();
      index.entries.set(value, at);
    }
    at.set(key, next);
  }
}
