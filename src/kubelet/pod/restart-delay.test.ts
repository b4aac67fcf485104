import fc from 'fast-check';
import { expect, test } from 'vitest';
import { goDuration, nextDelayMs, restartAtMs } from './restart-delay.ts';

const maxMs = 300_000;

test('runs that crash at once carry 0, 10 s, 20 s, ... up to 5 min', () => {
  const delays: number[] = [0];
  for (let i = 0; i < 8; i++) delays.push(nextDelayMs({ startedAtMs: 1000, finishedAtMs: 1100, delayMs: delays.at(-1) ?? 0 }, maxMs));
  expect(delays).toEqual([0, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
});

test.each([
  ['the first exit restarts at once', { startedAtMs: 0, finishedAtMs: 500, delayMs: 0 }, 500],
  ['a later one after its delay', { startedAtMs: 1, finishedAtMs: 500, delayMs: 20_000 }, 20_500],
  ['a run of more than ten minutes at once', { startedAtMs: 1, finishedAtMs: 600_002, delayMs: 300_000 }, 600_002],
])('restartAtMs: %s', (_, run, expected) => {
  expect(restartAtMs(run)).toBe(expected);
});

test('a long run makes the back-off begin anew', () => {
  expect(nextDelayMs({ startedAtMs: 1, finishedAtMs: 700_000, delayMs: 300_000 }, maxMs)).toBe(10_000);
  expect(nextDelayMs({ startedAtMs: 1, finishedAtMs: 2, delayMs: 0 }, 3000)).toBe(3000);
});

test('no delay is over the maximum, and no restart comes before the exit', () => {
  fc.assert(
    fc.property(fc.nat(1e6), fc.nat(1e6), fc.nat(maxMs), (startedAtMs, ranMs, delayMs) => {
      const run = { startedAtMs: startedAtMs + 1, finishedAtMs: startedAtMs + 1 + ranMs, delayMs };
      expect(nextDelayMs(run, maxMs)).toBeLessThanOrEqual(maxMs);
      expect(restartAtMs(run)).toBeGreaterThanOrEqual(run.finishedAtMs);
    }),
  );
});

test.each([
  [0, '0s'],
  [312, '312ms'],
  [1200, '1.2s'],
  [10_000, '10s'],
  [80_000, '1m20s'],
  [300_000, '5m0s'],
  [3_661_000, '1h1m1s'],
])('goDuration(%i) is %s', (ms, text) => {
  expect(goDuration(ms)).toBe(text);
});
