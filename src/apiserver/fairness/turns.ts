// How much of one turn of the event loop requests may take: what is beyond that waits for the next turns, and levels take these in rotation.
// Seats bound how many requests are under way; this bounds how long one of them stands behind others that came in the same turn.
import type { Clock } from '../../base/mod.ts';

/** Work on requests goes on in a turn for so long, in milliseconds, before what still comes has to wait. */
const budgetMs = 2;
/** So many are let go on in one turn at most, however short they were. */
const grantedMax = 64;

export class Turns {
  readonly #clock: Clock;
  /** Those that wait, by level; no level without somebody who waits. */
  readonly #waiting = new Map<string, (() => void)[]>();
  /** True from a turn's first request until a turn finds nobody who waits. */
  #open = false;
  #startMs = 0;
  /** How many were let go on since the last turn. */
  #granted = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined: go on at once. Else a promise of the turn. It never rejects; as many wait as have seats. */
  enter(level: string): Promise<void> | undefined {
    if (!this.#open) this.#begin();
    else if (this.#waiting.size > 0 || this.#clock.monotonicMs() - this.#startMs >= budgetMs) return this.#wait(level);
    this.#granted++;
    return undefined;
  }

  #begin(): void {
    this.#open = true;
    this.#startMs = this.#clock.monotonicMs();
    this.#granted = 0;
    void this.#clock.yield().then(() => this.#turn());
  }

  #wait(level: string): Promise<void> {
    return new Promise((resolve) => {
      const queue = this.#waiting.get(level);
      if (queue) queue.push(resolve);
      else this.#waiting.set(level, [resolve]);
    });
  }

  #turn(): void {
    if (this.#waiting.size === 0) {
      this.#open = false;
      return;
    }
    // As many as fit, by what those of the last turn took; that turn's reading of requests and sending of answers is part of it.
    const tookMs = this.#clock.monotonicMs() - this.#startMs;
    const fit = tookMs > 0 ? Math.floor((this.#granted * budgetMs) / tookMs) : grantedMax;
    this.#begin();
    for (let left = Math.min(grantedMax, Math.max(1, fit)); left > 0 && this.#waiting.size > 0; left--) this.#grantNext();
  }

  /** The level whose turn it is goes to the end of the rotation. */
  #grantNext(): void {
    for (const [level, queue] of this.#waiting) {
      const go = queue.shift();
      this.#waiting.delete(level);
      if (queue.length > 0) this.#waiting.set(level, queue);
      this.#granted++;
      go?.();
      return;
    }
  }
}
