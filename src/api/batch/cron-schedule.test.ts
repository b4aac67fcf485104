// Cron schedules: what they mean, and what is wrong with those that mean nothing.
import { expect, test } from 'vitest';
import { cronProblem, parseCronSchedule } from './cron-schedule.ts';
import { countIndexes } from './pod-failure-policy.ts';

const valuesOf = (text: string, field: 'minute' | 'hour' | 'dayOfMonth' | 'month' | 'dayOfWeek') => {
  const schedule = parseCronSchedule(text);
  return schedule.at === 'fields' ? [...schedule[field].values] : [];
};

test.each([
  ['*/15 * * * *', 'minute', [0, 15, 30, 45]],
  ['5/20 * * * *', 'minute', [5, 25, 45]],
  ['1,3-5 * * * *', 'minute', [1, 3, 4, 5]],
  ['0 0 * JAN,dec *', 'month', [1, 12]],
  ['0 0 * * mon-Wed', 'dayOfWeek', [1, 2, 3]],
  ['@weekly', 'dayOfWeek', [0]],
  ['  0   1  2 3 4 ', 'dayOfMonth', [2]],
] as const)('%s: %s', (text, field, values) => {
  expect(valuesOf(text, field)).toEqual(values);
});

test.each([
  ['', 'empty spec string'],
  ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
  ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
  ['* 24 * * *', 'end of range (24) above maximum (23): 24'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['5-3 * * * *', 'beginning of range (5) beyond end of range (3): 5-3'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
  ['*/2/3 * * * *', 'too many slashes: */2/3'],
  ['@never', 'unrecognized descriptor: @never'],
  ['@every x', 'failed to parse duration @every x: time: invalid duration "x"'],
])('%s is refused', (text, problem) => {
  expect(cronProblem(text)).toBe(problem);
});

test('a star says so, a star with a step does not', () => {
  const schedule = parseCronSchedule('* */2 * * ?');
  expect(schedule).toMatchObject({ minute: { star: true }, hour: { star: false }, dayOfWeek: { star: true } });
});

test('intervals are whole seconds', () => {
  expect(parseCronSchedule('@every 1h30m')).toEqual({ at: 'interval', everyMs: 5_400_000 });
  expect(parseCronSchedule('@every 1.9s')).toEqual({ at: 'interval', everyMs: 1000 });
});

test('index lists are counted', () => {
  expect(countIndexes('1,3-5,7', 10)).toBe(5);
  expect(countIndexes('', 10)).toBe(0);
  expect(countIndexes('3-1', 10)).toMatch(/non-increasing order/);
  expect(countIndexes('10', 10)).toMatch(/too large index/);
  expect(countIndexes('a', 10)).toMatch(/cannot convert/);
});
