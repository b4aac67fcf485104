// The long form of src/store/lmdb/damage.test.ts, by `npm run prove`. MINKE_PROOF_COPIES and MINKE_PROOF_SEED make it longer, or one copy again.
import { expect, test } from 'vitest';
import { damageRounds } from '../../src/store/lmdb/damage.suite.ts';

const count = Number(process.env.MINKE_PROOF_COPIES ?? 3_000);
const first = Number(process.env.MINKE_PROOF_SEED ?? Date.now() % 1_000_000);

test(`${count} damaged copies of a store, from ${first} on: right data or an error that says so`, { timeout: 3_600_000 }, async () => {
  const { became, wrong } = await damageRounds({ first, count });
  console.log(became);
  expect(wrong).toEqual([]);
  expect(became.told).toBeGreaterThan(0);
});
