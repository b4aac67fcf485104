// A store as version 1 wrote it, without check sums: it opens and works, wherever an earlier upgrade was cut off.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, open as openNative } from 'lmdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { systemFiles as fs } from '../../base/ports/fs.ts';
import { checkLmdbStore, openLmdbStore, type Store } from '../mod.ts';
import { bytes, takeChanges } from '../store.suite.ts';
import { decodeNumber, decodePlainEntry, decodeState, encodeKey, encodeNumber, sealRecord, sumBytes } from './layout.ts';

type Table = Database<Buffer, Buffer>;
const tableNames = ['log', 'keys', 'marks', 'expiry', 'meta'] as const;

let root = '';
let dir = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'minke-upgrade-'));
  dir = join(root, 'store');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const open = (): Promise<Store> => openLmdbStore({ dir, clock: systemClock, fs, log: silentLogger });

async function withTables(change: (tables: Record<(typeof tableNames)[number], Table>) => void): Promise<void> {
  const native = openNative<Buffer, Buffer>({
    path: dir,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    maxDbs: 8,
    pageSize: 8192,
  });
  const tables = Object.fromEntries(
    tableNames.map((name) => [name, native.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' })]),
  ) as Record<(typeof tableNames)[number], Table>;
  await native.transaction(() => change(tables));
  await native.close();
}

const rowsOf = (table: Table) =>
  [...table.getRange({ start: Buffer.from([0]) })].map(({ key, value }) => [Buffer.from(key), Buffer.from(value)] as const);

/** Takes the check sums out, which is what tells the versions apart. */
const asVersion1 = (marker = '{"format":"minke-store","version":1}', sealedTo = 0) =>
  withTables(({ log, keys, marks, expiry, meta }) => {
    for (const table of [log, marks, expiry]) for (const [key, value] of rowsOf(table)) table.put(key, value.subarray(0, -sumBytes));
    for (const [key, value] of rowsOf(keys)) {
      const plain = value.subarray(0, -sumBytes);
      plain.writeUInt32BE(decodePlainEntry(plain).bytes - sumBytes, 16);
      keys.put(key, plain);
    }
    for (const [key, value] of rowsOf(log)) {
      const revision = decodeNumber(key);
      if (revision <= sealedTo) log.put(encodeNumber(revision), sealRecord(revision, Buffer.concat([value, Buffer.alloc(sumBytes)])));
    }
    const { revision, compacted, historyBytes } = decodeState(meta.get(encodeKey('state')) ?? Buffer.alloc(0));
    const state = Buffer.alloc(24);
    for (const [at, number] of [revision, compacted, historyBytes].entries()) state.writeDoubleBE(number, 8 * at);
    meta.put(encodeKey('state'), state);
    meta.put(encodeKey('format'), encodeKey(marker));
  });

async function fill(): Promise<void> {
  const store = await open();
  for (let i = 0; i < 40; i++)
    await store.write({ do: 'create', key: `/k${i}`, value: bytes('x'.repeat(i * 700)), ttlSeconds: i % 2 === 0 ? 3600 : undefined });
  for (let i = 0; i < 10; i++) await store.write({ do: 'update', key: `/k${i}`, value: bytes('again'), ifRevision: i + 1 });
  await store.write({ do: 'delete', key: '/k39', ifRevision: 40 });
  await store.compact(20);
  await store.close();
}

async function contentOf(store: Store) {
  return { page: await store.list('/'), history: await takeChanges(store.watch('/', 20, new AbortController().signal), 31) };
}

test.each([
  { what: 'as version 1 left it', marker: undefined, sealedTo: undefined },
  { what: 'with an upgrade that was cut off', marker: '{"format":"minke-store","version":2,"upgradedTo":33}', sealedTo: 33 },
])('a store $what opens with all that it had, takes writes, and is found sound', async ({ marker, sealedTo }) => {
  await fill();
  const before = await open();
  const content = await contentOf(before);
  await before.close();
  await asVersion1(marker, sealedTo);
  await expect(checkLmdbStore(dir, fs)).rejects.toThrow('is of an earlier version, without check sums. Start Minke with it once');
  const store = await open();
  expect(await contentOf(store)).toEqual(content);
  await store.write({ do: 'update', key: '/k7', value: bytes('after'), ifRevision: 48 });
  await store.write({ do: 'create', key: '/new', value: bytes('new') });
  await store.close();
  expect(await checkLmdbStore(dir, fs)).toMatchObject({ revision: 53, keys: 40, problems: [] });
  const again = await open();
  expect((await again.list('/')).items.every(({ unreadable }) => unreadable === undefined)).toBe(true);
  await again.close();
});

test('a record of version 1 that cannot be read at all is found damaged afterwards, and the others are well', async () => {
  await fill();
  await asVersion1();
  await withTables(({ log }) => void log.put(encodeNumber(30), Buffer.from([9, 9])));
  const store = await open();
  expect((await store.list('/')).items.filter(({ unreadable }) => unreadable !== undefined).map(({ key }) => key)).toEqual(['/k29']);
  await store.close();
  expect((await checkLmdbStore(dir, fs)).problems.join('\n')).toContain('the record of revision 30 cannot be read: its check sum is wrong');
});
