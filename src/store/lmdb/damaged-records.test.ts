// Records whose content has changed on the disk: what each kind of them does to reads, watches, writes, compaction and the check.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open as openNative } from 'lmdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { systemFiles as fs } from '../../base/ports/fs.ts';
import { CompactedError, checkLmdbStore, openLmdbStore, type Store } from '../mod.ts';
import { bytes, takeChanges, text } from '../store.suite.ts';
import { encodeKey, encodeNumber } from './layout.ts';

let dir = '';
let opened: Store[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'minke-damaged-'));
});
afterEach(async () => {
  for (const store of opened) await store.close();
  opened = [];
  await rm(dir, { recursive: true, force: true });
});

async function open(log = silentLogger): Promise<Store> {
  const store = await openLmdbStore({ dir, clock: systemClock, fs, log });
  opened.push(store);
  return store;
}

const never = new AbortController().signal;
const create = (store: Store, key: string) => store.write({ do: 'create', key, value: bytes(`value of ${key}`), ttlSeconds: 3600 });
const problems = async () => (await checkLmdbStore(dir, fs)).problems.join('\n');

/** Revisions: 1 /a, 2 /b, 3 /c, 4 /b anew, 5 /c deleted. Then one byte of the record is changed. */
async function withDamage(table: 'log' | 'keys' | 'expiry' | 'meta', key: (all: readonly Buffer[]) => Buffer | undefined): Promise<void> {
  const store = await openLmdbStore({ dir, clock: systemClock, fs, log: silentLogger });
  for (const name of ['/a', '/b', '/c']) await create(store, name);
  await store.write({ do: 'update', key: '/b', value: bytes('again'), ifRevision: 2 });
  await store.write({ do: 'delete', key: '/c', ifRevision: 3 });
  await store.close();
  await spoil(table, (all) => [key(all) ?? Buffer.alloc(1)]);
}

/** Changes one byte of each of the records named. */
async function spoil(table: string, which: (all: readonly Buffer[]) => readonly Buffer[]): Promise<void> {
  const native = openNative<Buffer, Buffer>({
    path: dir,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    maxDbs: 8,
    pageSize: 8192,
  });
  const rows = native.openDB<Buffer, Buffer>({ name: table, encoding: 'binary', keyEncoding: 'binary' });
  for (const at of which([...rows.getKeys({ start: Buffer.from([0]) })].map((one) => Buffer.from(one)))) {
    const record = Buffer.from(rows.get(at) ?? []);
    record[record.length - 6] = (record[record.length - 6] ?? 0) ^ 4;
    await rows.put(at, record);
  }
  await native.close();
}
const ofRevision = (revision: number) => () => encodeNumber(revision);

test('a value that stands: it is unreadable and says so, everything else goes on, and it can be written anew or deleted', async () => {
  await withDamage('log', ofRevision(1));
  expect(await problems()).toContain('the record of revision 1 cannot be read: its check sum is wrong');
  const store = await open();
  const why = expect.stringMatching(/^the store's record of "\/a" at revision 1 is damaged: look with "minke store check"/);
  expect(await store.read('/a')).toEqual({ key: '/a', value: new Uint8Array(), revision: 1, createRevision: 1, unreadable: why });
  expect((await store.list('/')).items.map(({ key, unreadable }) => [key, unreadable !== undefined])).toEqual([
    ['/a', true],
    ['/b', false],
  ]);
  const watched = takeChanges(store.watch('/', 5, never), 2);
  await store.write({ do: 'update', key: '/a', value: bytes('new'), ifRevision: 1 });
  expect(text((await store.read('/a'))?.value ?? bytes(''))).toBe('new');
  await store.write({ do: 'delete', key: '/a', ifRevision: 6 });
  expect((await watched).map(({ type, previous }) => [type, previous?.unreadable !== undefined])).toEqual([
    ['put', true],
    ['delete', false],
  ]);
  await store.compact(7);
  await store.close();
  opened = [];
  expect(await problems()).toBe('');
});

test('of a store that is damaged all over, a hundred records are named in the log', async () => {
  const whole = await openLmdbStore({ dir, clock: systemClock, fs, log: silentLogger });
  for (let i = 0; i < 103; i++) await create(whole, `/k${i}`);
  await whole.close();
  await spoil('log', (all) => all);
  const said: unknown[] = [];
  const store = await open({ ...silentLogger, error: (_message, fields) => void said.push(fields?.what) });
  for (let i = 0; i < 2; i++) expect((await store.list('/')).items.filter(({ unreadable }) => unreadable)).toHaveLength(103);
  expect(said).toHaveLength(101);
  expect(said.at(-1)).toBe('more than what was named: "minke store check" names all');
});

test('a record of history: watches and lists from before it are told that history is gone, and compaction passes it', async () => {
  await withDamage('log', ofRevision(5));
  const store = await open();
  await expect(takeChanges(store.watch('/', 2, never), 3)).rejects.toBeInstanceOf(CompactedError);
  await expect(store.list('/', { revision: 4 })).rejects.toBeInstanceOf(CompactedError);
  await create(store, '/d');
  expect((await takeChanges(store.watch('/', 5, never), 1)).map(({ key }) => key)).toEqual(['/d']);
  await store.compact(6);
  await store.close();
  opened = [];
  expect(await problems()).toBe('');
});

test('an entry of a key, and the state: the store does not open, and the check says which', async () => {
  await withDamage('keys', () => encodeKey('/b'));
  expect(await problems()).toContain('the check sum of the entry of the key "/b" is wrong');
  await expect(open()).rejects.toThrow('its data is damaged. Restore the directory from a backup');
  await rm(dir, { recursive: true });
  await withDamage('meta', () => encodeKey('state'));
  await expect(open()).rejects.toThrow('its data is damaged. Restore the directory from a backup');
  await expect(checkLmdbStore(dir, fs)).rejects.toThrow('is damaged: it cannot be read to its end');
});

test('a time of expiry: its key stays, others go on, and the check says it', async () => {
  await withDamage('expiry', (all) => all[0]);
  expect(await problems()).toContain('the check sum of the expiry of revision 1 is wrong');
  const store = await open();
  expect((await store.list('/')).items.every(({ unreadable }) => unreadable === undefined)).toBe(true);
});
