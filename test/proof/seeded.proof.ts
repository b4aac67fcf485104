// The long form of seeded.test.ts, by `npm run prove`. MINKE_PROOF_SEEDS and MINKE_PROOF_SEED make it longer, or one seed again.
import { expect, test } from 'vitest';
import { checkSeeds } from './seeded-rounds.ts';

const count = Number(process.env.MINKE_PROOF_SEEDS ?? 5_000);
const first = Number(process.env.MINKE_PROOF_SEED ?? Date.now() % 1_000_000);

test.each([false, true])(
  `seeded faults, ${count} seeds from ${first}, compaction of everything: %s`,
  { timeout: 3_600_000 },
  async (compactsAll) => {
    const seen = await checkSeeds({ first, count, compactsAll });
    console.log(seen);
    expect(seen.done).toBeGreaterThan(count);
  },
);
