import { describe, expect, test } from 'vitest';
import { type CrossedSince, defaultThresholds, judge, type Threshold, thresholdValue } from './thresholds.ts';

const mi = 1024 ** 2;
const nobody: CrossedSince = new Map();

test.each([
  ['100Mi', 5, 100 * mi],
  ['10%', 1000, 100],
  ['0.5%', 1000, 5],
])('%s of %i is %i', (text, capacity, value) => expect(thresholdValue(text, capacity)).toBe(value));

test('what is crossed, memory first', () => {
  const observed = {
    'nodefs.available': { available: 9, capacity: 100 },
    'nodefs.inodesFree': { available: 6, capacity: 100 },
    'memory.available': { available: 99 * mi, capacity: 1000 * mi },
  };
  const { crossed, due } = judge(defaultThresholds, { observed, since: nobody, nowMs: 0 });
  expect(crossed.map((one) => [one.signal, one.pressure, one.resource, one.hard])).toEqual([
    ['memory.available', 'MemoryPressure', 'memory', true],
    ['nodefs.available', 'DiskPressure', 'ephemeral-storage', true],
  ]);
  expect(due).toEqual(crossed);
  expect(judge([], { observed: { 'memory.available': { available: 0, capacity: 1 } }, since: nobody, nowMs: 0 }).crossed).toEqual([]);
});

describe('over time', () => {
  /** Looks every second at what is left of 100 processes. Gives what was crossed, and what was due: `c` and `d`. */
  function look(threshold: Omit<Threshold, 'signal'>, ...left: readonly (number | undefined)[]): string[] {
    let since = nobody;
    return left.map((available, second) => {
      const observed = available === undefined ? {} : { 'pid.available': { available, capacity: 100 } };
      const judged = judge([{ signal: 'pid.available', ...threshold }], { observed, since, nowMs: second * 1000 });
      ({ since } = judged);
      return `${judged.crossed.length > 0 ? 'c' : ''}${judged.due.length > 0 ? 'd' : ''}`;
    });
  }

  test.each<[string, string[], string[]]>([
    ['a hard one is due at once', look({ value: '10' }, 10, 9, 10), ['', 'cd', '']],
    ['a soft one when it has lasted', look({ value: '10', graceMs: 2000 }, 9, 8, 9, 9), ['c', 'c', 'cd', 'cd']],
    ['a soft one that is over begins anew', look({ value: '10', graceMs: 2000 }, 9, 9, 50, 9, 9), ['c', 'c', '', 'c', 'c']],
    ['a soft one of no time is due at once', look({ value: '10%', graceMs: 0 }, 9), ['cd']],
    [
      'one with a minimum to reclaim lasts until that is there',
      look({ value: '10', reclaim: '5' }, 12, 9, 12, 15, 12),
      ['', 'cd', 'cd', '', ''],
    ],
    ['what was not observed is as it was', look({ value: '10', graceMs: 2000 }, 9, undefined, 9), ['c', '', 'cd']],
  ])('%s', (_name, seen, expected) => expect(seen).toEqual(expected));
});
