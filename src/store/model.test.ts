// Random histories against the model, over the backends that need nothing but this process.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, test } from 'vitest';
import { silentLogger } from '../base/mod.ts';
import { systemClock } from '../base/ports/clock.ts';
import { systemFiles } from '../base/ports/fs.ts';
import { openLmdbStore, openMemoryStore, type Store } from './mod.ts';
import { checkHistory, histories } from './model.suite.ts';

const root = await mkdtemp(join(tmpdir(), 'minke-model-'));
afterAll(() => rm(root, { recursive: true, force: true }));

describe('random histories', () => {
  test('memory', async () => {
    await fc.assert(
      fc.asyncProperty(histories, (steps) =>
        checkHistory(
          steps,
          async () => openMemoryStore(),
          async (store) => store,
        ),
      ),
      { numRuns: 300 },
    );
  });

  test('lmdb', async () => {
    let count = 0;
    const openAt = (dir: string) => openLmdbStore({ dir, clock: systemClock, fs: systemFiles, log: silentLogger });
    await fc.assert(
      fc.asyncProperty(histories, async (steps) => {
        const dir = join(root, `${count++}`);
        const reopen = async (store: Store) => {
          await store.close();
          return openAt(dir);
        };
        await checkHistory(steps, () => openAt(dir), reopen);
      }),
      { numRuns: 30 },
    );
  });
});
