import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { isLongRunning, OpenRequests, RequestDeadline, timeoutOf } from './deadline.ts';
import { parseRequestInfo } from './request-info.ts';

test.each([
  ['/api', 60_000],
  ['/api?timeout=32s', 32_000],
  ['/api?timeout=1h', 60_000],
  ['/api?timeout=0', 60_000],
])('the timeout of %s is %s ms', (target, wanted) => {
  expect(timeoutOf(parseRequestInfo('GET', target))).toBe(wanted);
});

test.each([
  ['/api/v1/pods', false],
  ['/api/v1/pods?watch=1', true],
  ['/api/v1/namespaces/a/pods/b/log', true],
  ['/api/v1/namespaces/a/pods/b/exec', true],
  ['/api/v1/namespaces/a/pods/b/status', false],
  ['/readyz', false],
])('%s is long-running: %s', (target, wanted) => {
  expect(isLongRunning(parseRequestInfo('GET', target))).toBe(wanted);
});

describe('RequestDeadline', () => {
  const made = (ms: number | undefined, open?: OpenRequests) => {
    const clock = new VirtualClock({ settle: turn });
    const client = new AbortController();
    return { clock, client, deadline: new RequestDeadline({ clock, ms, client: () => client.signal, open }) };
  };

  test('no signal, no timer', () => {
    const { clock, deadline } = made(1000);
    expect(clock.timers).toBe(0);
    expect([deadline.signal.aborted, clock.timers]).toEqual([false, 1]);
  });

  test('the time counts from the beginning, not from when the signal is asked for', async () => {
    const { clock, deadline } = made(1000);
    await clock.advance(600);
    const { signal } = deadline;
    await clock.advance(400);
    expect(signal.reason).toMatchObject({ code: 504 });
  });

  test('the client’s going fires it with the client’s reason', () => {
    const { client, deadline } = made(undefined);
    const { signal } = deadline;
    client.abort(new Error('gone'));
    expect(signal.reason).toEqual(new Error('gone'));
  });

  test('its end lets go of everything, and fires for whoever still listens or asks later', () => {
    const open = new OpenRequests();
    const { clock, deadline } = made(1000, open);
    const { signal } = deadline;
    expect(open.size).toBe(1);
    deadline.end();
    deadline.end();
    expect([signal.aborted, open.size, clock.timers]).toEqual([true, 0, 0]);
    const late = made(1000).deadline;
    late.end();
    expect(late.signal.aborted).toBe(true);
  });

  test('lifted, it does not come, but the end of the server does', async () => {
    const open = new OpenRequests();
    const clock = new VirtualClock({ settle: turn });
    const deadline = new RequestDeadline({ clock, ms: 1000, client: () => new AbortController().signal, open: undefined, lifted: open });
    const { signal } = deadline;
    deadline.lift();
    await clock.advance(10_000);
    expect([signal.aborted, open.size, clock.timers]).toEqual([false, 1, 0]);
    open.stop();
    expect(signal.aborted).toBe(true);
    deadline.end();
    expect(open.size).toBe(0);
  });

  test('stopping the server fires those that are open and those that still come', () => {
    const open = new OpenRequests();
    const { signal } = made(undefined, open).deadline;
    open.stop();
    expect([signal.aborted, made(undefined, open).deadline.signal.aborted]).toEqual([true, true]);
  });
});
