// kill -9 under load, from outside: no acknowledged write is lost, and no watcher misses, repeats or reorders one. `npm run prove` is the long form.
import { expect, test } from 'vitest';
import { brokenPromises } from '../proof/history.ts';
import { killRounds } from '../proof/kill-rounds.ts';

test('writers and watchers over rounds of kill -9 see one history', async () => {
  const history = await killRounds({ rounds: 5, seed: 1, writers: 16, watchers: 20 });
  expect(history.attempts.filter(({ outcome }) => outcome.is === 'done').length).toBeGreaterThan(100);
  expect(history.watched.every(({ told }) => told.length > 100)).toBe(true);
  expect(brokenPromises(history)).toEqual([]);
});
