// Waiting until caches show what was asked for, with a deadline and an owner that stops it.
import { type Clock, onAbort } from '../base/mod.ts';

export interface Limits {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly ms: number;
  /** The words of the error when time is up. */
  readonly late: string;
}

export interface Wait {
  /** Ends the wait, well or with an error; the first time counts. */
  settle(error?: Error): void;
  readonly ended: boolean;
  /** `off` is called when the wait has ended. */
  follow(off: () => void): void;
}

/** `begin` follows what it needs and looks for the first time. Rejects with what `settle` got, when time is up, or with the signal's reason. */
export function untilSettled({ clock, signal, ms, late }: Limits, begin: (wait: Wait) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const offs: (() => void)[] = [];
    let ended = false;
    const end = (how: () => void) => {
      if (ended) return;
      ended = true;
      // Not within a cache's first call of a handler, which comes before its `off` is known.
      queueMicrotask(() => {
        for (const off of offs) off();
      });
      how();
    };
    const settle = (error?: Error) => end(() => (error ? reject(error) : resolve()));
    const timer = clock.after(ms, () => settle(new Error(late)));
    offs.push(() => timer.cancel());
    offs.push(onAbort(signal, (reason) => end(() => reject(reason))));
    begin({
      settle,
      get ended() {
        return ended;
      },
      follow: (off) => void offs.push(off),
    });
  });
}
