// Checking, backing up and restoring a store on the disk. While it is in use: test/e2e/store.test.ts, for that takes two processes.
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, open as openNative } from 'lmdb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { systemFiles as fs } from '../../base/ports/fs.ts';
import { backupLmdbStore, checkLmdbStore, openLmdbStore, restoreLmdbStore, type Store } from '../mod.ts';
import { bytes, takeChanges } from '../store.suite.ts';
import { encodeEntry, encodeKey, encodeNumber, encodeRecord } from './layout.ts';

let root = '';
let dir = '';
let file = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'minke-maintenance-'));
  dir = join(root, 'store');
  file = join(root, 'backup');
  const store = await open();
  for (const key of ['/a', '/b', '/c']) await store.write({ do: 'create', key, value: bytes(key.repeat(1000)), ttlSeconds: 3600 });
  await store.write({ do: 'update', key: '/a', value: bytes('2'), ifRevision: 1 });
  await store.write({ do: 'update', key: '/b', value: bytes('2'), ifRevision: 2 });
  await store.write({ do: 'delete', key: '/c', ifRevision: 3 });
  await store.compact(4);
  await store.close();
});
afterEach(() => rm(root, { recursive: true, force: true }));

const open = (at = dir): Promise<Store> => openLmdbStore({ dir: at, clock: systemClock, fs, log: silentLogger });

async function damage(table: 'log' | 'keys', change: (table: Database<Buffer, Buffer>) => Promise<unknown>): Promise<void> {
  const native = openNative<Buffer, Buffer>({ path: dir, noSubdir: false, encoding: 'binary', keyEncoding: 'binary', maxDbs: 8 });
  await change(native.openDB<Buffer, Buffer>({ name: table, encoding: 'binary', keyEncoding: 'binary' }));
  await native.close();
}

describe('check', () => {
  test('a sound store', async () => {
    expect(await checkLmdbStore(dir, fs)).toEqual({ revision: 6, keys: 2, records: 5, problems: [] });
  });

  test.each([
    {
      what: 'a record of the history is gone',
      harm: () => damage('log', (log) => log.remove(encodeNumber(6))),
      says: 'the record of revision 6 is missing',
    },
    {
      what: 'a superseded value is gone',
      harm: () => damage('log', (log) => log.remove(encodeNumber(2))),
      says: 'the record of revision 2 is missing, which revision 5 of "/b" superseded',
    },
    {
      what: 'a standing value is gone',
      harm: () => damage('log', (log) => log.remove(encodeNumber(4))),
      says: 'the value of "/a" is missing: no record of revision 4',
    },
    { what: 'a key is gone', harm: () => damage('keys', (keys) => keys.remove(encodeKey('/a'))), says: 'the key "/a" is missing' },
    {
      what: 'a key points elsewhere',
      harm: () => damage('keys', (keys) => keys.put(encodeKey('/a'), encodeEntry('/a', { revision: 5, createRevision: 1, bytes: 9 }))),
      says: 'the key "/a" points at revision 5, which is a put of "/b"',
    },
    {
      what: 'a deleted key stands',
      harm: () => damage('keys', (keys) => keys.put(encodeKey('/c'), encodeEntry('/c', { revision: 3, createRevision: 3, bytes: 9 }))),
      says: 'the key "/c" stands, and the log says that it was deleted at revision 6',
    },
    {
      what: 'the log goes on',
      harm: () =>
        damage('log', (log) =>
          log.put(encodeNumber(9), encodeRecord(9, { type: 'put', key: '/z', createRevision: 9, previousRevision: 0, value: bytes('') })),
        ),
      says: 'the log goes on to revision 9, and the newest is 6',
    },
    {
      what: 'garbage',
      harm: () => damage('log', (log) => log.put(encodeNumber(5), Buffer.from([9]))),
      says: 'the record of revision 5 cannot be read',
    },
  ])('$what', async ({ harm, says }) => {
    await harm();
    expect((await checkLmdbStore(dir, fs)).problems.join('\n')).toContain(says);
  });

  test('a store does not start without its newest record, nor with keys from beyond it', async () => {
    await damage('log', (log) => log.remove(encodeNumber(6)));
    await expect(open()).rejects.toThrow('its data is damaged');
    expect(await readdir(dir)).toEqual(['data.mdb', 'lock.mdb']);
  });

  test('nothing there', async () => {
    await expect(checkLmdbStore(join(root, 'none'), fs)).rejects.toThrow('There is no store in');
  });
});

describe('backup and restore', () => {
  test('the restored store has every key, its history and its times of expiry', async () => {
    await backupLmdbStore(dir, file, fs);
    expect((await fs.stat(file))?.mode).toBe(0o600);
    const copy = join(root, 'copy');
    await restoreLmdbStore(file, copy, fs);
    expect(await checkLmdbStore(copy, fs)).toEqual(await checkLmdbStore(dir, fs));
    const [before, after] = [await open(), await open(copy)];
    expect(await after.list('/')).toEqual(await before.list('/'));
    const history = (store: Store) => takeChanges(store.watch('/', 4, new AbortController().signal), 2);
    expect(await history(after)).toEqual(await history(before));
    expect((await after.write({ do: 'create', key: '/d', value: bytes('x'.repeat(100_000)) })).revision).toBe(7);
    await before.close();
    await after.close();
    expect((await checkLmdbStore(copy, fs)).problems).toEqual([]);
    expect((await readdir(root)).sort()).toEqual(['backup', 'copy', 'store']);
  });

  test.each([
    { what: 'cut short', harm: async () => truncate(file, 10_000), says: 'it is not a backup of a store, or it is cut short' },
    { what: 'something else', harm: async () => writeFile(file, 'hello'), says: 'it is not a backup of a store, or it is cut short' },
    {
      what: 'a flipped bit',
      harm: async () => {
        const content = Buffer.from((await fs.read(file)) ?? []);
        content[9000] = (content[9000] ?? 0) ^ 1;
        await fs.write(file, content);
      },
      says: 'its check sum is wrong: the file is damaged',
    },
    {
      what: 'a part left out',
      harm: async () => {
        const content = Buffer.from((await fs.read(file)) ?? []);
        await fs.write(file, Buffer.concat([content.subarray(0, 8192), content.subarray(16_384)]));
      },
      says: 'bytes and should have',
    },
    { what: 'not there', harm: () => rm(file), says: 'there is no such file' },
  ])('$what is refused, and nothing is left behind', async ({ harm, says }) => {
    await backupLmdbStore(dir, file, fs);
    await harm();
    const copy = join(root, 'copy');
    await expect(restoreLmdbStore(file, copy, fs)).rejects.toThrow(says);
    expect(await fs.list(copy)).toEqual([]);
  });

  test('what stands is not overwritten: neither a store nor a file', async () => {
    await backupLmdbStore(dir, file, fs);
    await expect(restoreLmdbStore(file, dir, fs)).rejects.toThrow('it holds "data.mdb"');
    await expect(backupLmdbStore(dir, file, fs)).rejects.toThrow('it exists');
  });
});
