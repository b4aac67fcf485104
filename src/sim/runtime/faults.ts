// Seeded faults: each call of the simulated runtime may fail before it has done anything, or after.
import type { Random } from '../../base/mod.ts';

export interface FaultOptions {
  /** Of a thousand calls, how many fail before anything is done. */
  readonly before: number;
  /** Of a thousand calls, how many do their work and then lose the answer. */
  readonly after: number;
  /** Of a thousand calls, how many take `slowMs` longer. */
  readonly slow: number;
  readonly slowMs: number;
}

export const noFaults: FaultOptions = { before: 0, after: 0, slow: 0, slowMs: 0 };

export interface Fault {
  readonly failBefore: boolean;
  readonly failAfter: boolean;
  readonly delayMs: number;
}

const none: Fault = { failBefore: false, failAfter: false, delayMs: 0 };

/** Draws the fault of one call. Without faults it draws nothing, so that a run without them costs nothing. */
export function drawFault(options: FaultOptions, random: Random): Fault {
  if (options.before + options.after + options.slow === 0) return none;
  const at = random.below(1000);
  const { before, after, slow, slowMs } = options;
  if (at < before) return { ...none, failBefore: true };
  if (at < before + after) return { ...none, failAfter: true };
  return at < before + after + slow ? { ...none, delayMs: slowMs } : none;
}
