// Bits that flip, pages that are lost or in the wrong place, a file that is cut: what a store gives is right, or it says that it cannot.
import { expect, test } from 'vitest';
import { damageRounds } from './damage.suite.ts';

test('damage anywhere in the file: never wrong data, never a death, and the check finds what is read wrongly', {
  timeout: 120_000,
}, async () => {
  const { became, wrong } = await damageRounds({ first: 1, count: 40 });
  expect(wrong).toEqual([]);
  expect(became.refused).toBeGreaterThan(5);
  expect(became.told).toBeGreaterThan(5);
});
