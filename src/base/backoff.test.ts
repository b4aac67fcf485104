// Back-off: the series, its bound, and what jitter may add.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Backoff, backoffMs } from './backoff.ts';
import { SeededRandom } from './random.ts';

describe('backoffMs', () => {
  test('doubles up to its bound', () => {
    const delays = Array.from({ length: 8 }, (_, attempt) => backoffMs({ baseMs: 10_000, maxMs: 300_000 }, attempt));
    expect(delays).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
  });

  test('takes another factor, and no attempt is too many', () => {
    expect(backoffMs({ baseMs: 100, maxMs: 10_000, factor: 3 }, 2)).toBe(900);
    expect(backoffMs({ baseMs: 1, maxMs: 60_000 }, 1_000_000)).toBe(60_000);
  });

  test('jitter adds at most its share, never more than the bound', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, seed, jitter) => {
        const options = { baseMs: 50, maxMs: 5_000, jitter };
        const plain = backoffMs({ baseMs: 50, maxMs: 5_000 }, attempt);
        const delay = backoffMs(options, attempt, new SeededRandom(seed));
        expect(delay).toBeGreaterThanOrEqual(plain);
        expect(delay).toBeLessThanOrEqual(Math.min(5_000, Math.ceil(plain * (1 + jitter))));
      }),
    );
  });
});

test('Backoff counts failures and starts anew after a reset', () => {
  const backoff = new Backoff({ baseMs: 5, maxMs: 100 });
  expect([backoff.nextMs(), backoff.nextMs(), backoff.nextMs()]).toEqual([5, 10, 20]);
  backoff.reset();
  expect(backoff.nextMs()).toBe(5);
});
