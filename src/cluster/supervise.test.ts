import { expect, test } from 'vitest';
import { aborted, SeededRandom, silentLogger, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { supervise } from './supervise.ts';

test('a component that crashes is started again, ever later, and stopped by the signal', async () => {
  const clock = new VirtualClock({ settle: turn });
  const stop = new AbortController();
  const startsMs: number[] = [];
  const running = supervise({
    name: 'flaky',
    clock,
    random: new SeededRandom(1),
    log: silentLogger,
    signal: stop.signal,
    run: async (signal) => {
      startsMs.push(clock.monotonicMs());
      if (startsMs.length < 4) throw new Error('boom');
      await aborted(signal);
    },
  });
  await clock.advance(10_000);
  expect(startsMs).toHaveLength(4);
  const gaps = startsMs.slice(1).map((at, i) => at - (startsMs[i] ?? 0));
  expect(gaps[0]).toBeGreaterThanOrEqual(500);
  expect(gaps[2]).toBeGreaterThan((gaps[0] ?? 0) * 2);
  stop.abort();
  await running;
  expect(clock.timers).toBe(0);
});
