// When keys expire: one timer for the earliest, and the work in small steps, so that thousands that are due at once stall nobody.
import { type Clock, errorText, type Logger, type Tasks, type Timer } from '../../base/mod.ts';
import type { Revision } from '../store.ts';

/** How many keys one step deletes. */
const stepMax = 200;
/** Wall time may jump: the timer looks again after so long. */
const lookMs = 60_000;
const retryMs = 10_000;

/** A key that expires at a time, provided that it still stands at the revision. */
export interface Expiring {
  readonly timeMs: number;
  readonly revision: Revision;
  readonly key: string;
}

export interface ExpiryOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly tasks: Tasks;
  /** Those that expire first, at or before `untilMs`, in order. */
  readonly first: (untilMs: number, limit: number) => readonly Expiring[];
  /** Deletes those of them that still stand, and forgets them all. */
  readonly expire: (due: readonly Expiring[]) => Promise<void>;
}

export class Expiry {
  readonly #options: ExpiryOptions;
  #timer: Timer | undefined;
  #wakeMs = Number.POSITIVE_INFINITY;
  #stepping = false;
  #stopped = false;

  constructor(options: ExpiryOptions) {
    this.#options = options;
    this.#arm();
  }

  /** Says that a key has been written that expires at `timeMs`. */
  noted(timeMs: number): void {
    if (timeMs < this.#wakeMs && !this.#stepping) this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #arm(atLeastMs = 0): void {
    this.#timer?.cancel();
    this.#wakeMs = Number.POSITIVE_INFINITY;
    const [next] = this.#stopped ? [] : this.#options.first(Number.MAX_SAFE_INTEGER, 1);
    if (!next) return;
    const { clock } = this.#options;
    const delayMs = Math.min(Math.max(next.timeMs - clock.nowMs(), atLeastMs), lookMs);
    this.#wakeMs = clock.nowMs() + delayMs;
    this.#timer = clock.after(delayMs, () => this.#options.tasks.run('expiry', undefined, () => this.#step()));
  }

  async #step(): Promise<void> {
    const { clock, first, expire, log } = this.#options;
    if (this.#stopped || this.#stepping) return;
    this.#stepping = true;
    let atLeastMs = 0;
    try {
      const due = first(clock.nowMs(), stepMax);
      if (due.length > 0) await expire(due);
    } catch (error) {
      if (!this.#stopped) log.warn('Expired keys could not be deleted', { error: errorText(error) });
      atLeastMs = retryMs;
    } finally {
      this.#stepping = false;
      this.#arm(atLeastMs);
    }
  }
}
