import { expect, test } from 'vitest';
import { encodeForStore } from '../../api/codec/mod.ts';
import { SeededRandom, silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { CompactedError, openMemoryStore, SlowWatcherError, type Store, type StoreEvent } from '../../store/mod.ts';
import { frameText } from '../testing/fixture.ts';
import { type CachedResource, keyOf } from './resource-cache.ts';
import { RevisionWaiters } from './revision-waiters.ts';
import { watchResource } from './watch.ts';
import { WatchCache } from './watch-cache.ts';

const things: CachedResource = { prefix: '/registry/core/things/', namespaced: true };
const bytesOf = (name: string, data: string) =>
  encodeForStore({ apiVersion: 'v1', kind: 'Thing', metadata: { name, namespace: 'ns' }, data } as object);

/** A store whose watches break off when told to. */
function breakable(store: Store) {
  let cut: ((error: Error) => void) | undefined;
  let broken: Error | undefined;
  const faulty: Store = {
    read: (key) => store.read(key),
    list: (prefix, options) => store.list(prefix, options),
    write: (op) => store.write(op),
    compact: (revision) => store.compact(revision),
    revision: () => store.revision(),
    close: () => store.close(),
    async *watch(prefix, after, signal): AsyncIterable<StoreEvent> {
      const stop = new AbortController();
      signal.addEventListener('abort', () => stop.abort(), { once: true });
      cut = (error) => {
        broken = error;
        stop.abort();
      };
      for await (const event of store.watch(prefix, after, stop.signal)) {
        if (broken) break;
        yield event;
      }
      const error = broken;
      broken = undefined;
      if (error) throw error;
    },
  };
  return { faulty, cut: (error: Error) => cut?.(error) };
}

async function start() {
  const store = openMemoryStore();
  const { faulty, cut } = breakable(store);
  const clock = new VirtualClock({ settle: turn });
  const stop = new AbortController();
  const cache = new WatchCache({ store: faulty, clock, log: silentLogger, signal: stop.signal, resources: [things] });
  await cache.start();
  const resource = cache.of(things.prefix);
  const frames: string[] = [];
  const watch = watchResource({ cache, resource, scope: {}, start: { from: 'now' }, bookmarks: false, clock, signal: stop.signal });
  const reading = (async () => {
    for await (const batch of watch) frames.push(...batch.map(frameText));
  })();
  const put = async (name: string, data: string) => {
    const key = keyOf(things, 'ns', name);
    const standing = await store.read(key);
    const value = bytesOf(name, data);
    return store.write(standing ? { do: 'update', key, value, ifRevision: standing.revision } : { do: 'create', key, value });
  };
  const remove = async (name: string) => {
    const key = keyOf(things, 'ns', name);
    await store.write({ do: 'delete', key, ifRevision: (await store.read(key))?.revision ?? 0 });
  };
  const end = async () => {
    stop.abort();
    await cache.stopped();
    await reading;
    await store.close();
    expect(clock.timers).toBe(0);
  };
  return { store, cache, resource, clock, frames, cut, put, remove, end };
}

test('a store watch that breaks off is opened again where it was', async () => {
  const t = await start();
  await t.put('a', '1');
  await t.clock.settle();
  t.cut(new SlowWatcherError('too slow'));
  await t.clock.settle();
  await t.put('a', '2');
  await t.put('b', '1');
  await t.clock.advance(200);
  expect(t.frames).toEqual(['ADDED ns/a', 'MODIFIED ns/a', 'ADDED ns/b']);
  await t.end();
});

test('when the changes meanwhile are compacted away, the difference is told as changes', async () => {
  const t = await start();
  for (const name of ['a', 'b', 'c']) await t.put(name, '1');
  await t.clock.settle();
  t.cut(new SlowWatcherError('too slow'));
  await t.clock.settle();
  await t.remove('a');
  await t.put('b', '2');
  await t.put('d', '1');
  await t.put('d', '2');
  await t.store.compact(await t.store.revision());
  await t.clock.advance(200);
  expect(t.frames.slice(0, 3)).toEqual(['ADDED ns/a', 'ADDED ns/b', 'ADDED ns/c']);
  expect(t.frames.slice(3).sort()).toEqual(['ADDED ns/d', 'DELETED ns/a', 'MODIFIED ns/b']);
  expect(t.cache.revision).toBe(await t.store.revision());
  expect(t.resource.page({}).entries.map((entry) => (entry.object as { data?: string }).data)).toEqual(['2', '1', '2']);
  await t.put('e', '1');
  await t.clock.settle();
  expect(t.frames.at(-1)).toBe('ADDED ns/e');
  await t.end();
});

test('a compaction during the first listing makes it begin again', async () => {
  const store = openMemoryStore();
  for (let i = 0; i < 1500; i++) await store.write({ do: 'create', key: keyOf(things, 'ns', `n${i}`), value: bytesOf(`n${i}`, '') });
  let lists = 0;
  const list: Store['list'] = (prefix, options) => {
    lists++;
    if (lists === 2) throw new CompactedError(1, 2);
    return store.list(prefix, options);
  };
  const stop = new AbortController();
  const clock = new VirtualClock({ settle: turn });
  const faulty: Store = {
    list,
    read: (key) => store.read(key),
    write: (op) => store.write(op),
    watch: (prefix, after, signal) => store.watch(prefix, after, signal),
    compact: (revision) => store.compact(revision),
    revision: () => store.revision(),
    close: () => store.close(),
  };
  const cache = new WatchCache({ store: faulty, clock, log: silentLogger, signal: stop.signal, resources: [things] });
  await cache.start();
  expect([cache.of(things.prefix).size, lists]).toEqual([1500, 4]);
  stop.abort();
  await cache.stopped();
  await expect(cache.reach(1_000_000)).rejects.toThrow('stopped');
  await store.close();
});

test('those who wait for a revision that never comes leave nothing behind', async () => {
  const waiters = new RevisionWaiters(async () => {});
  const random = new SeededRandom(3);
  const gone = Array.from({ length: 500 }, async () => {
    const stop = new AbortController();
    const wait = waiters.wait(1000 + random.below(100), stop);
    stop.abort(new Error('gone'));
    await expect(wait).rejects.toThrow('gone');
  });
  await Promise.all(gone);
  const live = waiters.wait(5);
  expect(waiters.size).toBe(1);
  waiters.reached(5);
  await live;
  expect(waiters.size).toBe(0);
});

test('a custom object that cannot be read, and goes: its watches end, and the feed goes on', async () => {
  const store = openMemoryStore();
  const key = keyOf(things, 'ns', 'bad');
  await store.write({ do: 'create', key, value: bytesOf('bad', '1') });
  const unreadable: Store = {
    ...store,
    list: async (prefix, options) => {
      const page = await store.list(prefix, options);
      return { ...page, items: page.items.map((item) => ({ ...item, value: new Uint8Array(), unreadable: 'damaged' })) };
    },
    watch: (prefix, after, signal) => store.watch(prefix, after, signal),
    write: (op) => store.write(op),
    revision: () => store.revision(),
  };
  const clock = new VirtualClock({ settle: turn });
  const stop = new AbortController();
  const custom = { ...things, read: (object: object) => object };
  const cache = new WatchCache({ store: unreadable, clock, log: silentLogger, signal: stop.signal, resources: [custom] });
  await cache.start();
  const resource = cache.of(things.prefix);
  const watch = watchResource({ cache, resource, scope: {}, start: { from: 'now' }, bookmarks: false, clock, signal: stop.signal });
  const reading = (async () => {
    for await (const _ of watch);
  })();
  await turn();
  await store.write({ do: 'delete', key, ifRevision: 1 });
  await store.write({ do: 'create', key: keyOf(things, 'ns', 'next'), value: bytesOf('next', '1') });
  for (let i = 0; i < 50 && cache.revision < 3; i++) await turn();
  expect(cache.revision).toBe(3);
  await reading;
  stop.abort();
  await cache.stopped();
  await store.close();
});
