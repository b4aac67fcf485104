// The cache of one resource: every object as it stands, its latest changes, and who watches.
import type { KubeObject } from '../../api/mod.ts';
import { SortedMap } from '../../base/mod.ts';
import type { Revision } from '../../store/mod.ts';
import { type CacheEntry, CacheEvent, isUnreadable, ReadEntry, StoredEntry } from './entry.ts';
import { EventRing, type RingLimits } from './event-ring.ts';
import { type CachePage, type PageOptions, pageOf, type Slot } from './page.ts';
import { type Scope, type Watcher, WatcherIndex } from './watchers.ts';

export interface CachedResource {
  /** Every key of the resource begins so: `/registry/core/pods/`. */
  readonly prefix: string;
  readonly namespaced: boolean;
  /** Selectable fields by which watches are indexed. */
  readonly fields?: Readonly<Record<string, (object: KubeObject) => string>> | undefined;
  /** True for objects that nearly nobody looks into: what stands in the cache is their text alone. */
  readonly textOnly?: boolean | undefined;
  /** How an object is read that may be stored otherwise. The very same object where it is not. Absent: all are read as they are stored. */
  readonly read?: ((object: KubeObject) => KubeObject) | undefined;
}

/** `/registry/core/pods/default/web`, `/registry/core/nodes/n1`. */
export const keyOf = (of: CachedResource, namespace: string | undefined, name: string): string =>
  of.namespaced ? `${of.prefix}${namespace ?? ''}/${segmentOf(name)}` : `${of.prefix}${segmentOf(name)}`;

/** Keys are ASCII; names of roles and their bindings may be anything without a percent sign. */
const segmentOf = (name: string): string =>
  beyondAscii.test(name) ? name.replaceAll(/[^\x21-\x7e]+/g, (text) => `%${Buffer.from(text).toString('hex')}`) : name;
const beyondAscii = /[^\x21-\x7e]/;

/** The readers' handle. */
export interface ResourceReader {
  get(key: string): CacheEntry | undefined;
  /** In key order. */
  page(scope: Pick<Scope, 'namespace'>, options?: PageOptions): CachePage;
  /** The newest change of this resource that the cache has seen. */
  readonly lastChange: Revision;
  readonly size: number;
}

export class ResourceCache implements ResourceReader {
  readonly resource: CachedResource;
  readonly watchers: WatcherIndex;
  readonly #slots = new Map<string, Slot>();
  readonly #order = new SortedMap<Slot>();
  readonly #ringLimits: RingLimits | undefined;
  #ring: EventRing;
  #lastChange: Revision = 0;
  /** Changes that came while the first listing is still under way. */
  #held: { readonly key: string; readonly revision: Revision; readonly next: CacheEntry | undefined }[] | undefined;

  constructor(resource: CachedResource, ringLimits?: RingLimits) {
    this.resource = resource;
    this.#ringLimits = ringLimits;
    this.#ring = new EventRing(0, ringLimits);
    this.watchers = new WatcherIndex({
      keyOf: (namespace, name) => keyOf(resource, namespace, name),
      namespaceOf: (key) => (resource.namespaced ? key.slice(resource.prefix.length, key.lastIndexOf('/')) : ''),
      fields: resource.fields ?? {},
    });
  }

  get size(): number {
    return this.#order.size;
  }

  get lastChange(): Revision {
    return this.#lastChange;
  }

  get ring(): EventRing {
    return this.#ring;
  }

  get(key: string): CacheEntry | undefined {
    return this.#slots.get(key)?.entry;
  }

  page(scope: Pick<Scope, 'namespace'>, options: PageOptions = {}): CachePage {
    const { prefix, namespaced } = this.resource;
    return pageOf(this.#order, namespaced && scope.namespace !== undefined ? `${prefix}${scope.namespace}/` : prefix, options);
  }

  /** An entry of the store as it is read. */
  shown(stored: CacheEntry): CacheEntry {
    const { read } = this.resource;
    return read ? new ReadEntry(stored, read) : stored;
  }

  /** What changes from here on waits until the first listing has ended. */
  hold(): void {
    this.#held = [];
  }

  /** Takes in an object as the first listing gave it. */
  fill(entry: CacheEntry): void {
    this.#put(this.shown(entry));
  }

  /** Ends the first listing, which was at `revision`. */
  filled(revision: Revision): void {
    this.#ring = new EventRing(revision, this.#ringLimits);
    this.#lastChange = revision;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const change of held) if (change.revision > revision) this.apply(change.key, change.revision, change.next);
  }

  /** Takes in one change and hands it to the watchers. `next` is undefined for a key that is gone. */
  apply(key: string, revision: Revision, next: CacheEntry | undefined): void {
    if (this.#held) {
      this.#held.push({ key, revision, next });
      return;
    }
    const previous = this.get(key);
    if (!previous && !next) return;
    if (next) this.#put(next);
    else {
      this.#slots.delete(key);
      this.#order.delete(key);
    }
    this.#lastChange = revision;
    if ((previous && isUnreadable(previous)) || (next && isUnreadable(next))) {
      this.#breakOff(revision);
      return;
    }
    const event = new CacheEvent(key, revision, previous, next);
    this.#ring.push(event);
    this.watchers.dispatch(event);
  }

  /** A change that cannot be shown: watchers end, and learn why when they list anew. */
  #breakOff(revision: Revision): void {
    this.#ring = new EventRing(revision, this.#ringLimits);
    for (const watcher of [...this.watchers.everyone()]) watcher.queue.close();
  }

  /** Adds a watcher; what follows reaches it without a gap after the cache's present state. */
  watch(watcher: Watcher): () => void {
    return this.watchers.add(watcher);
  }

  /** Ends every watch; the clients come again. */
  endWatches(): void {
    for (const watcher of [...this.watchers.everyone()]) watcher.queue.close();
  }

  keys(): Iterable<string> {
    return this.#slots.keys();
  }

  #put(given: CacheEntry): void {
    const entry = this.resource.textOnly && given instanceof StoredEntry ? given.withoutObject() : given;
    const slot = this.#slots.get(entry.key);
    if (slot) {
      slot.entry = entry;
      return;
    }
    const made: Slot = { key: entry.key, entry };
    this.#slots.set(entry.key, made);
    this.#order.set(entry.key, made);
  }
}

/** Whether a key is in the scope's namespace and has its name; the selectors are another matter. */
export function scopeOfKeys(resource: ResourceCache, scope: Scope): (key: string) => boolean {
  const { prefix, namespaced } = resource.resource;
  const head = namespaced && scope.namespace !== undefined ? `${prefix}${scope.namespace}/` : prefix;
  const tail = scope.name === undefined ? undefined : `/${scope.name}`;
  return (key) => key.startsWith(head) && (tail === undefined || key.endsWith(tail));
}
