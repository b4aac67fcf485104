// A clock that is turned by hand: a day passes in as long as its work takes, in the same order on every run.
import { assert } from './assert.ts';
import type { Clock, Timer } from './clock.ts';
import { Heap } from './heap.ts';

interface Pending {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export interface VirtualClockOptions {
  /** Wall time at the start, in milliseconds since the epoch. Default 2026-01-01T00:00:00Z. */
  readonly startMs?: number;
  /**
   * Resolves when every promise that could go on has gone on, that is after a turn of the event loop. It is a port
   * (`ports/clock.ts` has `turn`), because only the runtime can say so.
   */
  readonly settle: () => Promise<void>;
}

/**
 * Time stands still until `advance` is called. Timers fire in the order of their time, then of their setting; between
 * two of them everything that the first one made possible runs to its end. Invariant: nothing fires in the past.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  readonly #startMs: number;
  readonly #settle: () => Promise<void>;
  readonly #pending = new Heap<Pending>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order));
  #order = 0;
  #live = 0;

  constructor(options: VirtualClockOptions) {
    this.#startMs = options.startMs ?? Date.UTC(2026, 0, 1);
    this.#nowMs = this.#startMs;
    this.#settle = options.settle;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  /** How many timers are set: zero after everything has been stopped. */
  get timers(): number {
    return this.#live;
  }

  after(delayMs: number, run: () => void): Timer {
    const pending: Pending = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run };
    this.#pending.push(pending);
    this.#live++;
    return {
      cancel: () => {
        if (pending.run) this.#live--;
        pending.run = undefined;
      },
    };
  }

  async yield(): Promise<void> {}

  /** Lets everything that can run at the present instant run to its end. */
  async settle(): Promise<void> {
    await this.advance(0);
  }

  /** Moves time on by `ms`, firing every timer on the way, at its own time. */
  async advance(ms: number): Promise<void> {
    assert(ms >= 0, `time does not go back, got ${ms} ms`);
    const untilMs = this.#nowMs + ms;
    await this.#settle();
    for (let next = this.#takeDue(untilMs); next; next = this.#takeDue(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run?.();
      await this.#settle();
    }
    this.#nowMs = untilMs;
  }

  /**
   * Moves time on until `done` gives true, from timer to timer. Gives false when `limitMs` have passed first, or when
   * nothing is left that could change anything.
   */
  async advanceUntil(done: () => boolean, limitMs: number): Promise<boolean> {
    const untilMs = this.#nowMs + limitMs;
    await this.#settle();
    while (!done()) {
      const next = this.#takeDue(untilMs);
      if (!next) return false;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run?.();
      await this.#settle();
    }
    return true;
  }

  #takeDue(untilMs: number): { atMs: number; run: (() => void) | undefined } | undefined {
    for (let top = this.#pending.peek(); top; top = this.#pending.peek()) {
      if (top.run && top.atMs > untilMs) return undefined;
      this.#pending.pop();
      if (!top.run) continue;
      const { atMs, run } = top;
      top.run = undefined;
      this.#live--;
      return { atMs, run };
    }
    return undefined;
  }
}
