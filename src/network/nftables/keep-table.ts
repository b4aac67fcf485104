// Keeps one table of the packet filter equal to what is wanted: one transaction after the other, and everything anew after trouble.
// Changes that come together go into one transaction.
import { Backoff, type Clock, errorText, type Logger, type Random, sleep } from '../../base/mod.ts';
import type { Nft } from './nft.ts';

/** How long the first of several changes waits for the others. */
const coalesceMs = 5;
/** Between two looks at whether someone else has changed the table; longer where looking takes long. */
const checkMs = 15_000;
const checkShareMax = 0.01;
const retry = { baseMs: 100, maxMs: 10_000, jitter: 0.5 };

/** What is wanted of the table. */
export interface WantedTable {
  /** For the log: `services`. */
  readonly what: string;
  readonly name: string;
  /** Takes in what has changed so far. */
  catchUp(): void;
  /** The whole table as text. */
  all(): string;
  /** What leads from the last text to now; undefined when nothing does. */
  change(): string | undefined;
  /** The text has been applied, or there was none to apply. */
  written(): Promise<void>;
  /** Resolves when something has changed since `catchUp`, or the signal has fired. */
  changed(signal: AbortSignal): Promise<void>;
  /** Whether the table is as it was written; undefined when there is nothing to look at. */
  isUntouched: (() => Promise<boolean>) | undefined;
}

export interface KeepTableOptions {
  readonly nft: Nft;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Runs until the signal fires. The table stays. */
export async function keepTable(wanted: WantedTable, { nft, clock, random, log, signal }: KeepTableOptions): Promise<void> {
  const backoff = new Backoff(retry, random);
  let state: 'unknown' | 'in step' = 'unknown';
  let checkAtMs = 0;
  while (!signal.aborted) {
    try {
      wanted.catchUp();
      const text = state === 'unknown' ? wanted.all() : wanted.change();
      if (text !== undefined) await nft(text);
      if (state === 'unknown') checkAtMs = clock.monotonicMs() + checkMs;
      state = 'in step';
      await wanted.written();
      backoff.reset();
      const untilMs = wanted.isUntouched ? checkAtMs : undefined;
      if (await changedBefore(clock, wanted, untilMs, signal)) await sleep(clock, coalesceMs, signal);
      else {
        const begunMs = clock.monotonicMs();
        if ((await wanted.isUntouched?.()) === false) {
          log.warn(`The rules for ${wanted.what} were changed by someone else; writing them anew`, { table: wanted.name });
          state = 'unknown';
        }
        const tookMs = clock.monotonicMs() - begunMs;
        checkAtMs = clock.monotonicMs() + Math.max(checkMs, tookMs / checkShareMax);
      }
    } catch (error) {
      if (signal.aborted) return;
      state = 'unknown';
      log.warn(`Rules for ${wanted.what} could not be written; will write all anew`, { error: errorText(error) });
      await sleep(clock, backoff.nextMs(), signal);
    }
  }
}

/** False when the time came first. */
async function changedBefore(clock: Clock, { changed }: WantedTable, atMs: number | undefined, signal: AbortSignal): Promise<boolean> {
  const timeout = new AbortController();
  const stop = () => timeout.abort();
  signal.addEventListener('abort', stop, { once: true });
  const timer = atMs === undefined ? undefined : clock.after(Math.max(0, atMs - clock.monotonicMs()), stop);
  try {
    await changed(timeout.signal);
    signal.throwIfAborted();
    return !timeout.signal.aborted;
  } finally {
    timer?.cancel();
    signal.removeEventListener('abort', stop);
  }
}

/** Remembers that something has changed, and wakes who waits for it. */
export class Dirty {
  #wake: (() => void) | undefined;
  readonly #keys = new Set<string>();

  mark(key: string): void {
    this.#keys.add(key);
    this.#wake?.();
  }

  /** What has been marked since the last call. */
  take(): readonly string[] {
    const keys = [...this.#keys];
    this.#keys.clear();
    return keys;
  }

  /** Resolves when something is marked, or the signal has fired. One waits at a time. */
  marked(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.#keys.size > 0 || signal.aborted) return resolve();
      const done = () => {
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
