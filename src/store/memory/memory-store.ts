// The store in the process's memory, for tests and simulation: the whole contract but for surviving the process.
import { type Clock, Heap, SortedMap, type Timer } from '../../base/mod.ts';
import { assertKey, selectPage, type Undo } from '../page.ts';
import {
  ClosedError,
  CompactedError,
  FutureRevisionError,
  type ListOptions,
  type Page,
  type Revision,
  RevisionMismatchError,
  type Store,
  type Stored,
  type StoreEvent,
  type WriteOp,
} from '../store.ts';
import { type History, type Replay, Watchers } from '../watchers.ts';

export interface MemoryStoreOptions {
  /** How many of the newest events are kept for lists of the past and resumed watches. Default 10,000. */
  readonly historyMax?: number | undefined;
  /** How many events a watch may leave unread. Default 10,000. */
  readonly watchQueueMax?: number | undefined;
  /** Absent: nothing expires. */
  readonly clock?: Clock | undefined;
}

/** A key that expires, provided that it still stands at the revision. */
interface Expiring {
  readonly timeMs: number;
  readonly revision: Revision;
  readonly key: string;
}

/** How many keys are deleted before others may go on. */
const expiryStep = 500;

type Change = Exclude<StoreEvent, { type: 'progress' }>;

const historyMaxDefault = 10_000;

/** Opens an empty store. Only promises decide the order of things in it: no timer, no chance. */
export function openMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly #index = new SortedMap<Stored>();
  readonly #historyMax: number;
  readonly #watchers: Watchers;
  /** The events after `#compacted`, one for each revision: the event of revision r is at r - 1 - `#compacted`. */
  #events: Change[] = [];
  /** How many at the front of `#events` are gone already: they are cut off in bulk. */
  #dropped = 0;
  #compacted: Revision = 0;
  #revision: Revision = 0;
  #closed = false;
  readonly #clock: Clock | undefined;
  readonly #expiring = new Heap<Expiring>((a, b) => a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.revision < b.revision));
  #expiry: { readonly timeMs: number; readonly timer: Timer } | undefined;

  constructor(options: MemoryStoreOptions) {
    this.#historyMax = options.historyMax ?? historyMaxDefault;
    this.#clock = options.clock;
    const history: History = {
      visible: () => this.#revision,
      compacted: () => this.#compacted,
      read: (prefix, after, steps) => this.#replay(prefix, after, steps),
      pause: async () => {},
    };
    this.#watchers = new Watchers(history, options.watchQueueMax);
  }

  async read(key: string): Promise<Stored | undefined> {
    this.#assertOpen();
    return this.#index.get(key);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Page> {
    this.#assertOpen();
    const revision = options.revision ?? this.#revision;
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted);
    const { entries, remaining } = selectPage(this.#index, prefix, options, this.#changedSince(revision));
    return { items: entries.map(([, stored]) => stored), revision, remaining };
  }

  async write(op: WriteOp): Promise<Stored> {
    this.#assertOpen();
    assertKey(op.key);
    const current = this.#index.get(op.key);
    const stands = op.do === 'create' ? current === undefined : current?.revision === op.ifRevision;
    if (!stands) throw new RevisionMismatchError(op.key, current);
    const revision = this.#revision + 1;
    if (op.do === 'delete') return this.#delete(current as Stored, revision);
    const { key, value } = op;
    const stored: Stored = { key, value, revision, createRevision: current?.createRevision ?? revision };
    this.#index.set(key, stored);
    this.#apply({ type: 'put', ...stored, previous: current });
    if (op.ttlSeconds !== undefined && this.#clock) {
      this.#expiring.push({ timeMs: this.#clock.nowMs() + op.ttlSeconds * 1000, revision, key });
      this.#armExpiry(this.#clock);
    }
    return stored;
  }

  watch(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<StoreEvent> {
    this.#assertOpen();
    return this.#watchers.open(prefix, after, signal);
  }

  async compact(revision: Revision): Promise<void> {
    this.#assertOpen();
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    this.#compactTo(revision);
  }

  async revision(): Promise<Revision> {
    this.#assertOpen();
    this.#watchers.progress();
    return this.#revision;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#expiry?.timer.cancel();
    this.#watchers.close();
  }

  /** One timer, for the earliest. */
  #armExpiry(clock: Clock): void {
    const next = this.#expiring.peek();
    if (!next || this.#expiry?.timeMs === next.timeMs) return;
    this.#expiry?.timer.cancel();
    const timer = clock.after(Math.max(0, next.timeMs - clock.nowMs()), () => {
      this.#expiry = undefined;
      this.#expire(clock);
    });
    this.#expiry = { timeMs: next.timeMs, timer };
  }

  #expire(clock: Clock): void {
    const nowMs = clock.nowMs();
    for (let step = 0, next = this.#expiring.peek(); next && next.timeMs <= nowMs && step < expiryStep; step++) {
      this.#expiring.pop();
      const standing = this.#index.get(next.key);
      if (standing?.revision === next.revision) this.#delete(standing, this.#revision + 1);
      next = this.#expiring.peek();
    }
    this.#armExpiry(clock);
  }

  #delete(previous: Stored, revision: Revision): Stored {
    this.#index.delete(previous.key);
    this.#apply({ type: 'delete', key: previous.key, revision, previous });
    return { ...previous, revision };
  }

  #apply(event: Change): void {
    this.#revision = event.revision;
    this.#events.push(event);
    this.#compactTo(this.#revision - this.#historyMax);
    this.#watchers.publish(event.key, event.revision, () => event);
  }

  #compactTo(revision: Revision): void {
    if (revision <= this.#compacted) return;
    this.#dropped += revision - this.#compacted;
    this.#compacted = revision;
    if (this.#dropped * 2 < this.#events.length) return;
    this.#events = this.#events.slice(this.#dropped);
    this.#dropped = 0;
  }

  #eventAt(revision: Revision): Change {
    return this.#events[this.#dropped + revision - 1 - this.#compacted] as Change;
  }

  #changedSince(revision: Revision): Undo<Stored> {
    const undo = new Map<string, Stored | undefined>();
    for (let at = revision + 1; at <= this.#revision; at++) {
      const { key, previous } = this.#eventAt(at);
      if (!undo.has(key)) undo.set(key, previous);
    }
    return undo;
  }

  #replay(prefix: string, after: Revision, steps: number): Replay {
    const upTo = Math.min(this.#revision, after + steps);
    const events: StoreEvent[] = [];
    for (let at = after + 1; at <= upTo; at++) {
      const event = this.#eventAt(at);
      if (event.key.startsWith(prefix)) events.push(event);
    }
    return { events, upTo };
  }

  #assertOpen(): void {
    if (this.#closed) throw new ClosedError('The store has been closed');
  }
}
