// The durable backend: the contract, on a directory of its own for each store.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { SeededRandom, silentLogger } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { etcdRecord } from '../etcd-record.suite.ts';
import { openLmdbStore, type Store } from '../mod.ts';
import { storeContract, takeChanges } from '../store.suite.ts';

const root = await mkdtemp(join(tmpdir(), 'minke-store-'));
afterAll(() => rm(root, { recursive: true, force: true }));

const roundsMax = 20;
let stores = 0;
const openAt = (dir: string, options: { readonly watchQueueMax?: number } = {}): Promise<Store> =>
  openLmdbStore({ dir, clock: systemClock, fs: systemFiles, log: silentLogger, ...options });
storeContract('lmdb', (options) => openAt(join(root, `${stores++}`), options));

const dirs = new Map<Store, string>();
etcdRecord('lmdb', {
  open: async (options) => {
    const dir = join(root, `${stores++}`);
    const store = await openAt(dir, options);
    dirs.set(store, dir);
    return store;
  },
  reopen: async (store) => {
    const dir = dirs.get(store) ?? '';
    await store.close();
    const next = await openAt(dir);
    dirs.set(next, dir);
    return next;
  },
});

test('closed in the middle of writes, lists, watches and compaction: each ends well or with an error of the contract', async () => {
  const random = new SeededRandom(7);
  for (let round = 0; round < roundsMax; round++) {
    const dir = join(root, `closing-${round}`);
    const store = await openLmdbStore({ dir, clock: systemClock, fs: systemFiles, log: silentLogger });
    const write = (i: number) => store.write({ do: 'create', key: `/k${i}`, value: new Uint8Array(random.below(5_000)) });
    await Promise.all(Array.from({ length: 50 }, (_, i) => write(i)));
    const work = [
      ...Array.from({ length: 50 }, (_, i) => write(50 + i)),
      ...Array.from({ length: 5 }, () => store.list('/', { revision: random.below(50) })),
      takeChanges(store.watch('/', random.below(50), new AbortController().signal), 1_000),
      store.compact(random.below(50)),
      store.read('/k1'),
    ];
    const ended = Promise.allSettled(work);
    for (let turns = random.below(8); turns > 0; turns--) await systemClock.yield();
    await store.close();
    for (const result of await ended) {
      if (result.status === 'rejected') expect(result.reason.name).toMatch(/^(ClosedError|CompactedError|StoreIoError)$/);
    }
  }
});
