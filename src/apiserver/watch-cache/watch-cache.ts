// The watch cache: one watch of the store feeds a cache per resource. Every read of the API server is answered from here.
import type { Draft, KubeObject } from '../../api/mod.ts';
import { assert, type Clock, errorText, type Logger, sleep, Tasks, type Timer } from '../../base/mod.ts';
import { ClosedError, CompactedError, type Revision, type Store, type StoreEvent } from '../../store/mod.ts';
import { type CacheEntry, entryOfStored } from './entry.ts';
import type { RingLimits } from './event-ring.ts';
import { entryOfOwn, type OwnWrite, OwnWrites } from './own-writes.ts';
import { type CachedResource, ResourceCache } from './resource-cache.ts';
import { type Caller, RevisionWaiters } from './revision-waiters.ts';

export const storePrefix = '/registry/';
const fillPage = 1000;
const reopenDelayMs = 100;
const bookmarkIntervalMs = 60_000;

export interface WatchCacheOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the feed and every watch. */
  readonly signal: AbortSignal;
  readonly resources: readonly CachedResource[];
  readonly ringLimits?: RingLimits | undefined;
}

/**
 * Invariant: after the first fill, every resource cache stands exactly as the store stood at `revision`, and every
 * watcher's queue has been offered every change up to it.
 */
export class WatchCache {
  readonly #options: WatchCacheOptions;
  readonly #caches = new Map<string, ResourceCache>();
  readonly #own = new OwnWrites();
  readonly #tasks: Tasks;
  readonly #waiters: RevisionWaiters;
  #revision: Revision = 0;
  #bookmarkTimer: Timer | undefined;

  constructor(options: WatchCacheOptions) {
    this.#options = options;
    this.#tasks = new Tasks(options.log);
    this.#waiters = new RevisionWaiters(() => options.clock.yield());
    for (const resource of options.resources) this.#caches.set(resource.prefix, new ResourceCache(resource, options.ringLimits));
  }

  /** Everything up to this revision of the store is in the caches. */
  get revision(): Revision {
    return this.#revision;
  }

  get store(): Store {
    return this.#options.store;
  }

  /** The cache of the resource whose keys begin with `prefix`. */
  of(prefix: string): ResourceCache {
    const cache = this.#caches.get(prefix);
    assert(cache, `no cache for ${prefix}`);
    return cache;
  }

  /** Takes in a resource while the cache runs. Resolves when it stands as the store does. */
  async add(resource: CachedResource): Promise<ResourceCache> {
    const { prefix } = resource;
    assert(!this.#caches.has(prefix), `there is a cache for ${prefix} already`);
    const cache = new ResourceCache(resource, this.#options.ringLimits);
    cache.hold();
    this.#caches.set(prefix, cache);
    try {
      const { entries, revision } = await this.#readAll(prefix);
      for (const entry of entries) cache.fill(entry);
      cache.filled(revision);
    } catch (error) {
      this.#caches.delete(prefix);
      throw error;
    }
    return cache;
  }

  /** Reads the objects of a resource anew, by another definition of it. Its watches end. */
  redefine(resource: CachedResource): ResourceCache {
    const before = this.of(resource.prefix);
    const cache = new ResourceCache(resource, this.#options.ringLimits);
    for (const entry of before.page({}).entries) cache.fill(entry);
    cache.filled(this.#revision);
    this.#caches.set(resource.prefix, cache);
    before.endWatches();
    return cache;
  }

  /** Forgets a resource. Its watches end. */
  remove(prefix: string): void {
    this.#caches.get(prefix)?.endWatches();
    this.#caches.delete(prefix);
  }

  /** Fills the caches and goes on following the store until the signal fires. Resolves when the first fill is done. */
  async start(): Promise<void> {
    const { signal, clock } = this.#options;
    await this.#fill();
    this.#tasks.run('watch cache', signal, () => this.#follow());
    const tick = () => {
      this.#sendBookmarks();
      this.#bookmarkTimer = clock.after(bookmarkIntervalMs, tick);
    };
    this.#bookmarkTimer = clock.after(bookmarkIntervalMs, tick);
  }

  /** Resolves when nothing runs any more, after the signal has fired. */
  async stopped(): Promise<void> {
    await this.#tasks.settled();
  }

  /** Says that `value` is about to be written under `key`, and is the JSON of `draft`. */
  announce(key: string, value: Uint8Array, draft: Draft<KubeObject>): OwnWrite {
    return this.#own.announce(key, value, draft);
  }

  forget(own: OwnWrite): void {
    this.#own.forget(own);
  }

  /** Resolves when the caches have reached `revision`; rejects when the caller's signal fires first. */
  async reach(revision: Revision, caller?: Caller): Promise<void> {
    if (this.#revision >= revision) return;
    await this.#waiters.wait(revision, caller);
  }

  /** Reads all below a prefix, in pages of one snapshot; begins again when the snapshot is compacted away meanwhile. */
  async #fill(): Promise<void> {
    const snapshot = await this.#readAll(storePrefix);
    for (const entry of snapshot.entries) this.#cacheFor(entry.key)?.fill(entry);
    for (const cache of this.#caches.values()) cache.filled(snapshot.revision);
    this.#advance(snapshot.revision);
  }

  async #readAll(under: string): Promise<{ entries: readonly CacheEntry[]; revision: Revision }> {
    const { store } = this.#options;
    for (;;) {
      try {
        const entries: CacheEntry[] = [];
        let page = await store.list(under, { limit: fillPage });
        const { revision } = page;
        for (;;) {
          for (const item of page.items) if (this.#cacheFor(item.key)) entries.push(entryOfStored(item));
          const after = page.items[page.items.length - 1]?.key;
          if (page.remaining === 0 || after === undefined) return { entries, revision };
          page = await store.list(under, { limit: fillPage, after, revision });
        }
      } catch (error) {
        if (!(error instanceof CompactedError)) throw error;
      }
    }
  }

  /** Follows the store. A watch that broke off is opened again after the last revision; after a compaction by comparing with a new listing. */
  async #follow(): Promise<void> {
    const { store, signal, log, clock } = this.#options;
    let compacted = false;
    try {
      while (!signal.aborted) {
        try {
          if (compacted) await this.#compare();
          compacted = false;
          for await (const event of store.watch(storePrefix, this.#revision, signal)) this.#apply(event);
        } catch (error) {
          if (signal.aborted || error instanceof ClosedError) return;
          log.warn('The watch of the store broke off', { error: errorText(error), revision: this.#revision });
          if (error instanceof CompactedError) compacted = true;
          else await sleep(clock, reopenDelayMs, signal);
        }
      }
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#bookmarkTimer?.cancel();
    this.#waiters.failAll(new ClosedError('The watch cache has stopped'));
    for (const cache of this.#caches.values()) cache.endWatches();
  }

  #apply(event: StoreEvent): void {
    if (event.type === 'progress') {
      this.#advance(event.revision);
      return;
    }
    // Keys that expire together go under one revision.
    assert(event.revision >= this.#revision, `the store gave revision ${event.revision} after ${this.#revision}`);
    const cache = this.#cacheFor(event.key);
    if (cache) cache.apply(event.key, event.revision, event.type === 'put' ? this.#entryOf(event, cache) : undefined);
    this.#advance(event.revision);
  }

  #entryOf(event: StoreEvent & { readonly type: 'put' }, cache: ResourceCache): CacheEntry {
    const own = this.#own.match(event.key, event.value);
    if (!own) return cache.shown(entryOfStored(event));
    own.entry = entryOfOwn(own, event.revision, event.createRevision);
    return own.entry;
  }

  /** Brings the caches up to a new listing, as changes in revision order, when the changes themselves are gone. */
  async #compare(): Promise<void> {
    const { entries, revision } = await this.#readAll(storePrefix);
    const changed = entries.filter((entry) => this.#cacheFor(entry.key)?.get(entry.key)?.revision !== entry.revision);
    for (const entry of changed.sort((a, b) => a.revision - b.revision)) {
      const cache = this.#cacheFor(entry.key);
      cache?.apply(entry.key, entry.revision, cache.shown(entry));
    }
    const present = new Set(entries.map((entry) => entry.key));
    for (const cache of this.#caches.values()) {
      for (const key of [...cache.keys()]) if (!present.has(key)) cache.apply(key, revision, undefined);
    }
    this.#advance(revision);
  }

  #advance(revision: Revision): void {
    if (revision <= this.#revision && this.#revision > 0) return;
    this.#revision = revision;
    this.#waiters.reached(revision);
  }

  #cacheFor(key: string): ResourceCache | undefined {
    const group = key.indexOf('/', storePrefix.length);
    const resource = group < 0 ? -1 : key.indexOf('/', group + 1);
    return resource < 0 ? undefined : this.#caches.get(key.slice(0, resource + 1));
  }

  #sendBookmarks(): void {
    const frame = { type: 'BOOKMARK', resourceVersion: String(this.#revision) } as const;
    for (const cache of this.#caches.values()) {
      for (const watcher of cache.watchers.everyone()) {
        // A watcher that has something to read learns the revision from that.
        if (watcher.bookmarks && watcher.queue.size === 0 && watcher.after <= this.#revision) watcher.queue.push(frame);
      }
    }
  }
}
