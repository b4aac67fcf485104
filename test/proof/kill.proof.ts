// The long form of test/e2e/kill.test.ts, by `npm run prove`. MINKE_PROOF_ROUNDS and MINKE_PROOF_SEED make it longer, or the same again;
// MINKE_PROOF_MINUTES ends it with what it has by then.
import { expect, test } from 'vitest';
import { brokenPromises } from './history.ts';
import { killRounds } from './kill-rounds.ts';

const rounds = Number(process.env.MINKE_PROOF_ROUNDS ?? 200);
const minutes = process.env.MINKE_PROOF_MINUTES;
const maxMs = minutes === undefined ? undefined : Number(minutes) * 60_000;
const seed = Number(process.env.MINKE_PROOF_SEED ?? Date.now() % 1_000_000);

const length = minutes === undefined ? `${rounds} rounds` : `rounds for ${minutes} minutes, ${rounds} at most`;

test(`kill -9, ${length}, seed ${seed}: 16 writers and 20 watchers that resume`, { timeout: 3_600_000 }, async () => {
  const history = await killRounds({ rounds, maxMs, seed, writers: 16, watchers: 20 });
  const count = (is: string) => history.attempts.filter(({ outcome }) => outcome.is === is).length;
  const events = history.watched.reduce((sum, { told }) => sum + told.length, 0);
  console.log(
    `${history.rounds} rounds: ${count('done')} writes acknowledged, ${count('refused')} refused, ${count('unknown')} without an answer; ${events} events told`,
  );
  expect(brokenPromises(history)).toEqual([]);
});
