// A disk that fails at a given step of a commit, over a real file: what is acknowledged stays, what failed is not shown unless it happened, and the store
// goes on when the disk does.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SeededRandom, silentLogger, VirtualClock } from '../../base/mod.ts';
import { systemClock, turn } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { type Store, type StoreEvent, StoreIoError } from '../mod.ts';
import { bytes, text } from '../store.suite.ts';
import { type Changes, type LmdbFile, openDatabase } from './database.ts';
import { LmdbStore } from './lmdb-store.ts';

/** Where a commit fails: before it, half way through it, or after all is on the disk. `unusable`: after it, and nothing can be read until the file is opened anew. */
type Step = 'before' | 'midway' | 'after' | 'unusable';

let dir = '';
let closing: (() => Promise<void>)[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'minke-faults-'));
});
afterEach(async () => {
  for (const close of closing) await close();
  closing = [];
  await rm(dir, { recursive: true, force: true });
});

const broken = () => new StoreIoError('Cannot write to the store', { cause: new Error('Input/output error') });

/** A real file whose next commit fails where `fail.at` says, and that refuses to be opened anew so many times. */
async function scripted() {
  const real = await openDatabase(dir, systemFiles, () => false);
  const fail: { at: Step | undefined; reopens: number; refusals: number; unusable: boolean; lost: number } = {
    at: undefined,
    reopens: 0,
    refusals: 0,
    unusable: false,
    lost: 0,
  };
  const commit = async (change: (changes: Changes) => void) => {
    const { at } = fail;
    fail.at = undefined;
    if (fail.unusable || at === 'before') throw broken();
    if (at === 'midway')
      return real.commit((changes) => {
        change({
          ...changes,
          setState: () => {
            throw broken();
          },
        });
      });
    await real.commit(change);
    if (at === 'unusable') fail.unusable = true;
    if (at !== undefined) throw broken();
  };
  const reopen = async () => {
    fail.reopens++;
    if (fail.refusals-- > 0) throw new Error('Input/output error');
    await real.reopen();
    fail.unusable = false;
  };
  const state = () => ({ ...real.state(), revision: real.state().revision - fail.lost });
  const own: Partial<Record<PropertyKey, unknown>> = { commit, reopen, state };
  const file = new Proxy(real, {
    get: (target, name) => {
      if (fail.unusable && name !== 'reopen' && name !== 'commit' && name !== 'close') throw new Error('MDB_PANIC');
      const found = own[name] ?? Reflect.get(target, name, target);
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
  return { file: file as LmdbFile, fail };
}

async function open(clock = systemClock as VirtualClock | typeof systemClock) {
  const { file, fail } = await scripted();
  const lock = { onLost: () => {}, release: async () => {} };
  const store = new LmdbStore(file, { dir, clock, fs: systemFiles, log: silentLogger }, lock);
  const stop = new AbortController();
  const events: Exclude<StoreEvent, { type: 'progress' }>[] = [];
  const watching = (async () => {
    for await (const event of store.watch('/', 0, stop.signal)) if (event.type !== 'progress') events.push(event);
  })().catch(() => {});
  const close = async () => {
    stop.abort();
    await watching;
    await store.close();
  };
  closing.push(close);
  return { store, fail, events, close };
}

const create = (store: Store, key: string) => store.write({ do: 'create', key, value: bytes(key) });
const outcome = (writing: Promise<{ revision: number }>) =>
  writing.then(
    ({ revision }) => revision,
    (error: Error) => error.message,
  );
const keysOf = async (store: Store) => (await store.list('/')).items.map(({ key }) => key);

describe('a commit that fails', () => {
  test.each(['before', 'midway'] as const)('%s anything counts: nothing of it is shown, and the next one goes through', async (at) => {
    const { store, fail, events } = await open();
    await create(store, '/a');
    fail.at = at;
    expect(await Promise.all([outcome(create(store, '/b')), outcome(create(store, '/c'))])).toEqual(
      Array(2).fill('Cannot write to the store'),
    );
    expect([await store.revision(), await store.read('/b'), fail.reopens]).toEqual([1, undefined, 0]);
    expect(await outcome(create(store, '/c'))).toBe(2);
    await turn();
    expect(events.map(({ key, revision }) => `${key}@${revision}`)).toEqual(['/a@1', '/c@2']);
  });

  test.each(['after', 'unusable'] as const)('%s it counts: the file is opened anew, and what happened is shown to all', async (at) => {
    const { store, fail, events } = await open();
    await create(store, '/a');
    fail.at = at;
    expect(await outcome(create(store, '/b'))).toBe('Cannot write to the store');
    while (fail.reopens === 0 || (await outcome(create(store, '/c'))) !== 3) await turn();
    expect(await keysOf(store)).toEqual(['/a', '/b', '/c']);
    await turn();
    expect(events.map(({ key, revision }) => `${key}@${revision}`)).toEqual(['/a@1', '/b@2', '/c@3']);
  });
});

describe('a disk that stays broken', () => {
  test('refuses writes in clear words, is tried each second, and the store goes on when it answers', async () => {
    const clock = new VirtualClock({ settle: turn });
    const { store, fail, close } = await open(clock);
    await create(store, '/a');
    Object.assign(fail, { at: 'unusable', refusals: 3 });
    expect(await outcome(create(store, '/b'))).toBe('Cannot write to the store');
    for (let seconds = 1; seconds <= 3; seconds++) {
      expect(await outcome(create(store, '/c'))).toBe('Cannot write to the store: the disk failed, and is being read anew');
      expect(fail.reopens).toBe(seconds);
      await clock.advance(1_000);
    }
    let written: unknown;
    for (let i = 0; i < 1000 && written !== 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1)); // The disk keeps real time.
      written = await outcome(create(store, '/c'));
    }
    expect(await keysOf(store)).toEqual(['/a', '/b', '/c']);
    await close();
    expect(clock.timers).toBe(0);
  });

  test('does not hold up closing the store', async () => {
    const clock = new VirtualClock({ settle: turn });
    const { store, fail, close } = await open(clock);
    Object.assign(fail, { at: 'unusable', refusals: 1e9 });
    await outcome(create(store, '/b'));
    await close();
    expect(clock.timers).toBe(0);
  });

  test('that comes back without what was acknowledged takes no more writes', async () => {
    const { store, fail } = await open();
    await create(store, '/a');
    await create(store, '/b');
    Object.assign(fail, { at: 'unusable', lost: 2 });
    await outcome(create(store, '/c'));
    while (!(await outcome(create(store, '/d')).then(String)).includes('has lost')) await turn();
    expect(await outcome(create(store, '/d'))).toBe(
      'Cannot write to the store: the disk has lost what was acknowledged. Restore the data directory from a backup',
    );
  });
});

test('a failure at any step of any commit, and restarts in between: acknowledged writes stay, and history is one', async () => {
  const steps: (Step | 'restart' | undefined)[] = ['before', 'midway', 'after', 'unusable', 'restart', undefined, undefined, undefined];
  const random = new SeededRandom(11);
  const acknowledged = new Map<string, number>();
  let now = await open();
  for (let i = 0; i < 200; i++) {
    const at = steps[random.below(steps.length)];
    if (at === 'restart') {
      await now.close();
      now = await open();
      continue;
    }
    now.fail.at = at;
    const keys = Array.from({ length: 1 + random.below(4) }, (_, n) => `/k${i}-${n}`);
    const results = await Promise.all(keys.map((key) => outcome(create(now.store, key))));
    for (const [n, result] of results.entries()) if (typeof result === 'number') acknowledged.set(keys[n] ?? '', result);
    await turn();
  }
  while (typeof (await outcome(create(now.store, '/last'))) !== 'number') await turn();
  await now.close();
  const { store, events } = await open();
  const { items, revision } = await store.list('/');
  while (events.length < revision) await turn();
  expect(events.map((event) => event.revision)).toEqual(Array.from({ length: revision }, (_, i) => i + 1));
  expect(events.map(({ key }) => key).sort()).toEqual(items.map(({ key }) => key));
  const standing = new Map(items.map((item) => [item.key, item.revision]));
  for (const [key, at] of acknowledged) expect([key, standing.get(key)]).toEqual([key, at]);
  for (const { key, value } of items) expect(text(value)).toBe(key);
  expect(acknowledged.size).toBeGreaterThan(50);
});
