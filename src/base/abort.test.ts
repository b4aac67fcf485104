// The tools around AbortSignal: they see a signal that has fired already, and take their listeners away.
import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { aborted, childController, onAbort, raceAbort, StoppedError } from './abort.ts';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

describe('onAbort', () => {
  test('runs once with the reason, at once for a signal that has fired', () => {
    const stop = new AbortController();
    const seen: unknown[] = [];
    onAbort(stop.signal, (reason) => seen.push(reason));
    stop.abort('why');
    onAbort(stop.signal, (reason) => seen.push(reason));
    onAbort(undefined, () => seen.push('never'));
    expect(seen).toEqual(['why', 'why']);
  });

  test('its return value takes the listener away', () => {
    const stop = new AbortController();
    const off = onAbort(stop.signal, () => {});
    expect(listeners(stop.signal)).toBe(1);
    off();
    expect(listeners(stop.signal)).toBe(0);
  });
});

describe('childController', () => {
  test('fires with its parent, not the other way round, and unlinks', () => {
    const parent = new AbortController();
    const first = childController(parent.signal);
    const second = childController(parent.signal);
    first.controller.abort();
    expect(parent.signal.aborted).toBe(false);
    first.unlink();
    parent.abort(new StoppedError());
    expect(second.controller.signal.reason).toBeInstanceOf(StoppedError);
    expect(childController(undefined).controller.signal.aborted).toBe(false);
  });
});

describe('raceAbort', () => {
  test('settles as the promise does and leaves no listener', async () => {
    const stop = new AbortController();
    expect(await raceAbort(Promise.resolve(1), stop.signal)).toBe(1);
    await expect(raceAbort(Promise.reject(new Error('no')), stop.signal)).rejects.toThrow('no');
    expect(listeners(stop.signal)).toBe(0);
    expect(await raceAbort(Promise.resolve(2), undefined)).toBe(2);
  });

  test('rejects with the reason as soon as the signal fires', async () => {
    const stop = new AbortController();
    const waiting = raceAbort(new Promise(() => {}), stop.signal);
    const ended = aborted(stop.signal);
    stop.abort(new StoppedError('over'));
    await expect(waiting).rejects.toThrow('over');
    await ended;
  });
});
