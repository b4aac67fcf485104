// Time as a parameter: the only way that Minke reads or waits for time.
import { onAbort } from './abort.ts';

/** A one-shot timer that has been set. Cancelling one that has fired does nothing. */
export interface Timer {
  cancel(): void;
}

/** The source of time. Real in `ports/clock.ts`; turned by hand in `virtual-clock.ts`. */
export interface Clock {
  /** Wall time in milliseconds since the Unix epoch. May jump. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start; never goes back. For measuring and for intervals. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs` (at least 0). `run` must not throw. */
  after(delayMs: number, run: () => void): Timer;
  /** Lets everything that is ready run first: a long loop calls it so that others are not stalled. */
  yield(): Promise<void>;
}

/** Resolves after `delayMs`; rejects with the signal's reason as soon as `signal` fires. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const off = onAbort(signal, (reason) => {
      timer.cancel();
      reject(reason);
    });
    const timer = clock.after(delayMs, () => {
      off();
      resolve();
    });
  });
}

/** Says that a call to the outside did not answer in time. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/** What {@link withDeadline} runs, and for how long. */
export interface DeadlineOptions {
  readonly clock: Clock;
  /** Milliseconds until the signal given to the work fires and the promise rejects with a {@link DeadlineError}. */
  readonly ms: number;
  /** What is waited for, in words; part of the error's message. */
  readonly what: string;
  /** The caller's own signal: firing it ends the work too. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs `work` with a signal that fires at the deadline. Settles at the deadline even when `work` ignores its signal. */
export async function withDeadline<T>(options: DeadlineOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, ms, what, signal } = options;
  signal?.throwIfAborted();
  const controller = new AbortController();
  let timer: Timer | undefined;
  const off = onAbort(signal, (reason) => controller.abort(reason));
  const expired = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
    timer = clock.after(ms, () => controller.abort(new DeadlineError(`${what} did not finish within ${ms} ms`)));
  });
  try {
    return await Promise.race([work(controller.signal), expired]);
  } finally {
    timer?.cancel();
    off();
  }
}
