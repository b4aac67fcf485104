// The open watches of a store: each replays history until it has caught up, then is handed every event as it becomes visible.
import { onAbort } from '../base/mod.ts';
import { ClosedError, CompactedError, FutureRevisionError, type Revision, SlowWatcherError, type StoreEvent } from './store.ts';

/** How many events a watch may leave unread before it ends with a SlowWatcherError. */
export const watchQueueMax = 10_000;
/** How many revisions one step of a replay looks at before others may go on. */
const replayStep = 500;

/** A piece of the past: the events under a prefix with revisions in (after, upTo]. */
export interface Replay {
  readonly events: readonly StoreEvent[];
  readonly upTo: Revision;
}

/** What the watches read of their store. `read` looks at no more than `steps` revisions and never past `visible()`. */
export interface History {
  visible(): Revision;
  /** History at and before this revision is gone. */
  compacted(): Revision;
  read(prefix: string, after: Revision, steps: number): Replay;
  /** Lets others run between two steps of a long replay. */
  pause(): Promise<void>;
}

/**
 * behind: `cursor` is the last revision looked at. live: events come through the queue. ended: what is queued is still given,
 * then the error. stopped: nothing more is given.
 */
type WatcherState =
  | { readonly at: 'behind'; readonly cursor: Revision }
  | { readonly at: 'live' }
  | { readonly at: 'ended'; readonly error: Error }
  | { readonly at: 'stopped' };

interface Watcher {
  readonly prefix: string;
  state: WatcherState;
  queue: StoreEvent[];
  /** Where in `queue` the first event is that the consumer has not taken. */
  head: number;
  /** The newest revision that the consumer has been handed, by an event or as progress. */
  handed: Revision;
  /** A progress event that is due once the queue is empty. */
  progress: Revision | undefined;
  wake: (() => void) | undefined;
}

export class Watchers {
  readonly #open = new Set<Watcher>();
  readonly #history: History;
  readonly #queueMax: number;

  constructor(history: History, queueMax: number = watchQueueMax) {
    this.#history = history;
    this.#queueMax = queueMax;
  }

  get size(): number {
    return this.#open.size;
  }

  open(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<StoreEvent> {
    const watcher: Watcher = {
      prefix,
      state: this.#startState(after),
      queue: [],
      head: 0,
      handed: after,
      progress: undefined,
      wake: undefined,
    };
    this.#open.add(watcher);
    const off = onAbort(signal, () => {
      this.#stop(watcher);
      notify(watcher);
    });
    return this.#iterable(watcher, off);
  }

  /** Hands the event at `revision` to every live watch of its key. `make` is called only when there is one. */
  publish(key: string, revision: Revision, make: () => StoreEvent): void {
    let event: StoreEvent | undefined;
    for (const watcher of this.#open) {
      if (watcher.state.at !== 'live' || !key.startsWith(watcher.prefix)) continue;
      // A revision that was begun is finished: a watch resumes after whole ones.
      if (watcher.queue.length - watcher.head >= this.#queueMax && watcher.handed !== revision) {
        this.#end(watcher, new SlowWatcherError(`The watch of "${watcher.prefix}" left ${this.#queueMax} events unread`));
        continue;
      }
      event ??= make();
      watcher.queue.push(event);
      watcher.handed = revision;
      watcher.progress = undefined; // The event says more.
      notify(watcher);
    }
  }

  /** Tells every watch that is behind only because nothing happened under its prefix how far it has come. */
  progress(): void {
    const visible = this.#history.visible();
    for (const watcher of this.#open) {
      if (watcher.state.at === 'live' && watcher.handed < visible) this.#markProgress(watcher, visible);
    }
  }

  close(): void {
    this.endAll(new ClosedError('The store has been closed'));
  }

  /** Ends every watch with the error, after what is queued. */
  endAll(error: Error): void {
    for (const watcher of this.#open) this.#end(watcher, error);
  }

  #startState(after: Revision): WatcherState {
    const visible = this.#history.visible();
    if (after > visible) return { at: 'ended', error: new FutureRevisionError(after, visible) };
    return after === visible ? { at: 'live' } : { at: 'behind', cursor: after };
  }

  #markProgress(watcher: Watcher, revision: Revision): void {
    watcher.progress = revision;
    watcher.handed = revision;
    notify(watcher);
  }

  #end(watcher: Watcher, error: Error): void {
    this.#open.delete(watcher);
    watcher.state = { at: 'ended', error };
    notify(watcher);
  }

  #stop(watcher: Watcher): void {
    this.#open.delete(watcher);
    watcher.state = { at: 'stopped' };
    watcher.queue = [];
    watcher.head = 0;
  }

  /** By hand and not a generator: an event that waits costs its reader a single promise turn, so that readers keep up with writers. */
  #iterable(watcher: Watcher, off: () => void): AsyncIterable<StoreEvent> {
    const finish = () => {
      off();
      this.#stop(watcher);
    };
    const next = (): Promise<IteratorResult<StoreEvent, undefined>> => {
      const event = take(watcher);
      if (event) return Promise.resolve({ value: event, done: false });
      return this.#nextWaiting(watcher).then(
        (value) => {
          if (value) return { value, done: false };
          finish();
          return { value: undefined, done: true };
        },
        (error: unknown) => {
          finish();
          throw error;
        },
      );
    };
    const end = async (): Promise<IteratorResult<StoreEvent, undefined>> => {
      finish();
      notify(watcher);
      return { value: undefined, done: true };
    };
    return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
  }

  /** The next event, as soon as there is one; undefined when the watch has been stopped. */
  async #nextWaiting(watcher: Watcher): Promise<StoreEvent | undefined> {
    for (;;) {
      const event = take(watcher);
      if (event) return event;
      const { state } = watcher;
      if (state.at === 'stopped') return undefined;
      if (state.at === 'ended') throw state.error;
      if (state.at === 'behind') await this.#catchUp(watcher, state.cursor);
      else if (watcher.progress !== undefined) {
        const revision = watcher.progress;
        watcher.progress = undefined;
        return { type: 'progress', revision };
      } else {
        await new Promise<void>((resolve) => {
          watcher.wake = resolve;
        });
      }
    }
  }

  /** One step of the replay, when the reader has taken all of the one before. Becomes live only when nothing is left: no event falls in between. */
  async #catchUp(watcher: Watcher, cursor: Revision): Promise<void> {
    const oldest = this.#history.compacted();
    if (cursor < oldest) throw new CompactedError(cursor, oldest);
    if (cursor === this.#history.visible()) {
      watcher.state = { at: 'live' };
      if (watcher.handed < cursor) this.#markProgress(watcher, cursor);
      return;
    }
    const { events, upTo } = this.#history.read(watcher.prefix, cursor, replayStep);
    watcher.state = { at: 'behind', cursor: upTo };
    watcher.queue = [...events];
    watcher.head = 0;
    watcher.handed = events.at(-1)?.revision ?? watcher.handed;
    if (upTo < this.#history.visible()) await this.#history.pause();
  }
}

function take(watcher: Watcher): StoreEvent | undefined {
  const event = watcher.queue[watcher.head];
  if (!event) return undefined;
  watcher.head++;
  if (watcher.head === watcher.queue.length) {
    watcher.queue = [];
    watcher.head = 0;
  } else if (watcher.head >= 1024 && watcher.head * 2 >= watcher.queue.length) {
    watcher.queue = watcher.queue.slice(watcher.head);
    watcher.head = 0;
  }
  return event;
}

function notify(watcher: Watcher): void {
  const { wake } = watcher;
  watcher.wake = undefined;
  wake?.();
}
