import { expect, test } from 'vitest';
import { turn } from './ports/clock.ts';
import { Slices } from './slices.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Pieces begin under the numbers of the turns in which they do. */
function setUp(unitsMax: number) {
  let endTurn = () => {};
  let yields = 0;
  const clock = new VirtualClock({ settle: turn });
  clock.yield = () => {
    yields++;
    return new Promise((resolve) => {
      endTurn = resolve;
    });
  };
  const slices = new Slices(clock, unitsMax);
  const turns: string[][] = [[]];
  const ask = (name: string, units?: number) => {
    const wait = slices.enter(units);
    if (wait) void wait.then(() => turns.at(-1)?.push(name));
    else turns.at(-1)?.push(name);
  };
  const next = async () => {
    turns.push([]);
    endTurn();
    await turn();
  };
  return { slices, turns, ask, next, yields: () => yields };
}

test('a turn begins with so many, the others follow in their order, and nobody overtakes', async () => {
  const { slices, turns, ask, next } = setUp(3);
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) ask(name);
  expect(slices.waiting).toBe(4);
  await next();
  ask('h');
  await next();
  expect(turns).toEqual([
    ['a', 'b', 'c'],
    ['d', 'e', 'f'],
    ['g', 'h'],
  ]);
  expect(slices.waiting).toBe(0);
});

test('a piece counts by its size, and a turn in which a large one has begun begins with no other', async () => {
  const { turns, ask, next } = setUp(4);
  ask('small', 1);
  ask('huge', 100);
  ask('next', 1);
  await next();
  ask('after');
  expect(turns).toEqual([
    ['small', 'huge'],
    ['next', 'after'],
  ]);
});

test('once nobody comes any more it holds no turn', async () => {
  const { ask, next, yields, turns } = setUp(1);
  ask('a');
  ask('b');
  expect(yields()).toBe(1);
  await next();
  expect(yields()).toBe(2);
  await next();
  await next();
  expect(yields()).toBe(2);
  ask('c');
  expect(yields()).toBe(3);
  expect(turns.at(-1)).toEqual(['c']);
});
