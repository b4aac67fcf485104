import { describe, expect, test } from 'vitest';
import { base64Problem, goNumberText, goTimeProblem } from './go-text.ts';

describe('times', () => {
  const layout = '2006-01-02T15:04:05Z07:00';
  test.each([
    ['2026-11-20T08:00:00Z', undefined],
    ['2026-11-20T08:00:00.123Z', undefined],
    ['2026-11-20T08:00:00+02:00', undefined],
    ['', `parsing time "" as "${layout}": cannot parse "" as "2006"`],
    ['2026-11-20', `parsing time "2026-11-20" as "${layout}": cannot parse "" as "T"`],
    ['2026-11-20 08:00:00Z', `parsing time "2026-11-20 08:00:00Z" as "${layout}": cannot parse " 08:00:00Z" as "T"`],
    ['2026-11-20T08:00:00', `parsing time "2026-11-20T08:00:00" as "${layout}": cannot parse "" as "Z07:00"`],
    ['2026-11-20T24:00:00Z', 'parsing time "2026-11-20T24:00:00Z": hour out of range'],
    ['2026-11-20T08:00:00Zx', 'parsing time "2026-11-20T08:00:00Zx": extra text: "x"'],
  ])('%s', (text, problem) => {
    expect(goTimeProblem(text, false)).toBe(problem);
  });

  test.each([
    ['2026-11-20T08:00:00.123456Z', true],
    ['2026-11-20T08:00:00.123Z', false],
    ['2026-11-20T08:00:00.1234567Z', false],
    ['2026-11-20T08:00:00Z', false],
  ])('micro time %s', (text, fine) => {
    expect(goTimeProblem(text, true) === undefined).toBe(fine);
  });
});

test.each([
  ['', undefined],
  ['YWJj', undefined],
  ['YWI=', undefined],
  ['YQ==', undefined],
  ['YW\nJj\n', undefined],
  ['YWJ', 'illegal base64 data at input byte 3'],
  ['YW-j', 'illegal base64 data at input byte 2'],
  ['Y===', 'illegal base64 data at input byte 1'],
])('base64 %j', (text, problem) => {
  expect(base64Problem(text)).toBe(problem);
});

test.each([
  [1, '1'],
  [0.5, '0.5'],
  [1e21, '1e+21'],
  [1.5e-7, '1.5e-07'],
  [-3, '-3'],
])('%d is written as %s', (value, text) => {
  expect(goNumberText(value)).toBe(text);
});
