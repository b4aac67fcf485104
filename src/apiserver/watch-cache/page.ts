// What lists read: the keys of one resource in byte order, page by page.
import type { SortedMap } from '../../base/mod.ts';
import type { CacheEntry } from './entry.ts';

/** Holds a key's present entry; its place in the order stays the same for as long as the key lives. */
export interface Slot {
  readonly key: string;
  entry: CacheEntry;
}

export interface PageOptions {
  /** Only keys after this one. */
  readonly after?: string | undefined;
  /** At most this many entries that match. Default: all. */
  readonly limit?: number | undefined;
  readonly matches?: ((entry: CacheEntry) => boolean) | undefined;
}

export interface CachePage {
  readonly entries: readonly CacheEntry[];
  /** How many keys, matching or not, follow the page. */
  readonly remaining: number;
}

/** One page in key order, of the keys that begin with `prefix`, which ends with a slash. */
export function pageOf(order: SortedMap<Slot>, prefix: string, options: PageOptions = {}): CachePage {
  const { after, limit = Number.POSITIVE_INFINITY, matches } = options;
  // The key just after `after` in byte order is `after` with a NUL behind it; what comes after a slash is the digit 0.
  const from = after === undefined || after < prefix ? prefix : `${after}\0`;
  const to = `${prefix.slice(0, -1)}0`;
  const entries: CacheEntry[] = [];
  let next: string | undefined;
  order.visit(from, to, (key, { entry }) => {
    if (entries.length >= limit) {
      next = key;
      return false;
    }
    if (matches === undefined || matches(entry)) entries.push(entry);
    return true;
  });
  return { entries, remaining: next === undefined ? 0 : order.count(next, to) };
}
