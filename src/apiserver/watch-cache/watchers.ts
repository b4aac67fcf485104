// Who is interested in a resource: watchers found by what they watch, so that a write costs in proportion to them.
import type { KubeObject } from '../../api/mod.ts';
import { BoundedQueue, type Slices } from '../../base/mod.ts';
import type { Revision } from '../../store/mod.ts';
import type { WatchFrame } from '../request.ts';
import type { CacheEvent } from './entry.ts';

/** What one list or watch is about. */
export interface Scope {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  /** One object, by name. With a namespaced resource only together with `namespace`. */
  readonly name?: string | undefined;
  /** A selectable field that must have this value: `spec.nodeName`. */
  readonly field?: { readonly name: string; readonly value: string } | undefined;
  /** The whole of both selectors; absent: everything in scope. */
  readonly matches?: ((object: KubeObject) => boolean) | undefined;
}

/** Frames that one watcher may have waiting. Beyond it the watch ends and the client resumes. */
export const watchQueueMax = 8192;

export interface Watcher {
  readonly scope: Scope;
  /** Frames up to and with this revision are not for this watcher. */
  readonly after: Revision;
  readonly queue: BoundedQueue<WatchFrame>;
  readonly bookmarks: boolean;
}

export interface WatcherOptions {
  readonly scope: Scope;
  readonly after: Revision;
  readonly bookmarks: boolean;
  /** Default {@link watchQueueMax}. */
  readonly queueMax?: number | undefined;
  /** Where many watch the same, each goes on when these give it a turn. */
  readonly slices?: Slices | undefined;
}

export const newWatcher = ({ scope, after, bookmarks, queueMax = watchQueueMax, slices }: WatcherOptions): Watcher => ({
  scope,
  after,
  bookmarks,
  queue: new BoundedQueue<WatchFrame>(queueMax, slices),
});

export interface WatcherIndexOptions {
  /** The store key of an object. */
  readonly keyOf: (namespace: string | undefined, name: string) => string;
  readonly namespaceOf: (key: string) => string;
  readonly fields: Readonly<Record<string, (object: KubeObject) => string>>;
}

type Bucket = Set<Watcher>;

/** Each watcher stands in one bucket, the narrowest that its scope allows. */
export class WatcherIndex {
  readonly #options: WatcherIndexOptions;
  readonly #all = new Map<'', Bucket>();
  readonly #byNamespace = new Map<string, Bucket>();
  readonly #byKey = new Map<string, Bucket>();
  readonly #byField = new Map<string, Map<string, Bucket>>();
  #size = 0;

  constructor(options: WatcherIndexOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** Returns what removes the watcher again. */
  add(watcher: Watcher): () => void {
    const { namespace, name, field } = watcher.scope;
    this.#size++;
    const remove =
      name !== undefined
        ? place(this.#byKey, this.#options.keyOf(namespace, name), watcher)
        : field !== undefined
          ? this.#placeByField(field.name, field.value, watcher)
          : namespace !== undefined
            ? place(this.#byNamespace, namespace, watcher)
            : place(this.#all, '', watcher);
    let removed = false;
    return () => {
      if (removed) return;
      removed = true;
      this.#size--;
      remove();
    };
  }

  /** Gives the change to every watcher that is interested. A watcher whose queue is full has its watch ended. */
  dispatch(event: CacheEvent): void {
    if (this.#size === 0) return;
    deliver(this.#all.get(''), event);
    deliver(this.#byNamespace.get(this.#options.namespaceOf(event.key)), event);
    deliver(this.#byKey.get(event.key), event);
    for (const [name, buckets] of this.#byField) this.#dispatchByField(name, buckets, event);
  }

  /** Every watcher, in no particular order. */
  *everyone(): Iterable<Watcher> {
    for (const map of [this.#all, this.#byNamespace, this.#byKey, ...this.#byField.values()]) {
      for (const bucket of map.values()) yield* bucket;
    }
  }

  #placeByField(name: string, value: string, watcher: Watcher): () => void {
    let buckets = this.#byField.get(name);
    if (!buckets) {
      buckets = new Map();
      this.#byField.set(name, buckets);
    }
    const held = buckets;
    const remove = place(held, value, watcher);
    return () => {
      remove();
      if (held.size === 0 && this.#byField.get(name) === held) this.#byField.delete(name);
    };
  }

  #dispatchByField(name: string, buckets: Map<string, Bucket>, event: CacheEvent): void {
    const read = this.#options.fields[name];
    if (!read) return;
    const before = event.previous && read(event.previous.object);
    const now = event.next && read(event.next.object);
    if (before !== undefined) deliver(buckets.get(before), event);
    if (now !== undefined && now !== before) deliver(buckets.get(now), event);
  }
}

function place<K extends string>(map: Map<K, Bucket>, key: K, watcher: Watcher): () => void {
  let bucket = map.get(key);
  if (!bucket) {
    bucket = new Set();
    map.set(key, bucket);
  }
  const held = bucket;
  held.add(watcher);
  return () => {
    held.delete(watcher);
    if (held.size === 0 && map.get(key) === held) map.delete(key);
  };
}

function deliver(bucket: Bucket | undefined, event: CacheEvent): void {
  if (!bucket) return;
  for (const watcher of bucket) offer(watcher, event);
}

/** Queues the frame that `watcher` is to see of `event`, if any. */
export function offer(watcher: Watcher, event: CacheEvent): void {
  if (event.revision <= watcher.after || watcher.queue.closed) return;
  const frame = event.frameFor(watcher.scope.matches);
  // Memory stays bounded: the client resumes from the last revision that it was given.
  if (frame && !watcher.queue.push(frame)) watcher.queue.close();
}
