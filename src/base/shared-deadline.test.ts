// Calls that share a deadline end as if each had its own, and leave nothing behind.
import { describe, expect, test } from 'vitest';
import { DeadlineError } from './clock.ts';
import { turn } from './ports/clock.ts';
import { SharedDeadline } from './shared-deadline.ts';
import { VirtualClock } from './virtual-clock.ts';

const never = () => new Promise<never>(() => {});
const setUp = (ms: number) => {
  const clock = new VirtualClock({ settle: turn });
  return { clock, deadline: new SharedDeadline({ clock, ms }) };
};

describe('SharedDeadline', () => {
  test('gives what the work gives, and leaves no timer', async () => {
    const { clock, deadline } = setUp(50);
    expect(await deadline.run('work', undefined, async () => 7)).toBe(7);
    await expect(deadline.run('work', undefined, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(clock.timers).toBe(0);
  });

  test('a call ends at its deadline with its own name, and its signal fires', async () => {
    const { clock, deadline } = setUp(50);
    let signal: AbortSignal | undefined;
    const ended = deadline
      .run('The disk', undefined, (given) => {
        signal = given;
        return never();
      })
      .catch((error: unknown) => error);
    await clock.advance(49);
    expect(signal?.aborted).toBe(false);
    await clock.advance(1);
    expect(await ended).toBeInstanceOf(DeadlineError);
    expect(((await ended) as Error).message).toBe('The disk did not finish within 50 ms');
    expect(clock.timers).toBe(0);
  });

  test('calls that begin together share a signal; one that begins much later does not', async () => {
    const { clock, deadline } = setUp(3_200);
    const caller = new AbortController();
    const signals: AbortSignal[] = [];
    const begin = () =>
      deadline.run('call', caller.signal, (signal) => {
        signals.push(signal);
        return never();
      });
    const ends = [begin().catch((error: unknown) => error)];
    await clock.advance(100);
    ends.push(begin().catch((error: unknown) => error));
    await clock.advance(1);
    ends.push(begin().catch((error: unknown) => error));
    expect(new Set(signals).size).toBe(2);
    expect(signals[0]).toBe(signals[1]);
    caller.abort(new Error('enough'));
    for (const error of await Promise.all(ends)) expect((error as Error).message).toBe('enough');
    expect(clock.timers).toBe(0);
  });

  test('a caller whose signal has fired does not begin', async () => {
    const { deadline } = setUp(50);
    let began = false;
    await expect(
      deadline.run('call', AbortSignal.abort(new Error('over')), async () => {
        began = true;
      }),
    ).rejects.toThrow('over');
    expect(began).toBe(false);
  });
});
