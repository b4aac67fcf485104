// The latest changes of one resource, so that a watch can resume where it broke off.
import type { Revision } from '../../store/mod.ts';
import type { CacheEvent } from './entry.ts';

export interface RingLimits {
  readonly events: number;
  /** Of the objects' JSON text. */
  readonly bytes: number;
}

export const defaultRingLimits: RingLimits = { events: 4096, bytes: 8 * 1024 * 1024 };

/** Invariant: holds every change after `floor`, in revision order. At the limit the oldest goes and `floor` rises. */
export class EventRing {
  readonly #limits: RingLimits;
  #events: CacheEvent[] = [];
  #head = 0;
  #bytes = 0;
  #floor: Revision;

  constructor(floor: Revision, limits: RingLimits = defaultRingLimits) {
    this.#floor = floor;
    this.#limits = limits;
  }

  /** A watch can resume from here after this revision or any later one. */
  get floor(): Revision {
    return this.#floor;
  }

  get size(): number {
    return this.#events.length - this.#head;
  }

  push(event: CacheEvent): void {
    this.#events.push(event);
    this.#bytes += weightOf(event);
    while (this.size > this.#limits.events || (this.#bytes > this.#limits.bytes && this.size > 1)) this.#dropOldest();
  }

  /** The changes after `revision`, which is not before the floor. */
  after(revision: Revision): readonly CacheEvent[] {
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle] as CacheEvent).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#events.slice(low);
  }

  #dropOldest(): void {
    const oldest = this.#events[this.#head] as CacheEvent;
    this.#floor = oldest.revision;
    this.#bytes -= weightOf(oldest);
    this.#head++;
    if (this.#head < 1024 || this.#head * 2 < this.#events.length) return;
    this.#events = this.#events.slice(this.#head);
    this.#head = 0;
  }
}

const weightOf = (event: CacheEvent): number => (event.next ?? event.previous)?.size ?? 0;
