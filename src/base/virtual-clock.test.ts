// The virtual clock: the order of timers, cancelling, running until a condition, and the same run twice.
import { describe, expect, test } from 'vitest';
import { sleep } from './clock.ts';
import { turn } from './ports/clock.ts';
import { SeededRandom } from './random.ts';
import { VirtualClock } from './virtual-clock.ts';

const newClock = () => new VirtualClock({ startMs: 1_000_000, settle: turn });

describe('advance', () => {
  test('fires timers in the order of their time, then of their setting', async () => {
    const clock = newClock();
    const fired: string[] = [];
    const set = (name: string, ms: number) => clock.after(ms, () => fired.push(`${name}@${clock.monotonicMs()}`));
    set('c', 20);
    set('a', 10);
    set('b', 10);
    set('now', 0);
    set('past', -5);
    set('late', 31);
    await clock.advance(30);
    expect(fired).toEqual(['now@0', 'past@0', 'a@10', 'b@10', 'c@20']);
    expect(clock.monotonicMs()).toBe(30);
    expect(clock.nowMs()).toBe(1_000_030);
    expect(clock.timers).toBe(1);
  });

  test('fires a timer set by a timer on the way at its own time', async () => {
    const clock = newClock();
    const fired: number[] = [];
    const again = () => {
      fired.push(clock.monotonicMs());
      clock.after(7, again);
    };
    clock.after(7, again);
    await clock.advance(30);
    expect(fired).toEqual([7, 14, 21, 28]);
  });

  test('lets promises that a timer freed run to their end before the next timer', async () => {
    const clock = newClock();
    const lines: string[] = [];
    const walk = async () => {
      await sleep(clock, 10);
      for (let i = 0; i < 20; i++) await Promise.resolve();
      lines.push(`walker at ${clock.monotonicMs()}`);
      await sleep(clock, 0);
      lines.push(`again at ${clock.monotonicMs()}`);
    };
    const walking = walk();
    clock.after(11, () => lines.push('timer'));
    await clock.advance(11);
    await walking;
    expect(lines).toEqual(['walker at 10', 'again at 10', 'timer']);
  });

  test('a day of hourly work passes at once', async () => {
    const clock = newClock();
    let runs = 0;
    const hourly = async () => {
      for (;;) {
        await sleep(clock, 3_600_000);
        runs++;
      }
    };
    void hourly();
    await clock.advance(86_400_000);
    expect(runs).toBe(24);
  });

  test('time does not go back', async () => {
    await expect(newClock().advance(-1)).rejects.toThrow('time does not go back');
  });
});

describe('cancel', () => {
  test('keeps a timer from firing, once, twice and after it fired', async () => {
    const clock = newClock();
    let fired = 0;
    const kept = clock.after(5, () => fired++);
    const cancelled = clock.after(5, () => fired++);
    expect(clock.timers).toBe(2);
    cancelled.cancel();
    cancelled.cancel();
    expect(clock.timers).toBe(1);
    await clock.advance(5);
    kept.cancel();
    expect(fired).toBe(1);
    expect(clock.timers).toBe(0);
  });

  test('by a timer of the same instant', async () => {
    const clock = newClock();
    let fired = false;
    clock.after(5, () => second.cancel());
    const second = clock.after(5, () => {
      fired = true;
    });
    await clock.advance(10);
    expect(fired).toBe(false);
  });
});

describe('advanceUntil', () => {
  test('stops at the timer that makes it true', async () => {
    const clock = newClock();
    let count = 0;
    for (let ms = 10; ms <= 50; ms += 10) clock.after(ms, () => count++);
    expect(await clock.advanceUntil(() => count === 3, 1000)).toBe(true);
    expect(clock.monotonicMs()).toBe(30);
  });

  test('gives false at the limit, and when nothing is left to happen', async () => {
    const clock = newClock();
    clock.after(100, () => {});
    expect(await clock.advanceUntil(() => false, 50)).toBe(false);
    expect(clock.timers).toBe(1);
    expect(await clock.advanceUntil(() => false, 500)).toBe(false);
    expect(clock.timers).toBe(0);
    expect(await clock.advanceUntil(() => true, 0)).toBe(true);
  });
});

describe('determinism', () => {
  async function history(seed: number): Promise<string[]> {
    const clock = newClock();
    const random = new SeededRandom(seed);
    const lines: string[] = [];
    const actor = async (name: number) => {
      const own = random.child(`actor-${name}`);
      for (let i = 0; i < 20; i++) {
        await sleep(clock, own.below(50));
        lines.push(`${name} ${clock.monotonicMs()}`);
      }
    };
    const actors = Promise.all(Array.from({ length: 10 }, (_, i) => actor(i)));
    await clock.advance(2000);
    await actors;
    return lines;
  }

  test('the same seed gives the same history, another seed another', async () => {
    const first = await history(1);
    expect(first).toHaveLength(200);
    expect(await history(1)).toEqual(first);
    expect(await history(2)).not.toEqual(first);
  });
});
