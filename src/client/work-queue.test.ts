// The work queue's promises: one run of a key at a time, no add lost, back-off, delays, a bound on workers, a clean stop.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMetrics, SeededRandom, StoppedError, silentLogger, sleep, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { type Again, createWorkQueue, type Work, type WorkQueueOptions } from './work-queue.ts';
import { createWorkQueueMetrics } from './work-queue-metrics.ts';

const never: Again = { again: 'never' };

const noting =
  (ran: string[]): Work =>
  async (key) => {
    ran.push(key);
    return never;
  };

function setup(work: Work, more: Partial<WorkQueueOptions> = {}, clock = new VirtualClock({ settle: turn })) {
  const stop = new AbortController();
  const queue = createWorkQueue({ name: 'test', clock, log: silentLogger, signal: stop.signal, work, ...more });
  return { clock, stop, queue };
}

test('counts what is added, waits, takes time and is tried again', async () => {
  const metrics = createMetrics();
  const tries: string[] = [];
  const work: Work = async (key) => {
    tries.push(key);
    if (tries.length === 1) throw new Error('not yet');
    return never;
  };
  const { clock, queue } = setup(work, { metrics: createWorkQueueMetrics(metrics) });
  for (const key of ['a', 'b', 'c']) queue.add(key);
  expect(metrics.text()).toContain('workqueue_depth{name="test"} 3\n');
  await clock.advance(1_000);
  // The key that comes back is added once more.
  for (const line of ['workqueue_adds_total{name="test"} 4', 'workqueue_retries_total{name="test"} 1', 'workqueue_depth{name="test"} 0'])
    expect(metrics.text()).toContain(`${line}\n`);
  expect(metrics.text()).toContain('workqueue_work_duration_seconds_count{name="test"} 4\n');
});

describe('work queue', () => {
  test('works on a key once however often it was added', async () => {
    const ran: string[] = [];
    const { clock, queue } = setup(noting(ran));
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    expect(ran).toEqual([]);
    expect(queue.depth).toBe(2);
    await clock.settle();
    expect(ran).toEqual(['a', 'b']);
    expect(queue.depth).toBe(0);
  });

  test('runs a key again when it was added during its run, and never twice at once', async () => {
    const clock = new VirtualClock({ settle: turn });
    let active = 0;
    let most = 0;
    let runs = 0;
    const work: Work = async (_, signal) => {
      most = Math.max(most, ++active);
      runs++;
      await sleep(clock, 10, signal);
      active--;
      return never;
    };
    const { queue } = setup(work, { workers: 4 }, clock);
    queue.add('a');
    await clock.advance(5);
    queue.add('a');
    queue.add('a');
    await clock.advance(100);
    expect({ runs, most }).toEqual({ runs: 2, most: 1 });
  });

  test('backs off from 5 ms doubling, up to 1000 s, and starts over after a success', async () => {
    const clock = new VirtualClock({ settle: turn });
    const at: number[] = [];
    let failing = true;
    const work: Work = async () => {
      at.push(clock.monotonicMs());
      if (failing) throw new Error('no');
      return never;
    };
    const { queue } = setup(work, {}, clock);
    queue.add('a');
    await clock.advance(200);
    expect(at).toEqual([0, 5, 15, 35, 75, 155]);
    await clock.advance(10_000_000);
    const gaps = at.slice(1).map((ms, i) => ms - (at[i] ?? 0));
    expect(Math.max(...gaps)).toBe(1_000_000);
    failing = false;
    await clock.advance(2_000_000);
    failing = true;
    at.length = 0;
    queue.add('a');
    const start = clock.monotonicMs();
    await clock.advance(20);
    expect(at.map((ms) => ms - start)).toEqual([0, 5, 15]);
    expect(queue.failures).toBeGreaterThan(20);
  });

  test('keeps the shortest of several delays, and one timer for all', async () => {
    const clock = new VirtualClock({ settle: turn });
    const ran: [string, number][] = [];
    const work: Work = async (key) => {
      ran.push([key, clock.monotonicMs()]);
      return never;
    };
    const { queue } = setup(work, {}, clock);
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 300);
    queue.addAfter('b', 200);
    expect(clock.timers).toBe(1);
    await clock.advance(1000);
    expect(ran).toEqual([
      ['a', 100],
      ['b', 200],
    ]);
  });

  test('calls again after the delay that a run asks for', async () => {
    const clock = new VirtualClock({ settle: turn });
    const at: number[] = [];
    const work: Work = async () => {
      at.push(clock.monotonicMs());
      return at.length < 3 ? { again: 'afterMs', ms: 50 } : never;
    };
    setup(work, {}, clock).queue.add('a');
    await clock.advance(1000);
    expect(at).toEqual([0, 50, 100]);
  });

  test('never exceeds its workers, but uses all of them', async () => {
    const clock = new VirtualClock({ settle: turn });
    let active = 0;
    let most = 0;
    const work: Work = async (_, signal) => {
      most = Math.max(most, ++active);
      await sleep(clock, 10, signal);
      active--;
      return never;
    };
    const { queue } = setup(work, { workers: 3 }, clock);
    for (let i = 0; i < 20; i++) queue.add(`k${i}`);
    await clock.advance(200);
    expect({ most, active, depth: queue.depth }).toEqual({ most: 3, active: 0, depth: 0 });
  });

  test('waits until it is ready', async () => {
    let open = () => {};
    const ran: string[] = [];
    const ready = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { clock, queue } = setup(noting(ran), { ready });
    queue.add('a');
    await clock.settle();
    expect(ran).toEqual([]);
    open();
    await clock.settle();
    expect(ran).toEqual(['a']);
  });

  test('has stopped when the signal has fired and the running work has ended', async () => {
    const clock = new VirtualClock({ settle: turn });
    let ended = false;
    const work: Work = async (_, signal) => {
      await sleep(clock, 1000, signal).catch(() => {});
      ended = true;
      return { again: 'afterMs', ms: 5 };
    };
    const { queue, stop } = setup(work, {}, clock);
    queue.add('a');
    queue.addAfter('b', 50);
    await clock.settle();
    stop.abort(new StoppedError());
    await queue.stopped;
    queue.add('c');
    queue.addAfter('d', 5);
    expect({ ended, timers: clock.timers, depth: queue.depth }).toEqual({ ended: true, timers: 0, depth: 0 });
  });

  test('loses no add, whatever the interleaving', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 4 }), async (seed, workers) => {
        const clock = new VirtualClock({ settle: turn });
        const random = new SeededRandom(seed);
        const wanted = new Map<string, number>();
        const seen = new Map<string, number>();
        const work: Work = async (key, signal) => {
          const version = wanted.get(key) ?? 0;
          await sleep(clock, random.below(5), signal);
          if (random.below(4) === 0) throw new Error('fault');
          seen.set(key, Math.max(seen.get(key) ?? 0, version));
          return never;
        };
        const { queue, stop } = setup(work, { workers }, clock);
        for (let i = 1; i <= 30; i++) {
          const key = `k${random.below(4)}`;
          wanted.set(key, i);
          queue.add(key);
          await clock.advance(random.below(4));
        }
        await clock.advance(3_600_000);
        stop.abort(new StoppedError());
        await queue.stopped;
        expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(wanted));
      }),
      { numRuns: 20 },
    );
  });
});
