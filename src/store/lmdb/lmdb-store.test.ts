// The durable backend: the contract, on a directory of its own for each store.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { silentLogger } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { openLmdbStore } from '../mod.ts';
import { storeContract } from '../store.suite.ts';

const root = await mkdtemp(join(tmpdir(), 'minke-store-'));
afterAll(() => rm(root, { recursive: true, force: true }));

let stores = 0;
storeContract('lmdb', (options) =>
  openLmdbStore({ dir: join(root, `${stores++}`), clock: systemClock, fs: systemFiles, log: silentLogger, ...options }),
);
