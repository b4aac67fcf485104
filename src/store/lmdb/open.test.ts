// Opening the durable store: what it finds again, what it refuses and in which words, and what it leaves behind.
import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open as openNative } from 'lmdb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger, VirtualClock } from '../../base/mod.ts';
import { systemClock, turn } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import {
  backupLmdbStore,
  CompactedError,
  checkLmdbStore,
  type LmdbStoreOptions,
  openLmdbStore,
  type Store,
  StoreOpenError,
} from '../mod.ts';
import { bytes, takeChanges, text } from '../store.suite.ts';

let dir = '';
let opened: Store[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'minke-open-'));
});
afterEach(async () => {
  for (const store of opened) await store.close();
  opened = [];
  await rm(dir, { recursive: true, force: true });
});

async function open(options: Partial<LmdbStoreOptions> = {}): Promise<Store> {
  const store = await openLmdbStore({ dir, clock: systemClock, fs: systemFiles, log: silentLogger, ...options });
  opened.push(store);
  return store;
}

async function refusal(options: Partial<LmdbStoreOptions> = {}): Promise<string> {
  const error = await open(options).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(StoreOpenError);
  return (error as Error).message;
}

const create = (store: Store, key: string, value = key) => store.write({ do: 'create', key, value: bytes(value) });

describe('a reopened store', () => {
  test('has every key, value, revision and its history', async () => {
    const first = await open();
    await create(first, '/a', '1');
    await create(first, '/b', '1');
    await first.write({ do: 'update', key: '/a', value: bytes('2'), ifRevision: 1 });
    await first.write({ do: 'delete', key: '/b', ifRevision: 2 });
    const before = await takeChanges(first.watch('/', 0, new AbortController().signal), 4);
    await first.close();
    const second = await open();
    expect(await second.revision()).toBe(4);
    expect(await second.read('/a')).toEqual({ key: '/a', value: bytes('2'), revision: 3, createRevision: 1 });
    expect(await takeChanges(second.watch('/', 0, new AbortController().signal), 4)).toEqual(before);
    expect((await second.list('/', { revision: 2 })).items.map(({ key }) => key)).toEqual(['/a', '/b']);
    expect((await create(second, '/c')).revision).toBe(5);
  });

  test('remembers what was compacted, the revision too when nothing stands', async () => {
    const first = await open();
    await create(first, '/a');
    await first.write({ do: 'delete', key: '/a', ifRevision: 1 });
    await first.compact(2);
    await first.close();
    const second = await open();
    expect(await second.revision()).toBe(2);
    await expect(second.list('/', { revision: 1 })).rejects.toBeInstanceOf(CompactedError);
    expect((await create(second, '/a')).revision).toBe(3);
  });

  test('leaves no lock behind, and lets nobody else read its directory and file', async () => {
    const path = join(dir, 'new', 'store');
    const store = await open({ dir: path });
    expect((await systemFiles.stat(path))?.mode).toBe(0o700);
    expect((await systemFiles.stat(join(path, 'data.mdb')))?.mode).toBe(0o600);
    await store.close();
    expect((await readdir(path)).sort()).toEqual(['data.mdb', 'lock.mdb']);
  });
});

describe('the store refuses', () => {
  test('a directory that this process holds, and takes it once it is free', async () => {
    const store = await open();
    expect(await refusal()).toBe(
      `Cannot open the store in "${dir}": process ${process.pid} uses it. Stop that process, or name another --data-dir.`,
    );
    await store.close();
    await open();
  });

  test('a directory with other files', async () => {
    await writeFile(join(dir, 'thesis.txt'), 'precious');
    expect(await refusal()).toBe(`Cannot make a store in "${dir}": it holds other files (thesis.txt). Name an empty or new --data-dir.`);
    expect(await readdir(dir)).toEqual(['thesis.txt']);
  });

  test('a file that is not LMDB', async () => {
    await writeFile(join(dir, 'data.mdb'), Buffer.alloc(100_000, 'garbage'));
    expect(await refusal()).toContain('the file data.mdb is not an LMDB file. Restore the directory from a backup');
  });

  test('a file that is cut short', async () => {
    const store = await open();
    for (let i = 0; i < 50; i++) await create(store, `/k${i}`, 'x'.repeat(5000));
    await store.close();
    await truncate(join(dir, 'data.mdb'), 65_536);
    expect(await refusal()).toContain('the file data.mdb is cut short (65536 bytes of ');
  });

  test('a file of which a page is lost, before the library trips over it', async () => {
    const store = await open();
    for (let i = 0; i < 50; i++) await create(store, `/k${i}`, 'x'.repeat(5000));
    await store.close();
    const file = join(dir, 'data.mdb');
    const content = await readFile(file);
    const metas = [0, 8192].map((at) => ({ transaction: content.readUInt32LE(at + 152), root: content.readUInt32LE(at + 136) }));
    const root = Math.max(...metas.map(({ transaction }) => transaction)) === metas[0]?.transaction ? metas[0].root : (metas[1]?.root ?? 0);
    await writeFile(file, content.fill(0, root * 8192, (root + 1) * 8192));
    expect(await refusal()).toBe(
      `Cannot open the store in "${dir}": the pages of data.mdb are damaged (page ${root} says that it is another page). Restore the directory from a backup, or name another --data-dir.`,
    );
    await expect(checkLmdbStore(dir, systemFiles)).rejects.toThrow('the pages of data.mdb are damaged');
    await expect(backupLmdbStore(dir, join(dir, 'copy'), systemFiles)).rejects.toThrow('the pages of data.mdb are damaged');
  });

  test('an LMDB file of somebody else, and a format that it does not know', async () => {
    const native = () => openNative<Buffer, Buffer>({ path: dir, noSubdir: false, encoding: 'binary', keyEncoding: 'binary', maxDbs: 8 });
    let foreign = native();
    await foreign.openDB<Buffer, Buffer>({ name: 'users', encoding: 'binary', keyEncoding: 'binary' }).put(bytesKey('a'), bytesKey('b'));
    await foreign.close();
    expect(await refusal()).toBe(`Cannot open the store in "${dir}": its LMDB file is not Minke's. Name another --data-dir.`);
    await rm(dir, { recursive: true });
    await (await open()).close();
    foreign = native();
    const meta = foreign.openDB<Buffer, Buffer>({ name: 'meta', encoding: 'binary', keyEncoding: 'binary' });
    await meta.put(bytesKey('format'), bytesKey('{"format":"minke-store","version":9}'));
    await foreign.close();
    expect(await refusal()).toContain('its format is {"format":"minke-store","version":9}, and this version of Minke reads');
  });

  test('a path that is a file', async () => {
    await writeFile(join(dir, 'file'), '');
    expect(await refusal({ dir: join(dir, 'file') })).toContain('Make it a directory that this user can write to');
  });
});

describe('a stale lock', () => {
  test('of a dead process, of another process with the same number, and of another boot is taken over', async () => {
    const boot = (await systemFiles.readText('/proc/sys/kernel/random/boot_id'))?.trim();
    const stale = [`holder-999999999-1-${boot}.lock`, `holder-${process.pid}-1-${boot}.lock`, `holder-1-1-0f0f0f0f-0000.lock`];
    for (const name of stale) await writeFile(join(dir, name), '');
    await open();
    expect((await readdir(dir)).filter((name) => stale.includes(name))).toEqual([]);
  });
});

describe('a lock of another PID namespace', () => {
  const foreign = async () => {
    const boot = (await systemFiles.readText('/proc/sys/kernel/random/boot_id'))?.trim();
    return join(dir, `holder-1-1-${boot}-ns1.lock`);
  };

  test('is respected while its holder touches it, and taken over when it has been still for long', async () => {
    const path = await foreign();
    await writeFile(path, '');
    expect(await refusal()).toContain('process 1 of another container uses it');
    await utimes(path, new Date(), new Date(Date.now() - 31_000));
    await open();
    expect(await systemFiles.exists(path)).toBe(false);
  });

  test('a holder touches its own, and writes no more once it has been taken away', async () => {
    const clock = new VirtualClock({ settle: turn });
    const store = await open({ clock });
    const [name = ''] = (await readdir(dir)).filter((one) => one.startsWith('holder-'));
    expect(name).toMatch(/-ns\d+\.lock$/);
    const past = new Date(Date.now() - 60_000);
    await utimes(join(dir, name), past, past);
    const settle = async (done: () => Promise<boolean>) => {
      for (let i = 0; i < 500 && !(await done()); i++) {
        await clock.advance(5_000);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    await settle(async () => ((await systemFiles.stat(join(dir, name)))?.modifiedMs ?? 0) > past.getTime());
    expect((await systemFiles.stat(join(dir, name)))?.modifiedMs).toBeGreaterThan(past.getTime());
    await rm(join(dir, name));
    let error: unknown;
    await settle(async () => {
      error = await create(store, `/k${Math.random()}`).then(
        () => undefined,
        (e: unknown) => e,
      );
      return error !== undefined;
    });
    expect(String(error)).toContain('another process has taken it');
  });
});

describe('expiry', () => {
  test('survives a restart, goes in steps, and spares what was written again', async () => {
    const clock = new VirtualClock({ settle: turn });
    const first = await open({ clock });
    const keys = Array.from({ length: 450 }, (_, i) => `/e/${i}`);
    await Promise.all(keys.map((key) => first.write({ do: 'create', key, value: bytes(key), ttlSeconds: 3600 })));
    await first.write({ do: 'create', key: '/stays', value: bytes('') });
    const kept = await first.read('/e/7');
    await first.write({ do: 'update', key: '/e/7', value: bytes('again'), ifRevision: kept?.revision ?? 0 });
    await clock.advance(1_800_000);
    await first.close();
    const store = await open({ clock });
    const deletes = takeChanges(store.watch('/e/', await store.revision(), new AbortController().signal), 449);
    await clock.advance(1_799_000);
    expect((await store.list('/e/')).items).toHaveLength(450);
    let left = 450;
    // The disk keeps real time.
    for (let i = 0; i < 1000 && left > 1; i++) {
      await clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 2));
      left = (await store.list('/e/')).items.length;
    }
    expect((await store.list('/')).items.map(({ key }) => key)).toEqual(['/e/7', '/stays']);
    expect(new Set((await deletes).map(({ type, key }) => `${type} ${key}`)).size).toBe(449);
    await store.close();
    const again = await open({ clock });
    await clock.advance(1_000);
    await again.close();
    expect(clock.timers).toBe(0);
    opened = [];
  });
});

describe('retention', () => {
  const minute = 60_000;

  test('drops history by age, and keeps what stands', async () => {
    const clock = new VirtualClock({ settle: turn });
    const store = await open({ clock, retentionMs: 10 * minute });
    await create(store, '/a', '1');
    await clock.advance(minute);
    await store.write({ do: 'update', key: '/a', value: bytes('2'), ifRevision: 1 });
    await clock.advance(9 * minute);
    expect((await store.list('/', { revision: 1 })).items).toHaveLength(1);
    // The disk keeps real time: let it catch up with each virtual minute.
    let error: unknown;
    for (let i = 0; i < 1000 && !error; i++) {
      await clock.advance(minute);
      await new Promise((resolve) => setTimeout(resolve, 1));
      error = await store.list('/', { revision: 1 }).then(
        () => undefined,
        (e: unknown) => e,
      );
    }
    expect(error).toBeInstanceOf(CompactedError);
    expect((await store.list('/', { revision: 2 })).items).toHaveLength(1);
    expect(text((await store.read('/a'))?.value ?? bytes(''))).toBe('2');
    await store.close();
    opened = [];
    expect(clock.timers).toBe(0);
  });

  test('drops history by size: a key overwritten for ever does not fill the disk', async () => {
    const store = await open({ retentionBytes: 200_000 });
    let { revision } = await create(store, '/a');
    for (let i = 0; i < 1500; i++) {
      ({ revision } = await store.write({ do: 'update', key: '/a', value: new Uint8Array(2000).fill(i), ifRevision: revision }));
    }
    await expect(store.list('/', { revision: 1 })).rejects.toBeInstanceOf(CompactedError);
    expect((await systemFiles.stat(join(dir, 'data.mdb')))?.sizeBytes).toBeLessThan(3_000_000);
    const replayed = await takeChanges(store.watch('/', revision - 20, new AbortController().signal), 20);
    expect(replayed.at(-1)?.revision).toBe(revision);
  });
});

function bytesKey(value: string): Buffer {
  return Buffer.from(value);
}
