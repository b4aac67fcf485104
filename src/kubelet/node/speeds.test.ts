import { expect, test } from 'vitest';
import { type Looks, looked } from './speeds.ts';

/** A counter that runs at `cores` cpus from each moment to the next. */
const series = (...steps: readonly (readonly [atSeconds: number, cores: number])[]) => {
  let looks: Looks | undefined;
  let cpuNanos = 0;
  let before = 0;
  for (const [at, cores] of steps) {
    cpuNanos += (at - before) * cores * 1e9;
    before = at;
    looks = looked(looks, { atMs: at * 1000, cpuNanos });
  }
  return looks?.speed && [looks.speed.nanoCores / 1e9, looks.speed.windowMs / 1000];
};

test.each([
  ['one look gives none', [[0, 0]], undefined],
  [
    'two give one',
    [
      [0, 0],
      [15, 2],
    ],
    [2, 15],
  ],
  [
    'two that are too near give none',
    [
      [0, 0],
      [0.5, 2],
    ],
    undefined,
  ],
  [
    'a near look has the speed of a longer while',
    [
      [0, 0],
      [15, 2],
      [20, 10],
    ],
    [4, 20],
  ],
  [
    'polled each 15 seconds, each is of its own 15 seconds',
    [
      [0, 0],
      [15, 2],
      [30, 4],
    ],
    [4, 15],
  ],
  ['polled each second, it is of the last 10 to 20', Array.from({ length: 60 }, (_, i) => [i, i < 40 ? 0 : 3]), [3, 19]],
  [
    'after a long silence, none',
    [
      [0, 0],
      [1000, 2],
    ],
    undefined,
  ],
  [
    'after a long silence, that of the second look',
    [
      [0, 0],
      [1000, 2],
      [1001, 1],
    ],
    [1, 1],
  ],
] as [string, (readonly [number, number])[], number[] | undefined][])('%s', (_, steps, wanted) => {
  expect(series(...steps)).toEqual(wanted);
});

test.each([
  ['a group that is young has that of its life', 100_000, { nanoCores: 50_000_000, windowMs: 100_000 }],
  ['one that is old has not', 1_000_000, undefined],
  ['nor has one that has just begun', 500, undefined],
])('%s', (_, ageMs, wanted) => {
  expect(looked(undefined, { atMs: 5_000_000, cpuNanos: 5e9 }, 5_000_000 - ageMs).speed).toEqual(wanted);
});

test('a counter that went back is no negative speed', () => {
  const before = looked(undefined, { atMs: 0, cpuNanos: 5e9 });
  expect(looked(before, { atMs: 10_000, cpuNanos: 1e9 }).speed?.nanoCores).toBe(0);
});
