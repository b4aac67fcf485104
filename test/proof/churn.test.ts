// The short form of churn.proof.ts: 30,000 writes.
import { expect, test } from 'vitest';
import { churn, churnLines, growth } from './churn.ts';

test('under steady churn the file of a store stays as large as what it keeps', async () => {
  const retentionBytes = 4 * 2 ** 20;
  const samples = await churn({ writes: 30_000, keys: 2_000, retentionBytes, seed: 1 });
  const last = samples.at(-1);
  expect(growth(samples), churnLines(samples)).toBeLessThan(1.3);
  expect(last?.fileBytes ?? 0, churnLines(samples)).toBeLessThan(4 * ((last?.standingBytes ?? 0) + retentionBytes));
});
