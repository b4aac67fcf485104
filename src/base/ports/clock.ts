// The machine's own clock.
import type { Clock } from '../clock.ts';

/** Real time. Timers keep the process alive until they fire or are cancelled. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    // setTimeout takes at most 2^31 - 1 ms; longer waits are made of several.
    const limitMs = 2 ** 31 - 1;
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number) => {
      timer = setTimeout(() => (leftMs > limitMs ? arm(leftMs - limitMs) : run()), Math.min(leftMs, limitMs));
    };
    arm(Math.max(0, delayMs));
    return { cancel: () => clearTimeout(timer) };
  },
  yield: () => turn(),
};

/** Resolves after a turn of the event loop: every promise that could go on has gone on. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
