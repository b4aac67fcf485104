// One watch over a resource: where it starts, its initial state, its bookmarks, its end. Frames come in batches.
import { StatusError } from '../../api/mod.ts';
import { type Clock, onAbort, type Slices } from '../../base/mod.ts';
import type { Revision } from '../../store/mod.ts';
import type { WatchFrame } from '../request.ts';
import { historyFrames } from './history.ts';
import { type ResourceCache, scopeOfKeys } from './resource-cache.ts';
import type { WatchCache } from './watch-cache.ts';
import { newWatcher, offer, type Scope, type Watcher } from './watchers.ts';

const initialBatch = 500;
/** A last bookmark comes this long before the end that `timeoutSeconds` sets. */
const lastBookmarkMs = 2000;

/** `state`: everything as it stands comes first. `now`: only what changes from here on. `after`: what has changed after a revision. */
export type WatchStart =
  | { readonly from: 'state'; readonly endBookmark: boolean }
  | { readonly from: 'now' }
  | { readonly from: 'after'; readonly revision: Revision };

export interface WatchOptions {
  readonly cache: WatchCache;
  readonly resource: ResourceCache;
  readonly scope: Scope;
  readonly start: WatchStart;
  readonly bookmarks: boolean;
  /** The watch ends after so many milliseconds. Absent: it does not. */
  readonly timeoutMs?: number | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly queueMax?: number | undefined;
  /** Shares out turns among watches that have something to say at the same time. */
  readonly slices?: Slices | undefined;
}

/**
 * Ends without error when the signal fires, the time is up, the cache stops, or the consumer has fallen too far behind
 * (it then resumes after the last revision it saw). A start that is too old gives one ERROR frame: 410 Expired.
 * The watcher is registered when this is called, not when it is first read, so nothing is missed in between.
 */
export function watchResource(options: WatchOptions): AsyncIterable<readonly WatchFrame[]> {
  const { cache, resource, scope, start, bookmarks, queueMax, slices } = options;
  const attachedAt = cache.revision;
  const after = start.from === 'after' ? Math.max(start.revision, attachedAt) : attachedAt;
  const watcher = newWatcher({ scope, after, bookmarks, queueMax, slices });
  const opening = openingOf(options, attachedAt);
  const remove = resource.watch(watcher);
  // Set here and not when reading begins: a watch that nobody ever reads still ends with its signal.
  const off = onAbort(options.signal, () => {
    watcher.queue.close();
    remove();
  });
  const detach = () => {
    off();
    remove();
    watcher.queue.close();
  };
  return run(options, watcher, opening, detach);
}

/** What comes before the live changes: ready frames, or a stretch of history that has to be read from the store. */
type Opening =
  | { readonly is: 'frames'; readonly frames: readonly WatchFrame[] }
  | { readonly is: 'history'; readonly after: Revision; readonly until: Revision };

function openingOf(options: WatchOptions, attachedAt: Revision): Opening {
  const { resource, scope, start } = options;
  if (start.from === 'now') return { is: 'frames', frames: [] };
  if (start.from === 'after') {
    if (start.revision >= attachedAt) return { is: 'frames', frames: [] };
    if (start.revision < resource.ring.floor) return { is: 'history', after: start.revision, until: attachedAt };
    return { is: 'frames', frames: replay(resource, scope, start.revision) };
  }
  const frames = stateFrames(resource, scope);
  if (start.endBookmark) frames.push({ type: 'BOOKMARK', resourceVersion: String(attachedAt), initialEventsEnd: true });
  return { is: 'frames', frames };
}

function stateFrames(resource: ResourceCache, scope: Scope): WatchFrame[] {
  const { matches } = scope;
  const page = resource.page(scope, { matches: matches && ((entry) => matches(entry.object)) });
  const named = scope.name;
  const entries = named === undefined ? page.entries : page.entries.filter((entry) => entry.key.endsWith(`/${named}`));
  return entries.map((entry): WatchFrame => ({ type: 'ADDED', entry }));
}

function replay(resource: ResourceCache, scope: Scope, after: Revision): readonly WatchFrame[] {
  const changes = resource.ring.after(after);
  const watcher = newWatcher({ scope, after, bookmarks: false, queueMax: changes.length });
  const inScope = scopeOfKeys(resource, scope);
  for (const event of changes) if (inScope(event.key)) offer(watcher, event);
  return watcher.queue.takeAll();
}

async function* run(options: WatchOptions, watcher: Watcher, opening: Opening, detach: () => void): AsyncGenerator<readonly WatchFrame[]> {
  const { cache, clock, signal, timeoutMs, bookmarks } = options;
  const { queue } = watcher;
  const timers = timeoutMs === undefined ? [] : [clock.after(timeoutMs, () => queue.close())];
  if (bookmarks && timeoutMs !== undefined && timeoutMs > lastBookmarkMs) {
    const mark = () => queue.push({ type: 'BOOKMARK', resourceVersion: String(cache.revision) });
    timers.push(clock.after(timeoutMs - lastBookmarkMs, mark));
  }
  try {
    if (opening.is === 'frames') yield* batches(opening.frames, signal);
    else yield* historyFrames({ ...options, after: opening.after, until: opening.until });
    while (await queue.ready()) yield queue.takeAll();
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    yield [{ type: 'ERROR', status: error.status }];
  } finally {
    for (const timer of timers) timer.cancel();
    detach();
  }
}

function* batches(frames: readonly WatchFrame[], signal: AbortSignal): Iterable<readonly WatchFrame[]> {
  for (let at = 0; at < frames.length && !signal.aborted; at += initialBatch) yield frames.slice(at, at + initialBatch);
}
