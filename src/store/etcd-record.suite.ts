// The classes of correctness bugs that etcd has had, by the record in its tests/robustness/README.md: one test for each, over every backend.
// Not here: #14571 (authorization, which lies above the store). Crashes of the whole process: crash.test.ts and test/proof.
import { afterEach, describe, expect, test } from 'vitest';
import { bytes, takeChanges, text } from './store.suite.ts';
import { CompactedError, FutureRevisionError, type Revision, RevisionMismatchError, SlowWatcherError, type Store } from './store.ts';

export interface RecordOptions {
  /** Opens an empty store. */
  readonly open: (options?: { readonly watchQueueMax?: number }) => Promise<Store>;
  /** Closes it in the midst of whatever it does, and opens it on the same data. Absent: nothing outlives it. */
  readonly reopen?: (store: Store) => Promise<Store>;
}

const never = new AbortController().signal;
const create = (store: Store, key: string) => store.write({ do: 'create', key, value: bytes(key) });

/** Creates, updates and deletes of a few keys, one event a revision. Gives what happened at each, from revision 1 on. */
async function makeHistory(store: Store, rounds: number): Promise<readonly string[]> {
  const events: string[] = [];
  for (let i = 0; i < rounds; i++) {
    const key = `/k${i % 3}`;
    const { revision } = await create(store, key);
    const updated = await store.write({ do: 'update', key, value: bytes(`${i}`), ifRevision: revision });
    events.push(`put ${key}`, `put ${key}`);
    if (i % 3 === 2) {
      for (const one of ['/k0', '/k1', '/k2']) {
        await store.write({ do: 'delete', key: one, ifRevision: (await store.read(one))?.revision ?? 0 });
        events.push(`delete ${one}`);
      }
    }
    expect(updated.revision).toBeGreaterThan(revision);
  }
  return events;
}

const linesAfter = async (store: Store, after: Revision, count: number): Promise<string[]> =>
  (await takeChanges(store.watch('/', after, never), count)).map(({ type, key }) => `${type} ${key}`);

export function etcdRecord(name: string, { open, reopen }: RecordOptions): void {
  const opened = new Set<Store>();
  const start: RecordOptions['open'] = async (options) => {
    const store = await open(options);
    opened.add(store);
    return store;
  };
  const again = async (store: Store) => {
    opened.delete(store);
    const next = await (reopen ?? (async () => store))(store);
    opened.add(next);
    return next;
  };
  afterEach(async () => {
    for (const store of opened) await store.close();
    opened.clear();
  });
  describe(`etcd's record of bugs: ${name}`, () => {
    watchClasses(start);
    compactionClasses(start, again);
    leaseClasses(start, again);
    if (reopen) crashClasses(start, again);
  });
}

function watchClasses(start: RecordOptions['open']): void {
  test('watch: progress is told only after the events before it (15220)', async () => {
    const store = await start();
    const stop = new AbortController();
    const problems: string[] = [];
    let told = 0;
    const watching = (async () => {
      for await (const event of store.watch('/a/', 0, stop.signal)) {
        if (event.revision <= told && event.type !== 'progress') problems.push(`${event.key}@${event.revision} after ${told}`);
        told = Math.max(told, event.revision);
      }
    })();
    for (let i = 0; i < 100; i++)
      await Promise.all([create(store, `/a/${i}`), create(store, `/b/${i}`), store.revision(), store.revision()]);
    const last = await store.revision();
    while (told < last) await new Promise((resolve) => setTimeout(resolve, 1));
    stop.abort();
    await watching;
    expect(problems).toEqual([]);
  });

  test('watch: one that resumes never goes back in time (15271), and no event comes twice (17247)', async () => {
    const store = await start();
    const history = await makeHistory(store, 9);
    await create(store, '/k');
    await expect(create(store, '/k')).rejects.toBeInstanceOf(RevisionMismatchError);
    const all = [...history, 'put /k'];
    for (let after = 0; after < all.length; after++) {
      const events = await takeChanges(store.watch('/', after, never), all.length - after);
      expect(events.map(({ revision }) => revision)).toEqual(all.slice(after).map((_, i) => after + 1 + i));
      expect(events.map(({ type, key }) => `${type} ${key}`)).toEqual(all.slice(after));
    }
  });

  test('watch: one that starves among busy ones loses nothing: it ends, and resumes where it was (17529)', async () => {
    const store = await start({ watchQueueMax: 20 });
    const starving = store.watch('/', 0, never)[Symbol.asyncIterator]();
    const first = starving.next(); // Live before the flood.
    await Promise.all(Array.from({ length: 200 }, (_, i) => create(store, `/k${i}`)));
    let given = 0;
    const seen: Revision[] = [];
    try {
      for (let result = await first; !result.done; result = await starving.next()) {
        if (result.value.type === 'progress') continue;
        given = result.value.revision;
        seen.push(given);
      }
    } catch (error) {
      expect(error).toBeInstanceOf(SlowWatcherError);
    }
    const rest = await takeChanges(store.watch('/', given, never), 200 - given);
    expect([...seen, ...rest.map(({ revision }) => revision)]).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });

  test('watch: from a revision that is not written yet it gives nothing old, but an error (20221)', async () => {
    const store = await start();
    await makeHistory(store, 3);
    const { revision } = await create(store, '/last');
    for (const ahead of [1, 100]) {
      await expect(takeChanges(store.watch('/', revision + ahead, never), 1)).rejects.toBeInstanceOf(FutureRevisionError);
    }
  });
}

function compactionClasses(start: RecordOptions['open'], again: (store: Store) => Promise<Store>): void {
  test('watch and compaction: wherever it is cut, also at a delete, a watch gives all that follows or says that it is gone (18089, 19179)', async () => {
    const store = await start();
    const history = await makeHistory(store, 6);
    for (let compacted = 1; compacted <= history.length; compacted++) {
      await store.compact(compacted);
      for (const after of [compacted - 1, compacted, compacted + 1]) {
        if (after > history.length) continue;
        const watching = expect(linesAfter(store, after, history.length - after));
        await (after < compacted ? watching.rejects.toBeInstanceOf(CompactedError) : watching.resolves.toEqual(history.slice(after)));
      }
    }
    const later = await again(store);
    await create(later, '/next');
    expect(await linesAfter(later, history.length, 1)).toEqual(['put /next']);
  });

  test('compaction: reading a compacted revision is the same error for all, beside writes too (18667)', async () => {
    const store = await start();
    const history = await makeHistory(store, 6);
    await store.compact(10);
    const results = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const writing = create(store, `/new${i}`);
        const read = await store.list('/', { revision: 9 }).catch((error: unknown) => error);
        await writing;
        return read;
      }),
    );
    for (const result of results) expect(result).toBeInstanceOf(CompactedError);
    expect((await store.list('/', { revision: 10 })).revision).toBe(10);
    expect(await store.revision()).toBe(history.length + 20);
  });

  test('revision: it never goes down, also when all is deleted, compacted and opened anew (17780)', async () => {
    let store = await start();
    const history = await makeHistory(store, 3);
    await store.compact(history.length);
    store = await again(store);
    expect(await store.revision()).toBe(history.length);
    expect((await create(store, '/next')).revision).toBe(history.length + 1);
    expect(await linesAfter(store, history.length, 1)).toEqual(['put /next']);
  });
}

function crashClasses(start: RecordOptions['open'], again: (store: Store) => Promise<Store>): void {
  test('crash: ended under load, no acknowledged write is lost, and revision and data are of one moment (13766, 14370)', async () => {
    let store = await start();
    const acknowledged = new Map<string, Revision>();
    for (let round = 0; round < 3; round++) {
      const writing = Array.from({ length: 200 }, (_, i) =>
        create(store, `/r${round}/${i}`).then(
          ({ key, revision }) => acknowledged.set(key, revision),
          () => {}, // Ended before it was decided.
        ),
      );
      await Promise.race(writing);
      store = await again(store);
      await Promise.allSettled(writing);
      const { items, revision } = await store.list('/');
      const standing = new Map(items.map((item) => [item.key, item.revision]));
      for (const [key, at] of acknowledged) expect([key, standing.get(key)]).toEqual([key, at]);
      expect(Math.max(...standing.values())).toBe(revision);
      expect(new Set(standing.values()).size).toBe(items.length);
      for (const { key, value } of items) expect(text(value)).toBe(key);
    }
  });

  test('crash: ended while space is given back, revision and history are whole (14685, 17780)', async () => {
    let store = await start();
    const history = await makeHistory(store, 30);
    for (let compacted = 10; compacted < history.length; compacted += 20) {
      const compacting = store.compact(compacted).catch(() => {}); // Cut off by the end, or done.
      store = await again(store);
      await compacting;
      expect(await store.revision()).toBe(history.length);
      expect(await linesAfter(store, compacted, history.length - compacted)).toEqual(history.slice(compacted));
    }
  });
}

function leaseClasses(start: RecordOptions['open'], again: (store: Store) => Promise<Store>): void {
  test('lease: a key written again is not taken by the lease that it had, also after a restart', async () => {
    let store = await start();
    const { revision } = await store.write({ do: 'create', key: '/kept', value: bytes('1'), ttlSeconds: 1 });
    await store.write({ do: 'update', key: '/kept', value: bytes('2'), ifRevision: revision });
    const gone = await store.write({ do: 'create', key: '/anew', value: bytes('1'), ttlSeconds: 1 });
    await store.write({ do: 'delete', key: '/anew', ifRevision: gone.revision });
    await create(store, '/anew');
    store = await again(store);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await store.list('/')).items.map(({ key }) => key)).toEqual(['/anew', '/kept']);
  });
}
