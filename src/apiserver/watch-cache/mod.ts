// The watch cache's parts that the rest of the API server uses.

export { type CacheEntry, CacheEvent, entryOfStored, isUnreadable, ReadEntry, UnreadableError } from './entry.ts';
export type { RingLimits } from './event-ring.ts';
export { tooOld } from './history.ts';
export { entryOfOwn, type OwnWrite } from './own-writes.ts';
export type { CachePage, PageOptions } from './page.ts';
export { type CachedResource, keyOf, ResourceCache, type ResourceReader } from './resource-cache.ts';
export type { Caller } from './revision-waiters.ts';
export { type WatchStart, watchResource } from './watch.ts';
export { storePrefix, WatchCache, type WatchCacheOptions } from './watch-cache.ts';
export { type Scope, watchQueueMax } from './watchers.ts';
