// sleep and withDeadline: how they end, and that they leave nothing behind.
import { describe, expect, test } from 'vitest';
import { DeadlineError, sleep, withDeadline } from './clock.ts';
import { turn } from './ports/clock.ts';
import { VirtualClock } from './virtual-clock.ts';

const newClock = () => new VirtualClock({ settle: turn });
const never = () => new Promise<never>(() => {});

describe('sleep', () => {
  test('resolves at its time and not before', async () => {
    const clock = newClock();
    let awake = false;
    void sleep(clock, 100).then(() => {
      awake = true;
    });
    await clock.advance(99);
    expect(awake).toBe(false);
    await clock.advance(1);
    expect(awake).toBe(true);
  });

  test('rejects with the reason of its signal, and leaves no timer', async () => {
    const clock = newClock();
    const stop = new AbortController();
    const sleeping = sleep(clock, 100, stop.signal);
    const reason = new Error('enough');
    stop.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    expect(clock.timers).toBe(0);
    await expect(sleep(clock, 100, stop.signal)).rejects.toBe(reason);
    expect(clock.timers).toBe(0);
  });
});

describe('withDeadline', () => {
  test('gives what the work gives, and leaves no timer', async () => {
    const clock = newClock();
    expect(await withDeadline({ clock, ms: 50, what: 'work' }, async () => 7)).toBe(7);
    await expect(withDeadline({ clock, ms: 50, what: 'work' }, async () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(clock.timers).toBe(0);
  });

  test('rejects at the deadline and fires the signal of the work, which may ignore it', async () => {
    const clock = newClock();
    let signal: AbortSignal | undefined;
    const result = withDeadline({ clock, ms: 50, what: 'The disk' }, (given) => {
      signal = given;
      return never();
    }).catch((error: unknown) => error);
    await clock.advance(49);
    expect(signal?.aborted).toBe(false);
    await clock.advance(1);
    const error = await result;
    expect(error).toBeInstanceOf(DeadlineError);
    expect((error as Error).message).toBe('The disk did not finish within 50 ms');
    expect(signal?.reason).toBe(error);
  });

  test("ends with the caller's signal", async () => {
    const clock = newClock();
    const stop = new AbortController();
    const result = withDeadline({ clock, ms: 50, what: 'work', signal: stop.signal }, never);
    stop.abort(new Error('stopped'));
    await expect(result).rejects.toThrow('stopped');
    expect(clock.timers).toBe(0);
    await expect(withDeadline({ clock, ms: 50, what: 'work', signal: stop.signal }, async () => 1)).rejects.toThrow('stopped');
  });

  test('work that throws at once leaves no timer', async () => {
    const clock = newClock();
    const result = withDeadline({ clock, ms: 50, what: 'work' }, () => {
      throw new Error('at once');
    });
    await expect(result).rejects.toThrow('at once');
    expect(clock.timers).toBe(0);
  });
});
