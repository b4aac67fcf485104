// A million writes, by `npm run prove`: prints the file's size as it goes. MINKE_PROOF_WRITES makes it longer.
import { expect, test } from 'vitest';
import { churn, churnLines, growth } from './churn.ts';

const writes = Number(process.env.MINKE_PROOF_WRITES ?? 1_000_000);

test(`${writes} writes leave a file as large as what it keeps`, { timeout: 3_600_000 }, async () => {
  const samples = await churn({ writes, keys: 10_000, retentionBytes: 64 * 2 ** 20, seed: 1 });
  console.log(churnLines(samples));
  expect(growth(samples)).toBeLessThan(1.2);
});
