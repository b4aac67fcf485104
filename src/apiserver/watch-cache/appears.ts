// Waits until one object is there.
import type { KubeObject } from '../../api/mod.ts';
import { type Clock, onAbort } from '../../base/mod.ts';
import { keyOf, type ResourceCache } from './resource-cache.ts';
import { newWatcher } from './watchers.ts';

export interface AppearsOptions {
  readonly cache: ResourceCache;
  readonly namespace: string;
  readonly name: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The object, as soon as it is there; undefined when the time is up or the signal has fired. */
export async function appears({ cache, namespace, name, clock, timeoutMs, signal }: AppearsOptions): Promise<KubeObject | undefined> {
  const key = keyOf(cache.resource, namespace, name);
  const watcher = newWatcher({ scope: { namespace, name }, after: cache.lastChange, bookmarks: false });
  const remove = cache.watch(watcher);
  const timer = clock.after(timeoutMs, () => watcher.queue.close());
  const off = onAbort(signal, () => watcher.queue.close());
  try {
    for (;;) {
      const found = cache.get(key);
      if (found) return found.object;
      if (!(await watcher.queue.ready())) return undefined;
      watcher.queue.takeAll();
    }
  } finally {
    off();
    timer.cancel();
    remove();
  }
}
