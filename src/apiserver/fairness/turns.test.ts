// Turns of the event loop shared out among requests: what passes at once, what waits, and in which order.
import { expect, test } from 'vitest';
import { VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { Turns } from './turns.ts';

/** A clock whose turns end when the test says so; each request takes `costMs` of its turn. */
function setUp(costMs: number) {
  let nowMs = 0;
  let endTurn = () => {};
  const clock = new VirtualClock({ settle: turn });
  clock.monotonicMs = () => nowMs;
  clock.yield = () =>
    new Promise((resolve) => {
      endTurn = resolve;
    });
  const turns = new Turns(clock);
  const ran: string[] = [];
  const ask = (level: string, name: string) => {
    const run = () => {
      nowMs += costMs;
      ran.push(name);
    };
    const wait = turns.enter(level);
    if (wait) void wait.then(run);
    else run();
  };
  const next = async () => {
    endTurn();
    await turn();
    return ran.splice(0, ran.length);
  };
  return { ask, next, ran };
}

test('short requests of one turn all pass at once, and nobody is awaited afterwards', async () => {
  const { ask, next, ran } = setUp(0.05);
  for (let n = 0; n < 16; n++) ask('a', `a${n}`);
  expect(ran).toHaveLength(16);
  expect(await next()).toHaveLength(16);
  ask('a', 'later');
  expect(ran).toEqual(['later']);
});

test('beyond the budget they wait, and a level with one request passes a level with many', async () => {
  const { ask, next, ran } = setUp(1);
  for (let n = 0; n < 50; n++) ask('many', `m${n}`);
  expect(ran.splice(0, ran.length)).toEqual(['m0', 'm1']);
  ask('lease', 'renewal');
  expect(await next()).toEqual(['m2', 'renewal']);
  ask('lease', 'again');
  // Who has been served goes to the end of the rotation.
  expect(await next()).toEqual(['m3', 'again']);
  expect(await next()).toEqual(['m4', 'm5']);
});

test('requests that are longer than the budget run one a turn, and all of them run', async () => {
  const { ask, next, ran } = setUp(30);
  for (let n = 0; n < 5; n++) ask('a', `a${n}`);
  const turnsTaken = [ran.splice(0, ran.length)];
  while (turnsTaken.flat().length < 5) turnsTaken.push(await next());
  expect(turnsTaken).toEqual([['a0'], ['a1'], ['a2'], ['a3'], ['a4']]);
});
