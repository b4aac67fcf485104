// Wall time that jumps, forwards and backwards: keys expire by it, history is kept by it, and nothing that stands is lost by it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Clock, silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { CompactedError, openLmdbStore, type Store } from '../mod.ts';
import { bytes, takeChanges } from '../store.suite.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;
let dir = '';
let store: Store;
let virtual: VirtualClock;
let jumpedMs = 0;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'minke-clock-'));
  virtual = new VirtualClock({ settle: turn });
  jumpedMs = 0;
  const clock: Clock = {
    nowMs: () => virtual.nowMs() + jumpedMs,
    monotonicMs: () => virtual.monotonicMs(),
    after: (delayMs, run) => virtual.after(delayMs, run),
    yield: () => virtual.yield(),
  };
  store = await openLmdbStore({ dir, clock, fs: systemFiles, log: silentLogger, retentionMs: 10 * minuteMs });
});
afterEach(async () => {
  await store.close();
  expect(virtual.timers).toBe(0);
  await rm(dir, { recursive: true, force: true });
});

const create = (key: string, ttlSeconds?: number) => store.write({ do: 'create', key, value: bytes(key), ttlSeconds });
const keys = async () => (await store.list('/')).items.map(({ key }) => key);

/** Lets virtual minutes pass, each with some real time for the disk. */
async function minutes(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await virtual.advance(minuteMs);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('expiry', () => {
  test('after a jump forwards, what is due by the new time goes within a minute or so, and the rest stays', async () => {
    await create('/hour', 3600);
    await create('/week', 7 * 86_400);
    await create('/stays');
    jumpedMs = dayMs;
    await minutes(3);
    expect(await keys()).toEqual(['/stays', '/week']);
    await create('/later', 3600);
    await minutes(30);
    expect(await keys()).toEqual(['/later', '/stays', '/week']);
  });

  test('after a jump backwards, keys stand until their time comes again, and those written since go first', async () => {
    await create('/before', 3600);
    jumpedMs = -dayMs;
    await create('/since', 600);
    await create('/stays');
    await minutes(13);
    expect(await keys()).toEqual(['/before', '/stays']);
    jumpedMs = 0;
    await minutes(50);
    expect(await keys()).toEqual(['/stays']);
  });
});

describe('retention', () => {
  test('after a jump forwards, history may go, which is said; what stands is all there, and new history is kept', async () => {
    for (const key of ['/a', '/b', '/c']) await create(key);
    await minutes(2);
    jumpedMs = dayMs;
    await minutes(3);
    expect(await keys()).toEqual(['/a', '/b', '/c']);
    await expect(store.list('/', { revision: 1 })).rejects.toBeInstanceOf(CompactedError);
    await create('/d');
    await minutes(5);
    const [event] = await takeChanges(store.watch('/', 3, new AbortController().signal), 1);
    expect(event).toMatchObject({ key: '/d', revision: 4 });
  });

  test('after a jump backwards, nothing goes too early, and old history still goes', async () => {
    await create('/a');
    await minutes(2);
    jumpedMs = -dayMs;
    await create('/b');
    await minutes(5);
    expect((await store.list('/', { revision: 1 })).items).toHaveLength(1);
    await create('/c');
    await minutes(15);
    await expect(store.list('/', { revision: 1 })).rejects.toBeInstanceOf(CompactedError);
    expect(await keys()).toEqual(['/a', '/b', '/c']);
  });
});
