// Keeps a component running: one that crashes is logged, counted, and started again after a back-off, without the others noticing.
import { Backoff, type Clock, errorText, type Logger, type Random, sleep } from '../base/mod.ts';

const backoff = { baseMs: 500, maxMs: 30_000, jitter: 0.2 };
/** A component that has run this long before it crashes starts again with the shortest back-off. */
const healthyAfterMs = 60_000;

export interface SuperviseOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Runs until the signal fires. Settling before that counts as a crash. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Resolves when the signal has fired and the component has ended. */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const { name, clock, random, log, signal, run } = options;
  const delays = new Backoff(backoff, random);
  for (let restarts = 0; !signal.aborted; restarts++) {
    const startedMs = clock.monotonicMs();
    try {
      await run(signal);
      if (!signal.aborted) log.error('Component ended by itself', { component: name, restarts });
    } catch (error) {
      if (!signal.aborted)
        log.error('Component crashed', {
          component: name,
          restarts,
          error: errorText(error),
          stack: error instanceof Error ? error.stack : undefined,
        });
    }
    if (clock.monotonicMs() - startedMs > healthyAfterMs) delays.reset();
    await sleep(clock, delays.nextMs(), signal).catch(() => {}); // Rejects only because the signal has fired: the loop ends.
  }
}
