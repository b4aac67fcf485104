// A keyed work queue: a key is worked on by one worker at a time, once however often it was added meanwhile, and again
// with growing delays while it fails. Workers run only while there is something to do.
import { setMaxListeners } from 'node:events';
import { aborted, type BackoffOptions, backoffMs, type Clock, errorText, Heap, type Logger, Tasks, type Timer } from '../base/mod.ts';
import type { QueueSeries, WorkQueueMetrics } from './work-queue-metrics.ts';

/** What a run of the work says about its key: whether it wants to be called again without an event. */
export type Again = { readonly again: 'never' } | { readonly again: 'afterMs'; readonly ms: number };

/** Throwing means failure: the key comes back after its back-off. A run that returns resets it. */
export type Work = (key: string, signal: AbortSignal) => Promise<Again>;

/** As upstream's default rate limiter of controllers. */
const backoffDefault: BackoffOptions = { baseMs: 5, maxMs: 1_000_000 };
/** After so many runs in a row a worker lets everybody else go on. */
const runsBeforeYield = 32;

export interface WorkQueueOptions {
  /** Names the queue in the log. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly work: Work;
  /** How many keys are worked on at once. Default 1. */
  readonly workers?: number;
  readonly backoff?: BackoffOptions;
  readonly metrics?: WorkQueueMetrics | undefined;
  /** No work starts before this resolves: the caches that the work reads. */
  readonly ready?: Promise<unknown>;
}

export interface WorkQueue {
  /** Adds a key, unless it waits already. Costs no more than a set insertion: it may be called from a change handler. */
  add(key: string): void;
  /** Adds a key after a delay. Of several delays of one key the shortest counts. */
  addAfter(key: string, ms: number): void;
  /** Keys that wait for a worker now; keys that are delayed are not counted. */
  readonly depth: number;
  /** How many runs failed so far. */
  readonly failures: number;
  /** Resolves when the signal has fired and every run has ended. */
  readonly stopped: Promise<void>;
}

interface Delayed {
  readonly key: string;
  readonly atMs: number;
  readonly order: number;
}

/** The queue holds each key once, so its bound is the number of objects that exist. */
export const createWorkQueue = (options: WorkQueueOptions): WorkQueue => new KeyedQueue(options);

class KeyedQueue implements WorkQueue {
  readonly stopped: Promise<void>;
  readonly #options: WorkQueueOptions;
  readonly #tasks: Tasks;
  readonly #waiting = new Set<string>();
  readonly #busy = new Set<string>();
  /** Added while it was worked on: once more when that run is over. */
  readonly #dirty = new Set<string>();
  readonly #attempts = new Map<string, number>();
  readonly #delays: Delays;
  readonly #series: QueueSeries | undefined;
  #ready: boolean;
  #active = 0;
  #failures = 0;

  constructor(options: WorkQueueOptions) {
    const { clock, log, signal } = options;
    // Every call of every worker listens to it: many listeners are no leak.
    setMaxListeners(0, signal);
    this.#options = options;
    this.#series = options.metrics?.(options.name);
    this.#tasks = new Tasks(log);
    this.#delays = createDelays(clock, (key) => this.add(key));
    this.#ready = options.ready === undefined;
    options.ready?.then(
      () => this.#open(),
      // The caches were stopped before they were filled: nothing will ever be worked on.
      () => {},
    );
    this.stopped = aborted(signal).then(() => {
      this.#delays.clear();
      return this.#tasks.settled();
    });
  }

  get depth(): number {
    return this.#waiting.size;
  }

  get failures(): number {
    return this.#failures;
  }

  readonly add = (key: string): void => {
    if (this.#options.signal.aborted) return;
    this.#series?.adds.add();
    if (this.#busy.has(key)) {
      this.#dirty.add(key);
      return;
    }
    this.#waiting.add(key);
    this.#series?.depth.set(this.#waiting.size);
    this.#startWorker();
  };

  readonly addAfter = (key: string, ms: number): void => {
    if (this.#options.signal.aborted) return;
    if (ms <= 0) this.add(key);
    else this.#delays.add(key, ms);
  };

  #open(): void {
    this.#ready = true;
    for (let i = 0; i < (this.#options.workers ?? 1); i++) this.#startWorker();
  }

  #startWorker(): void {
    const { name, signal, workers = 1 } = this.#options;
    if (!this.#ready || signal.aborted || this.#active >= workers || this.#waiting.size === 0) return;
    this.#active++;
    this.#tasks.run(`worker of ${name}`, signal, async () => {
      // The change that added the key may still be in the middle of being told to others.
      await Promise.resolve();
      try {
        await this.#drain();
      } finally {
        this.#active--;
      }
    });
  }

  async #drain(): Promise<void> {
    const { clock, signal } = this.#options;
    for (let runs = 1; !signal.aborted; runs++) {
      const [key] = this.#waiting;
      if (key === undefined) return;
      this.#waiting.delete(key);
      this.#busy.add(key);
      if (this.#waiting.size > 0) this.#startWorker();
      const startMs = clock.monotonicMs();
      await this.#runOnce(key);
      this.#series?.work.observe((clock.monotonicMs() - startMs) / 1000);
      this.#busy.delete(key);
      if (this.#dirty.delete(key)) this.#waiting.add(key);
      this.#series?.depth.set(this.#waiting.size);
      if (runs % runsBeforeYield === 0) await clock.yield();
    }
  }

  async #runOnce(key: string): Promise<void> {
    const { name, log, signal, work, backoff = backoffDefault } = this.#options;
    try {
      const outcome = await work(key, signal);
      this.#attempts.delete(key);
      if (!signal.aborted && outcome.again === 'afterMs') this.#delays.add(key, outcome.ms);
    } catch (error) {
      if (signal.aborted) return;
      this.#failures++;
      this.#series?.retries.add();
      const attempt = this.#attempts.get(key) ?? 0;
      this.#attempts.set(key, attempt + 1);
      const delayMs = backoffMs(backoff, attempt);
      log.debug('Work failed; will retry', { queue: name, key, attempt: attempt + 1, delayMs, error: errorText(error) });
      this.#delays.add(key, delayMs);
    }
  }
}

interface Delays {
  add(key: string, ms: number): void;
  clear(): void;
}

/** Delayed keys behind one timer, set for the earliest of them. */
function createDelays(clock: Clock, due: (key: string) => void): Delays {
  const heap = new Heap<Delayed>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order));
  const earliest = new Map<string, Delayed>();
  let timer: { readonly atMs: number; readonly timer: Timer } | undefined;
  let order = 0;

  function arm(): void {
    for (let top = heap.peek(); top && earliest.get(top.key) !== top; top = heap.peek()) heap.pop();
    const next = heap.peek();
    if (timer && timer.atMs === next?.atMs) return;
    timer?.timer.cancel();
    timer = undefined;
    if (next) timer = { atMs: next.atMs, timer: clock.after(Math.max(0, next.atMs - clock.monotonicMs()), fire) };
  }

  function fire(): void {
    timer = undefined;
    const nowMs = clock.monotonicMs();
    for (let top = heap.peek(); top && top.atMs <= nowMs; top = heap.peek()) {
      heap.pop();
      if (earliest.get(top.key) !== top) continue;
      earliest.delete(top.key);
      due(top.key);
    }
    arm();
  }

  return {
    add(key: string, ms: number): void {
      const delayed: Delayed = { key, atMs: clock.monotonicMs() + ms, order: order++ };
      const known = earliest.get(key);
      if (known && known.atMs <= delayed.atMs) return;
      earliest.set(key, delayed);
      heap.push(delayed);
      arm();
    },
    clear(): void {
      timer?.timer.cancel();
      timer = undefined;
      earliest.clear();
    },
  };
}
