// The promises of the store's contract, each with its checker. Every backend's test runs them all.
import { afterEach, describe, expect, test } from 'vitest';
import {
  ClosedError,
  CompactedError,
  FutureRevisionError,
  type Revision,
  RevisionMismatchError,
  SlowWatcherError,
  type Store,
  type Stored,
  type StoreEvent,
} from './store.ts';

/** Opens an empty store. `watchQueueMax` bounds the unread events of a watch. Called for each test; the suite closes what it opened. */
export type OpenStore = (options?: { readonly watchQueueMax?: number }) => Promise<Store>;

type Change = Exclude<StoreEvent, { type: 'progress' }>;

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array): string => new TextDecoder().decode(value);
const show = (stored: Stored) => `${stored.key}=${text(stored.value)}@${stored.revision}`;
const showEvent = (event: Change) =>
  `${event.type} ${event.key}${event.type === 'put' ? `=${text(event.value)}` : ''}@${event.revision}${event.previous ? ` was ${show(event.previous)}` : ''}`;

export function storeContract(name: string, open: OpenStore): void {
  const opened: Store[] = [];
  const openOne: OpenStore = async (options) => {
    const store = await open(options);
    opened.push(store);
    return store;
  };
  afterEach(async () => {
    for (const store of opened.splice(0, opened.length)) await store.close();
  });
  describe(name, () => {
    readsAndWrites(openOne);
    lists(openOne);
    watches(openOne);
    watchEnds(openOne);
    compaction(openOne);
    closing(openOne);
  });
}

function readsAndWrites(open: OpenStore): void {
  describe('reads are linearizable', () => {
    test('a read sees the write acknowledged before it', async () => {
      const store = await open();
      const made = await store.write({ do: 'create', key: '/a', value: bytes('1') });
      expect(made).toEqual({ key: '/a', value: bytes('1'), revision: 1, createRevision: 1 });
      expect(await store.read('/a')).toEqual(made);
      const changed = await store.write({ do: 'update', key: '/a', value: bytes('2'), ifRevision: 1 });
      expect(changed).toEqual({ key: '/a', value: bytes('2'), revision: 2, createRevision: 1 });
      expect(await store.read('/a')).toEqual(changed);
      const gone = await store.write({ do: 'delete', key: '/a', ifRevision: 2 });
      expect(gone).toEqual({ key: '/a', value: bytes('2'), revision: 3, createRevision: 1 });
      expect(await store.read('/a')).toBeUndefined();
      expect(await store.revision()).toBe(3);
    });

    test('a key that was never written reads as undefined, and the empty store stands at revision 0', async () => {
      const store = await open();
      expect(await store.read('/a')).toBeUndefined();
      expect(await store.revision()).toBe(0);
      expect(await store.list('/')).toEqual({ items: [], revision: 0, remaining: 0 });
    });

    test('values come back byte for byte: empty, every byte, a megabyte', async () => {
      const store = await open();
      const values = [new Uint8Array(), Uint8Array.from({ length: 256 }, (_, i) => i), new Uint8Array(1 << 20).fill(7)];
      for (const [i, value] of values.entries()) {
        await store.write({ do: 'create', key: `/v${i}`, value });
        const read = await store.read(`/v${i}`);
        expect(Buffer.compare(read?.value ?? bytes('missing'), value)).toBe(0);
      }
    });

    test('a key created anew has a new createRevision', async () => {
      const store = await open();
      await store.write({ do: 'create', key: '/a', value: bytes('1') });
      await store.write({ do: 'delete', key: '/a', ifRevision: 1 });
      expect(await store.write({ do: 'create', key: '/a', value: bytes('2') })).toMatchObject({ revision: 3, createRevision: 3 });
    });
  });

  describe('writes compare and swap', () => {
    test('a failed compare changes nothing and tells how the key stands', async () => {
      const store = await open();
      const stands = await store.write({ do: 'create', key: '/a', value: bytes('1') });
      const failures = await Promise.all(
        (
          [
            { do: 'create', key: '/a', value: bytes('x') },
            { do: 'update', key: '/a', value: bytes('x'), ifRevision: 7 },
            { do: 'delete', key: '/a', ifRevision: 0 },
          ] as const
        ).map((op) => store.write(op).catch((error: unknown) => error)),
      );
      for (const failure of failures) {
        expect(failure).toBeInstanceOf(RevisionMismatchError);
        expect((failure as RevisionMismatchError).current).toEqual(stands);
      }
      expect(await store.revision()).toBe(1);
      expect(await store.read('/a')).toEqual(stands);
    });

    test('a missing key can be neither updated nor deleted', async () => {
      const store = await open();
      const update = await store.write({ do: 'update', key: '/a', value: bytes('x'), ifRevision: 1 }).catch((e: unknown) => e);
      const remove = await store.write({ do: 'delete', key: '/a', ifRevision: 1 }).catch((e: unknown) => e);
      for (const failure of [update, remove]) {
        expect(failure).toBeInstanceOf(RevisionMismatchError);
        expect((failure as RevisionMismatchError).current).toBeUndefined();
      }
    });

    test('of concurrent creates of one key exactly the first succeeds', async () => {
      const store = await open();
      const results = await Promise.allSettled(
        Array.from({ length: 10 }, (_, i) => store.write({ do: 'create', key: '/a', value: bytes(`${i}`) })),
      );
      expect(results.map((result) => result.status)).toEqual(['fulfilled', ...Array(9).fill('rejected')]);
      expect(text((await store.read('/a'))?.value ?? bytes('missing'))).toBe('0');
      const loser = results[1] as PromiseRejectedResult;
      expect((loser.reason as RevisionMismatchError).current).toMatchObject({ revision: 1, value: bytes('0') });
    });

    test('writes of one key submitted together are decided in the order of their submission', async () => {
      const store = await open();
      const results = await Promise.allSettled([
        store.write({ do: 'create', key: '/a', value: bytes('1') }),
        store.write({ do: 'update', key: '/a', value: bytes('2'), ifRevision: 1 }),
        store.write({ do: 'delete', key: '/a', ifRevision: 2 }),
        store.write({ do: 'update', key: '/a', value: bytes('3'), ifRevision: 2 }),
        store.write({ do: 'create', key: '/a', value: bytes('4') }),
      ]);
      expect(results.map((result) => (result.status === 'fulfilled' ? result.value.revision : 'refused'))).toEqual([1, 2, 3, 'refused', 4]);
      expect(await store.read('/a')).toMatchObject({ revision: 4, createRevision: 4 });
    });

    test('counters incremented by racing loops lose no increment', async () => {
      const store = await open();
      await store.write({ do: 'create', key: '/n', value: bytes('0') });
      const increment = async () => {
        for (let done = 0; done < 20; ) {
          const stored = await store.read('/n');
          if (!stored) throw new Error('the counter is gone');
          const value = bytes(`${Number(text(stored.value)) + 1}`);
          await store.write({ do: 'update', key: '/n', value, ifRevision: stored.revision }).then(
            () => done++,
            (error: unknown) => expect(error).toBeInstanceOf(RevisionMismatchError),
          );
        }
      };
      await Promise.all([increment(), increment(), increment(), increment()]);
      expect(text((await store.read('/n'))?.value ?? bytes(''))).toBe('80');
      expect(await store.revision()).toBe(81);
    });

    test('revisions grow by one global count over all keys', async () => {
      const store = await open();
      const made = await Promise.all(Array.from({ length: 50 }, (_, i) => store.write({ do: 'create', key: `/k${i}`, value: bytes('') })));
      expect(made.map(({ revision }) => revision).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    });
  });
}

async function seed(store: Store, keys: readonly string[]): Promise<void> {
  for (const key of keys) await store.write({ do: 'create', key, value: bytes(key) });
}

function lists(open: OpenStore): void {
  describe('lists are snapshots', () => {
    const keys = ['/p/b', '/p/a', '/p/c', '/q/a', '/p/a/x', '/p-', '/o/z'];

    test('in byte order, under the prefix alone', async () => {
      const store = await open();
      await seed(store, keys);
      const page = await store.list('/p/');
      expect(page.items.map(({ key }) => key)).toEqual(['/p/a', '/p/a/x', '/p/b', '/p/c']);
      expect(page).toMatchObject({ revision: 7, remaining: 0 });
      expect((await store.list('')).items).toHaveLength(7);
      expect((await store.list('/none/')).items).toEqual([]);
    });

    test('limit and after page through it, remaining counts down', async () => {
      const store = await open();
      await seed(store, keys);
      const pages: string[] = [];
      for (let after: string | undefined, more = true; more; ) {
        const page = await store.list('/p/', { limit: 3, after });
        pages.push(`${page.items.map(({ key }) => key).join(' ')} +${page.remaining}`);
        after = page.items.at(-1)?.key;
        more = page.remaining > 0;
      }
      expect(pages).toEqual(['/p/a /p/a/x /p/b +1', '/p/c +0']);
      expect(await store.list('/p/', { after: '/p/zzz' })).toMatchObject({ items: [], remaining: 0 });
      expect((await store.list('/p/', { after: '/a' })).items).toHaveLength(4);
      expect(await store.list('/p/', { limit: 0 })).toMatchObject({ items: [], remaining: 4 });
    });

    test('pages of a past revision show nothing of later writes', async () => {
      const store = await open();
      await seed(store, ['/p/a', '/p/b', '/p/c', '/p/d']);
      const first = await store.list('/p/', { limit: 2 });
      await store.write({ do: 'update', key: '/p/c', value: bytes('new'), ifRevision: 3 });
      await store.write({ do: 'delete', key: '/p/d', ifRevision: 4 });
      await store.write({ do: 'create', key: '/p/bb', value: bytes('new') });
      await store.write({ do: 'create', key: '/p/d', value: bytes('again') });
      await store.write({ do: 'delete', key: '/p/a', ifRevision: 1 });
      const rest = await store.list('/p/', { limit: 2, after: '/p/b', revision: first.revision });
      expect(rest.items.map(show)).toEqual(['/p/c=/p/c@3', '/p/d=/p/d@4']);
      expect(rest).toMatchObject({ revision: 4, remaining: 0 });
      const whole = await store.list('/p/', { revision: 4, limit: 1 });
      expect(whole.items.map(show)).toEqual(['/p/a=/p/a@1']);
      expect(whole.remaining).toBe(3);
      expect((await store.list('/p/', { revision: 0 })).items).toEqual([]);
    });

    test('a revision that is not written yet is refused', async () => {
      const store = await open();
      await seed(store, ['/a']);
      const error = await store.list('/', { revision: 2 }).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(FutureRevisionError);
      expect((error as FutureRevisionError).current).toBe(1);
    });

    test('thousands of keys with writes in between are one snapshot', async () => {
      const store = await open();
      const names = Array.from({ length: 3000 }, (_, i) => `/p/${String(i).padStart(5, '0')}`);
      const made = await Promise.all(names.map((key) => store.write({ do: 'create', key, value: bytes(key) })));
      const listing = store.list('/p/');
      const writes = Promise.all(
        made.slice(0, 500).map(({ key, revision }) => store.write({ do: 'update', key, value: bytes('new'), ifRevision: revision })),
      );
      const page = await listing;
      await writes;
      expect(page.items.map(({ key }) => key)).toEqual(names);
      expect(page.items.every(({ revision }) => revision <= page.revision)).toBe(true);
      expect(page.items.filter(({ key, value }) => key !== text(value))).toHaveLength(page.revision - 3000);
      const past = await store.list('/p/', { revision: 3100 });
      expect(past.items.filter(({ value }) => text(value) === 'new')).toHaveLength(100);
    });
  });
}

/** Reads a watch until `count` changes have come, or it ends. */
export async function takeChanges(watch: AsyncIterable<StoreEvent>, count: number): Promise<Change[]> {
  const changes: Change[] = [];
  if (count === 0) return changes;
  for await (const event of watch) {
    if (event.type === 'progress') continue;
    changes.push(event);
    if (changes.length === count) break;
  }
  return changes;
}

async function takeProgress(watch: AsyncIterable<StoreEvent>): Promise<Revision> {
  for await (const event of watch) {
    if (event.type === 'progress') return event.revision;
  }
  throw new Error('the watch ended');
}

function watches(open: OpenStore): void {
  describe('a watch gives every event once, in order, without a gap', () => {
    test('live events with their previous values', async () => {
      const store = await open();
      const watch = store.watch('/p/', 0, new AbortController().signal);
      await store.write({ do: 'create', key: '/p/a', value: bytes('1') });
      await store.write({ do: 'create', key: '/q/a', value: bytes('1') });
      await store.write({ do: 'update', key: '/p/a', value: bytes('2'), ifRevision: 1 });
      await store.write({ do: 'delete', key: '/p/a', ifRevision: 3 });
      const changes = await takeChanges(watch, 3);
      expect(changes.map(showEvent)).toEqual(['put /p/a=1@1', 'put /p/a=2@3 was /p/a=1@1', 'delete /p/a@4 was /p/a=2@3']);
      expect(changes[1]).toMatchObject({ createRevision: 1, previous: { createRevision: 1 } });
    });

    test('history is replayed as it was live', async () => {
      const store = await open();
      const live = store.watch('/', 0, new AbortController().signal);
      await store.write({ do: 'create', key: '/a', value: bytes('1') });
      await store.write({ do: 'update', key: '/a', value: bytes('2'), ifRevision: 1 });
      await store.write({ do: 'delete', key: '/a', ifRevision: 2 });
      await store.write({ do: 'create', key: '/a', value: bytes('3') });
      const seen = await takeChanges(live, 4);
      for (let after = 0; after < 4; after++) {
        const replayed = await takeChanges(store.watch('/', after, new AbortController().signal), 4 - after);
        expect(replayed).toEqual(seen.slice(after));
      }
    });

    test('resumed anywhere in a stream of racing writes, it loses and repeats nothing', async () => {
      const store = await open();
      const total = 2000;
      const writer = (async () => {
        for (let done = 0; done < total; done += 40) {
          await Promise.all(Array.from({ length: 40 }, (_, i) => store.write({ do: 'create', key: `/k${done + i}`, value: bytes('') })));
        }
      })();
      const follow = async (stopEvery: number) => {
        const revisions: Revision[] = [];
        while (revisions.length < total) {
          const watch = store.watch('/', revisions.at(-1) ?? 0, new AbortController().signal);
          const part = await takeChanges(watch, Math.min(stopEvery, total - revisions.length));
          revisions.push(...part.map(({ revision }) => revision));
        }
        return revisions;
      };
      const followed = await Promise.all([follow(total), follow(97), follow(7)]);
      await writer;
      const expected = Array.from({ length: total }, (_, i) => i + 1);
      for (const revisions of followed) expect(revisions).toEqual(expected);
    });

    test('when a write resolves, its event waits in the queue', async () => {
      const store = await open();
      const stop = new AbortController();
      const iterator = store.watch('/', 0, stop.signal)[Symbol.asyncIterator]();
      const next = iterator.next();
      let arrived: string | undefined;
      void next.then(({ value }) => {
        arrived = value && value.type !== 'progress' ? showEvent(value) : 'nothing';
      });
      await store.write({ do: 'create', key: '/a', value: bytes('1') });
      for (let i = 0; i < 10; i++) await Promise.resolve(); // Promise turns only: no I/O may be needed any more.
      expect(arrived).toBe('put /a=1@1');
    });

    test('nothing is shown before it is acknowledged: the watcher can read what it was told', async () => {
      const store = await open();
      const watch = store.watch('/', 0, new AbortController().signal);
      const checked = (async () => {
        let count = 0;
        for await (const event of watch) {
          if (event.type === 'progress') continue;
          const stored = await store.read(event.key);
          expect(stored?.revision).toBe(event.revision);
          expect(await store.revision()).toBeGreaterThanOrEqual(event.revision);
          if (++count === 200) return count;
        }
        return count;
      })();
      await Promise.all(Array.from({ length: 200 }, (_, i) => store.write({ do: 'create', key: `/k${i}`, value: bytes('') })));
      expect(await checked).toBe(200);
    });

    test('progress says how far a quiet watch has come', async () => {
      const store = await open();
      const quiet = store.watch('/quiet/', 0, new AbortController().signal);
      await seed(store, ['/a', '/b']);
      expect(await store.revision()).toBe(2);
      expect(await takeProgress(quiet)).toBe(2);
      expect(await takeProgress(store.watch('/quiet/', 0, new AbortController().signal))).toBe(2);
    });

    test('progress never overtakes an event', async () => {
      const store = await open();
      const watch = store.watch('/p/', 0, new AbortController().signal);
      const order: string[] = [];
      const reading = (async () => {
        for await (const event of watch) {
          order.push(`${event.type}@${event.revision}`);
          if (event.revision === 4) return;
        }
      })();
      await seed(store, ['/p/a', '/q/a']);
      await store.revision();
      await seed(store, ['/p/b']);
      await seed(store, ['/q/b']);
      await store.revision();
      await reading;
      expect(order.filter((line) => line.startsWith('put'))).toEqual(['put@1', 'put@3']);
      expect(order.at(-1)).toBe('progress@4');
      const revisions = order.map((line) => Number(line.split('@')[1]));
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    });
  });
}

function watchEnds(open: OpenStore): void {
  describe('a watch ends', () => {
    test('without an error when its signal fires, waiting or not begun', async () => {
      const store = await open();
      const stop = new AbortController();
      const waiting = takeChanges(store.watch('/', 0, stop.signal), 1);
      const unread = store.watch('/', 0, stop.signal);
      await Promise.resolve();
      stop.abort();
      expect(await waiting).toEqual([]);
      expect(await takeChanges(unread, 1)).toEqual([]);
      expect(await takeChanges(store.watch('/', 0, stop.signal), 1)).toEqual([]);
    });

    test('with SlowWatcherError beyond its bound, after what it was given, and others go on', async () => {
      const store = await open({ watchQueueMax: 5 });
      const slow = store.watch('/', 0, new AbortController().signal);
      const quick = takeChanges(store.watch('/', 0, new AbortController().signal), 8);
      for (let i = 0; i < 8; i++) {
        await store.write({ do: 'create', key: `/k${i}`, value: bytes('') });
        for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      }
      const given: Revision[] = [];
      const reading = (async () => {
        for await (const event of slow) given.push(event.revision);
      })();
      await expect(reading).rejects.toBeInstanceOf(SlowWatcherError);
      expect(given).toEqual([1, 2, 3, 4, 5]);
      expect((await quick).map(({ revision }) => revision)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect((await takeChanges(store.watch('/', 5, new AbortController().signal), 3)).map(({ revision }) => revision)).toEqual([6, 7, 8]);
    });

    test('a watch that still replays is not slow, however much is written', async () => {
      const store = await open({ watchQueueMax: 5 });
      await seed(store, ['/k0']);
      const late = store.watch('/', 0, new AbortController().signal)[Symbol.asyncIterator]();
      expect(await late.next()).toMatchObject({ value: { revision: 1 } });
      for (let i = 1; i < 20; i++) await seed(store, [`/k${i}`]);
      const revisions: Revision[] = [];
      while (revisions.length < 19) {
        const { value } = await late.next();
        if (value.type !== 'progress') revisions.push(value.revision);
      }
      expect(revisions).toEqual(Array.from({ length: 19 }, (_, i) => i + 2));
    });

    test('with FutureRevisionError when it wants to resume after what is not written', async () => {
      const store = await open();
      await expect(takeChanges(store.watch('/', 9, new AbortController().signal), 1)).rejects.toBeInstanceOf(FutureRevisionError);
    });
  });
}

function compaction(open: OpenStore): void {
  describe('compaction drops history and keeps what stands', () => {
    async function prepared(): Promise<Store> {
      const store = await open();
      await seed(store, ['/a', '/b', '/c']);
      await store.write({ do: 'update', key: '/a', value: bytes('2'), ifRevision: 1 });
      await store.write({ do: 'delete', key: '/b', ifRevision: 2 });
      await store.write({ do: 'update', key: '/a', value: bytes('3'), ifRevision: 4 });
      return store;
    }

    test('the compacted revision itself can still be read, what lies before it cannot', async () => {
      const store = await prepared();
      await store.compact(5);
      expect((await store.list('/', { revision: 5 })).items.map(show)).toEqual(['/a=2@4', '/c=/c@3']);
      expect((await store.list('/')).items.map(show)).toEqual(['/a=3@6', '/c=/c@3']);
      const error = await store.list('/', { revision: 4 }).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(CompactedError);
      expect((error as CompactedError).oldest).toBe(5);
    });

    test('a watch resumes after it with the previous value, and not before it', async () => {
      const store = await prepared();
      await store.compact(5);
      const changes = await takeChanges(store.watch('/', 5, new AbortController().signal), 1);
      expect(changes.map(showEvent)).toEqual(['put /a=3@6 was /a=2@4']);
      const error = await takeChanges(store.watch('/', 4, new AbortController().signal), 1).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(CompactedError);
    });

    test('again, backwards and up to the newest is no error; beyond it is', async () => {
      const store = await prepared();
      await store.compact(6);
      await store.compact(6);
      await store.compact(2);
      expect((await store.list('/', { revision: 6 })).items.map(show)).toEqual(['/a=3@6', '/c=/c@3']);
      await expect(store.compact(7)).rejects.toBeInstanceOf(FutureRevisionError);
      await store.write({ do: 'update', key: '/c', value: bytes('4'), ifRevision: 3 });
      expect((await store.read('/c'))?.createRevision).toBe(3);
      expect((await store.list('/', { revision: 6 })).items.map(show)).toEqual(['/a=3@6', '/c=/c@3']);
    });

    test('in the middle of writes, lists and a watch disturbs none of them', async () => {
      const store = await open();
      const made = await Promise.all(
        Array.from({ length: 1500 }, (_, i) => store.write({ do: 'create', key: `/k${i}`, value: bytes('') })),
      );
      const watch = takeChanges(store.watch('/', 1500, new AbortController().signal), 1500);
      const updates = Promise.all(
        made.map(({ key, revision }) => store.write({ do: 'update', key, value: bytes('2'), ifRevision: revision })),
      );
      const [page] = await Promise.all([store.list('/'), store.compact(1500)]);
      await updates;
      await store.compact(3000);
      expect(page.items).toHaveLength(1500);
      expect((await watch).map(({ revision }) => revision)).toEqual(Array.from({ length: 1500 }, (_, i) => 1501 + i));
      expect((await store.list('/')).items.every(({ value }) => text(value) === '2')).toBe(true);
    });
  });
}

function closing(open: OpenStore): void {
  describe('a closed store', () => {
    test('refuses every call, and closing again is no error', async () => {
      const store = await open();
      await seed(store, ['/a']);
      await store.close();
      await store.close();
      const calls = [
        () => store.read('/a'),
        () => store.list('/'),
        () => store.write({ do: 'create', key: '/b', value: bytes('') }),
        () => store.compact(1),
        () => store.revision(),
        async () => store.watch('/', 0, new AbortController().signal),
      ];
      for (const call of calls) await expect(call()).rejects.toBeInstanceOf(ClosedError);
    });

    test('finishes the writes that were begun, and ends the watches', async () => {
      const store = await open();
      const ended = expect(takeChanges(store.watch('/', 0, new AbortController().signal), 3)).rejects.toBeInstanceOf(ClosedError);
      const writes = ['/a', '/b'].map((key) => store.write({ do: 'create', key, value: bytes('') }));
      await store.close();
      expect((await Promise.all(writes)).map(({ revision }) => revision).sort()).toEqual([1, 2]);
      await ended;
    });
  });
}
