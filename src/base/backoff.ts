// Exponential back-off with jitter: a pure function of the attempt, and a small counter around it.
import type { Random } from './random.ts';

export interface BackoffOptions {
  /** The first delay, in milliseconds. */
  readonly baseMs: number;
  /** No delay is longer than this, in milliseconds (jitter included). */
  readonly maxMs: number;
  /** Default 2. */
  readonly factor?: number;
  /** The share of the delay, 0 to 1, that is drawn at random and added. Default 0. */
  readonly jitter?: number;
}

/** The delay before attempt `attempt` (0 for the first retry), in milliseconds. */
export function backoffMs(options: BackoffOptions, attempt: number, random?: Random): number {
  const { baseMs, maxMs, factor = 2, jitter = 0 } = options;
  const plain = Math.min(maxMs, baseMs * factor ** Math.min(attempt, 64));
  const extra = jitter > 0 && random ? plain * jitter * random.fraction() : 0;
  return Math.min(maxMs, Math.round(plain + extra));
}

/** Counts failures and gives the next delay. */
export class Backoff {
  #attempt = 0;
  readonly #options: BackoffOptions;
  readonly #random: Random | undefined;

  constructor(options: BackoffOptions, random?: Random) {
    this.#options = options;
    this.#random = random;
  }

  /** The delay before the next attempt, in milliseconds; each call counts one more failure. */
  nextMs(): number {
    return backoffMs(this.#options, this.#attempt++, this.#random);
  }

  reset(): void {
    this.#attempt = 0;
  }
}
