// The newest events of the feed, for watches that resume shortly behind it: as many as fit into a bound of number and size.
import type { Revision, StoreEvent } from '../store.ts';
import type { Replay } from '../watchers.ts';
import type { Change } from './key-space.ts';

const eventsMax = 4_096;
const bytesMax = 16 * 1024 * 1024;

export class EventLog {
  #events: Change[] = [];
  #head = 0;
  #bytes = 0;
  #floor: Revision;

  constructor(floor: Revision) {
    this.#floor = floor;
  }

  /** Every event after this revision is here. */
  get floor(): Revision {
    return this.#floor;
  }

  push(event: Change): void {
    this.#events.push(event);
    this.#bytes += sizeOf(event);
    while (this.#events.length - this.#head > eventsMax || this.#bytes > bytesMax) this.#drop();
    if (this.#head > 1024 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Lets go of what happened up to `revision`. */
  forget(revision: Revision): void {
    while ((this.#events[this.#head]?.revision ?? Number.POSITIVE_INFINITY) <= revision) this.#drop();
    this.#floor = Math.max(this.#floor, revision);
  }

  /** Begins anew after a gap. */
  reset(floor: Revision): void {
    this.#events = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#floor = floor;
  }

  /** The events under a prefix after `after` of at most `steps` revisions with events. `visible` is the newest revision. */
  read(prefix: string, after: Revision, steps: number, visible: Revision): Replay {
    const events: StoreEvent[] = [];
    let upTo = after;
    let left = steps;
    for (let at = this.#after(after); at < this.#events.length; at++) {
      const event = this.#events[at] as Change;
      if (event.revision > upTo && left-- === 0) return { events, upTo };
      upTo = event.revision;
      if (event.key.startsWith(prefix)) events.push(event);
    }
    return { events, upTo: visible };
  }

  /** Where the first event after `revision` is. */
  #after(revision: Revision): number {
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle] as Change).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #drop(): void {
    const event = this.#events[this.#head] as Change;
    this.#events[this.#head++] = undefined as unknown as Change;
    this.#bytes -= sizeOf(event);
    this.#floor = event.revision;
  }
}

const sizeOf = (event: Change): number => (event.type === 'put' ? event.value.length : 0) + (event.previous?.value.length ?? 0);
