// Leader election: one leader at a time, hand-over when it gives up, dies or is cut off.
import { describe, expect, test } from 'vitest';
import { SeededRandom, StoppedError, silentLogger, sleep, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { createInProcessTransport } from './in-process.ts';
import { runLeaderElection } from './leader-election.ts';
import { createMemoryHandler } from './memory-handler.fake.ts';
import { createClient } from './typed-client.ts';

function setup() {
  const clock = new VirtualClock({ settle: turn });
  const handler = createMemoryHandler(() => clock.nowMs());
  const leading: string[] = [];
  const history: string[] = [];
  let most = 0;
  const cut = new Set<string>();
  handler.before = () => {};
  function candidate(identity: string) {
    const stop = new AbortController();
    const own = {
      send: (...args: Parameters<typeof handler.send>) =>
        cut.has(identity) ? Promise.reject(new Error('cut off')) : handler.send(...args),
      watch: handler.watch,
    };
    const client = createClient(createInProcessTransport({ handler: own, user: { name: identity, groups: [] } }), {
      clock,
      userAgent: identity,
    });
    const done = runLeaderElection({
      client,
      clock,
      random: new SeededRandom(identity.length),
      log: silentLogger,
      signal: stop.signal,
      namespace: 'kube-system',
      name: 'controllers',
      identity,
      lead: async (signal) => {
        leading.push(identity);
        history.push(identity);
        most = Math.max(most, leading.length);
        await sleep(clock, 1e9, signal).catch(() => {});
        leading.splice(leading.indexOf(identity), 1);
      },
    });
    return { stop, done };
  }
  return { clock, candidate, leading, history, cut, most: () => most };
}

describe('leader election', () => {
  test('has exactly one leader, and hands over at once when it gives up', async () => {
    const { clock, candidate, leading, history, most } = setup();
    const a = candidate('a');
    await clock.advance(1000);
    const b = candidate('bb');
    await clock.advance(60_000);
    expect(leading).toEqual(['a']);
    a.stop.abort(new StoppedError());
    await a.done;
    await clock.advance(4_000);
    expect(leading).toEqual(['bb']);
    b.stop.abort(new StoppedError());
    await b.done;
    expect({ history, most: most(), timers: clock.timers }).toEqual({ history: ['a', 'bb'], most: 1, timers: 0 });
  });

  test('a leader that is cut off stops itself before another one takes over', async () => {
    const { clock, candidate, leading, cut, history, most } = setup();
    candidate('a');
    await clock.advance(5_000);
    candidate('bb');
    await clock.advance(5_000);
    cut.add('a');
    await clock.advance(13_000);
    expect(leading).toEqual([]);
    await clock.advance(6_000);
    expect(leading).toEqual(['bb']);
    cut.delete('a');
    await clock.advance(60_000);
    expect({ history, most: most() }).toEqual({ history: ['a', 'bb'], most: 1 });
  });
});
