// Letting go of the mapped pages: the process becomes smaller, and reads, lists, watches and writes go on across it as if nothing had been.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { silentLogger, VirtualClock } from '../../base/mod.ts';
import { systemClock, turn } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import type { StoreEvent } from '../mod.ts';
import { openDatabase } from './database.ts';
import { LmdbStore } from './lmdb-store.ts';
import { MappedPages } from './mapped.ts';

const mebibyte = 2 ** 20;
const mappedMb = async () => Number(/RssFile:\s+(\d+) kB/.exec(await readFile('/proc/self/status', 'utf8'))?.[1]) / 1024;

test('it is time a second after 16 MiB have been read and written, once', async () => {
  const clock = new VirtualClock({ settle: turn });
  let woken = 0;
  const mapped = new MappedPages(clock, () => woken++);
  mapped.touched(15 * mebibyte);
  await clock.advance(10_000);
  expect([woken, mapped.due]).toEqual([0, false]);
  mapped.touched(mebibyte);
  mapped.touched(mebibyte);
  await clock.advance(999);
  expect([woken, mapped.due]).toEqual([0, false]);
  await clock.advance(1);
  expect([woken, mapped.due]).toEqual([1, true]);
  mapped.gone();
  expect([mapped.due, clock.timers]).toEqual([false, 0]);
  mapped.touched(16 * mebibyte);
  mapped.stop();
  expect(clock.timers).toBe(0);
});

test('pages that a read and many writes have mapped are let go', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'minke-mapped-'));
  let letGo = () => {};
  const clock = {
    ...systemClock,
    after: (ms: number, then: () => void) => {
      if (ms !== 1_000) return systemClock.after(ms, then);
      letGo = then;
      return { cancel: () => {} };
    },
  };
  const file = await openDatabase(dir, systemFiles, () => false);
  const store = new LmdbStore(file, { dir, clock, fs: systemFiles, log: silentLogger }, { onLost: () => {}, release: async () => {} });
  try {
    const value = new Uint8Array(4_000).fill(7);
    for (let i = 0; i < 15; i++)
      await Promise.all(Array.from({ length: 1_000 }, (_, n) => store.write({ do: 'create', key: `/k${i * 1_000 + n}`, value })));
    expect((await store.list('/')).items.length).toBe(15_000);
    const before = await mappedMb();
    letGo();
    await store.write({ do: 'create', key: '/last', value });
    await store.write({ do: 'create', key: '/more', value }); // Its turn comes after the file has been opened.
    const after = await mappedMb();
    expect(before - after).toBeGreaterThan(30);
    expect((await store.read('/k1'))?.value.length).toBe(4_000);
  } finally {
    await store.close();
    await rm(dir, { recursive: true, force: true });
  }
});

test('readers, watches and writers go on while the file is let go again and again', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'minke-mapped-'));
  const file = await openDatabase(dir, systemFiles, () => false);
  const times: number[] = [];
  const letGo = file.letGo.bind(file);
  file.letGo = async () => {
    const startMs = performance.now();
    await letGo();
    times.push(performance.now() - startMs);
  };
  // Its timer fires in the next turn: the file is let go as often as the bytes allow.
  const clock = { ...systemClock, after: (ms: number, then: () => void) => systemClock.after(ms === 1_000 ? 0 : ms, then) };
  const store = new LmdbStore(file, { dir, clock, fs: systemFiles, log: silentLogger }, { onLost: () => {}, release: async () => {} });
  const stop = new AbortController();
  const told: number[] = [];
  try {
    const watching = (async (from: number) => {
      for await (const event of store.watch('/', from, stop.signal) as AsyncIterable<StoreEvent>)
        if (event.type !== 'progress') told.push(event.revision);
    })(0);
    let writing = true;
    const value = new Uint8Array(100_000).fill(3);
    const writers = Array.from({ length: 8 }, async (_, w) => {
      let { revision } = await store.write({ do: 'create', key: `/k${w}`, value });
      for (let i = 1; i < 20; i++) ({ revision } = await store.write({ do: 'update', key: `/k${w}`, value, ifRevision: revision }));
    });
    const readers = Array.from({ length: 8 }, async (_, r) => {
      let last = 0;
      while (writing) {
        const { revision = 0 } = (await store.read(`/k${r}`)) ?? {};
        expect(revision).toBeGreaterThanOrEqual(last);
        last = revision;
        for (const { unreadable } of (await store.list('/')).items) expect(unreadable).toBeUndefined();
        await turn();
      }
    });
    await Promise.all(writers);
    writing = false;
    await Promise.all(readers);
    while (told.length < 160) await turn();
    expect(told).toEqual(Array.from({ length: 160 }, (_, i) => i + 1));
    expect(times.length).toBeGreaterThan(5);
    stop.abort();
    await watching.catch(() => {});
  } finally {
    await store.close();
    await rm(dir, { recursive: true, force: true });
  }
}, 30_000);
