// Keys in byte order, per namespace and over all: what lists and pages walk.
import type { CacheEntry } from './entry.ts';

/** Holds a key's present entry; its place in the order stays the same for as long as the key lives. */
export interface Slot {
  readonly key: string;
  entry: CacheEntry;
}

/** Slots of one namespace, ascending by key. Invariant: keys are unique. */
export class SortedSlots {
  readonly #slots: Slot[] = [];

  get size(): number {
    return this.#slots.length;
  }

  get slots(): readonly Slot[] {
    return this.#slots;
  }

  insert(slot: Slot): void {
    const last = this.#slots[this.#slots.length - 1];
    // New names often sort last (fills do so always), which saves moving the rest.
    if (last === undefined || last.key < slot.key) this.#slots.push(slot);
    else this.#slots.splice(this.firstFrom(slot.key), 0, slot);
  }

  remove(key: string): void {
    const at = this.firstFrom(key);
    if (this.#slots[at]?.key === key) this.#slots.splice(at, 1);
  }

  /** The index of the first slot whose key is not before `key`. */
  firstFrom(key: string): number {
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#slots[middle] as Slot).key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
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

/** All keys of one resource. `groupOf` gives the part of a key by which it is grouped, such as `default/`; groups sort as their keys do. */
export class OrderedKeys {
  readonly #groupOf: (key: string) => string;
  readonly #groups = new Map<string, SortedSlots>();
  #names: string[] = [];
  #size = 0;

  constructor(groupOf: (key: string) => string) {
    this.#groupOf = groupOf;
  }

  get size(): number {
    return this.#size;
  }

  insert(slot: Slot): void {
    const name = this.#groupOf(slot.key);
    let group = this.#groups.get(name);
    if (!group) {
      group = new SortedSlots();
      this.#groups.set(name, group);
      this.#names.push(name);
      this.#names.sort(byCodeUnit);
    }
    group.insert(slot);
    this.#size++;
  }

  remove(key: string): void {
    const name = this.#groupOf(key);
    const group = this.#groups.get(name);
    if (!group) return;
    group.remove(key);
    this.#size--;
    if (group.size > 0) return;
    this.#groups.delete(name);
    this.#names = this.#names.filter((other) => other !== name);
  }

  /** One page in key order, over one group or over all. */
  page(groupName: string | undefined, options: PageOptions = {}): CachePage {
    const { after, limit = Number.POSITIVE_INFINITY, matches } = options;
    const entries: CacheEntry[] = [];
    let remaining = 0;
    for (const name of groupName === undefined ? this.#names : [groupName]) {
      const group = this.#groups.get(name);
      if (!group) continue;
      const slots = group.slots;
      // The key just after `after` in byte order is `after` with a NUL behind it.
      let at = after === undefined ? 0 : group.firstFrom(`${after}\0`);
      for (; at < slots.length && entries.length < limit; at++) {
        const { entry } = slots[at] as Slot;
        if (matches === undefined || matches(entry)) entries.push(entry);
      }
      remaining += slots.length - at;
    }
    return { entries, remaining };
  }
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
