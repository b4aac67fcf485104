// Changes older than what the cache remembers, read from the store's own history for a watch that resumes.
import { expired, type KubeObject, type StatusError } from '../../api/mod.ts';
import { childController, StoppedError } from '../../base/mod.ts';
import { CompactedError, type Revision, type StoreEvent } from '../../store/mod.ts';
import type { WatchFrame } from '../request.ts';
import { CacheEvent, entryOfStored } from './entry.ts';
import { type ResourceCache, scopeOfKeys } from './resource-cache.ts';
import { storePrefix, type WatchCache } from './watch-cache.ts';
import type { Scope } from './watchers.ts';

export interface HistoryOptions {
  readonly cache: WatchCache;
  readonly resource: ResourceCache;
  readonly scope: Scope;
  readonly after: Revision;
  /** The last revision to give: from there on the cache takes over. */
  readonly until: Revision;
  readonly signal: AbortSignal;
}

/** 410 in upstream's words. */
export const tooOld = (asked: Revision, oldest: Revision): StatusError => expired(`too old resource version: ${asked} (${oldest})`);

/**
 * Reads every key's changes and not only the resource's, because the change at `until` itself then surely comes by and
 * says that the stretch is complete. Throws 410 Expired when the store has compacted it away.
 */
export async function* historyFrames(options: HistoryOptions): AsyncGenerator<readonly WatchFrame[]> {
  const { cache, resource, scope, after, until, signal } = options;
  const { controller, unlink } = childController(signal);
  const inScope = scopeOfKeys(resource, scope);
  try {
    for await (const event of cache.store.watch(storePrefix, after, controller.signal)) {
      if (event.revision > until) break;
      const frame = event.type !== 'progress' && inScope(event.key) ? frameOf(event, resource, scope.matches) : undefined;
      if (frame) yield [frame];
      if (event.revision === until) break;
    }
  } catch (error) {
    if (error instanceof CompactedError) throw tooOld(after, error.oldest);
    throw error;
  } finally {
    unlink();
    controller.abort(new StoppedError('history read'));
  }
}

function frameOf(
  event: Exclude<StoreEvent, { readonly type: 'progress' }>,
  resource: ResourceCache,
  matches: ((object: KubeObject) => boolean) | undefined,
) {
  const previous = event.previous && resource.shown(entryOfStored(event.previous));
  const next = event.type === 'put' ? resource.shown(entryOfStored(event)) : undefined;
  return new CacheEvent(event.key, event.revision, previous, next).frameFor(matches);
}
