// The memory backend: the contract, and the bound of its history.
import { describe, expect, test } from 'vitest';
import { bytes, storeContract, takeChanges } from '../store.suite.ts';
import { CompactedError } from '../store.ts';
import { openMemoryStore } from './memory-store.ts';

storeContract('memory', async (options) => openMemoryStore(options));

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
