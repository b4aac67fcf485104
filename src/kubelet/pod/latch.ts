// One waiter and many wakers: a wake that comes while nobody waits is not lost.
import { type Clock, onAbort, type Timer } from '../../base/mod.ts';

export interface Latch {
  wake(): void;
  /** Resolves at the next wake, or at `atMs` (wall time), or when the signal fires. At once when a wake came since the last wait. */
  wait(atMs: number | undefined): Promise<void>;
}

export function createLatch(clock: Clock, signal: AbortSignal): Latch {
  let woken = false;
  let resume: (() => void) | undefined;
  return {
    wake() {
      woken = true;
      resume?.();
    },
    async wait(atMs) {
      if (!woken && !signal.aborted) {
        await new Promise<void>((resolve) => {
          let timer: Timer | undefined;
          const off = onAbort(signal, () => done());
          const done = () => {
            resume = undefined;
            timer?.cancel();
            off();
            resolve();
          };
          resume = done;
          if (atMs !== undefined) timer = clock.after(Math.max(0, atMs - clock.nowMs()), done);
        });
      }
      woken = false;
    },
  };
}
