// Histories of concurrent clients under seeded faults, in process: the short form of seeded.proof.ts. A failure names its seed.
import { expect, test } from 'vitest';
import { checkSeeds } from './seeded-rounds.ts';

test('whatever the disk does, and wherever the process dies, clients see one history', async () => {
  const { crashes, compactions, unknown, done } = await checkSeeds({ first: 1, count: 25, compactsAll: false });
  expect(Math.min(crashes, compactions, unknown)).toBeGreaterThan(10);
  expect(done).toBeGreaterThan(1_000);
});

test('when compaction takes what watchers have not seen, they list anew and end with what stands', async () => {
  const { crashes, relists } = await checkSeeds({ first: 1, count: 25, compactsAll: true });
  expect(Math.min(crashes, relists)).toBeGreaterThan(10);
});
