// The memory backend: the contract, and the bound of its history.
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/mod.ts';
import { systemClock, turn } from '../../base/ports/clock.ts';
import { etcdRecord } from '../etcd-record.suite.ts';
import { bytes, storeContract, takeChanges } from '../store.suite.ts';
import { CompactedError } from '../store.ts';
import { openMemoryStore } from './memory-store.ts';

storeContract('memory', async (options) => openMemoryStore(options));
etcdRecord('memory', { open: async (options) => openMemoryStore({ ...options, clock: systemClock }) });

describe('the history of the memory store', () => {
  test('keeps the newest events and no more', async () => {
    const store = openMemoryStore({ historyMax: 10 });
    for (let i = 1; i <= 100; i++) await store.write({ do: 'create', key: `/k${i}`, value: bytes('') });
    expect(await takeChanges(store.watch('/', 90, new AbortController().signal), 10)).toHaveLength(10);
    await expect(takeChanges(store.watch('/', 89, new AbortController().signal), 1)).rejects.toThrow(CompactedError);
    expect((await store.list('/', { revision: 95 })).items).toHaveLength(95);
    expect((await store.list('/')).items).toHaveLength(100);
  });
});

test('keys expire in order, by deletes like any other; a key that is written again begins anew', async () => {
  const clock = new VirtualClock({ settle: turn });
  const store = openMemoryStore({ clock });
  const watched = takeChanges(store.watch('/', 0, new AbortController().signal), 6);
  await store.write({ do: 'create', key: '/late', value: bytes('1'), ttlSeconds: 20 });
  await store.write({ do: 'create', key: '/soon', value: bytes('1'), ttlSeconds: 10 });
  await store.write({ do: 'create', key: '/stays', value: bytes('1') });
  await clock.advance(9_000);
  await store.write({ do: 'update', key: '/soon', value: bytes('2'), ifRevision: 2, ttlSeconds: 12 });
  await clock.advance(10_999);
  expect((await store.list('/')).items.map(({ key }) => key)).toEqual(['/late', '/soon', '/stays']);
  await clock.advance(60_000);
  expect((await store.list('/')).items.map(({ key }) => key)).toEqual(['/stays']);
  expect((await watched).slice(4).map(({ type, key, revision }) => [type, key, revision])).toEqual([
    ['delete', '/late', 5],
    ['delete', '/soon', 6],
  ]);
  await store.close();
  expect(clock.timers).toBe(0);
});
