import { expect, test } from 'vitest';
import { parseDurationMs } from './duration.ts';

test.each([
  ['30s', 30_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['500ms', 500],
  ['-1s', -1000],
  ['0', 0],
  ['10', undefined],
  ['', undefined],
  ['1s x', undefined],
])('parseDurationMs(%j) is %s', (text, wanted) => {
  expect(parseDurationMs(text)).toBe(wanted);
});
