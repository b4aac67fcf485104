// The store in real etcd servers, one and a cluster of three: the contract, and what happens when members die.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bodyOf, startTestCore } from '../../src/apiserver/testing/fixture.ts';
import { silentLogger } from '../../src/base/mod.ts';
import { systemClock } from '../../src/base/ports/clock.ts';
import { etcdRecord } from '../../src/store/etcd-record.suite.ts';
import {
  CompactedError,
  type EtcdStoreOptions,
  FutureRevisionError,
  openEtcdStore,
  RevisionMismatchError,
  type Store,
  type Stored,
  type StoreEvent,
} from '../../src/store/mod.ts';
import { checkHistory, histories } from '../../src/store/model.suite.ts';
import { bytes, storeContract, takeChanges, text } from '../../src/store/store.suite.ts';
import { type EtcdServers, startEtcdServers } from './etcd-servers.ts';
import { findKubectl, freePort, minke, run } from './harness.ts';

let prefixes = 0;
const freshPrefix = () => `/t${prefixes++}`;

function open(servers: EtcdServers, prefix: string, options: Partial<EtcdStoreOptions> = {}): Promise<Store> {
  const { endpoints, tls } = servers;
  return openEtcdStore({ endpoints, tls, prefix, clock: systemClock, log: silentLogger, compactionIntervalMs: 0, ...options });
}

/** The same store with its revisions counted from where it was opened: what the tests before have written is not there. */
async function fromZero(store: Store, base?: number): Promise<Store> {
  const zero = base ?? (await store.revision());
  const stored = (it: Stored): Stored => ({ ...it, revision: it.revision - zero, createRevision: it.createRevision - zero });
  const event = (it: StoreEvent): StoreEvent => {
    if (it.type === 'progress') return { ...it, revision: it.revision - zero };
    const previous = it.previous && stored(it.previous);
    return it.type === 'put'
      ? { type: 'put', ...stored(it), previous }
      : { ...it, revision: it.revision - zero, previous: stored(it.previous) };
  };
  const failed = (error: unknown): never => {
    if (error instanceof RevisionMismatchError) throw new RevisionMismatchError('', error.current && stored(error.current));
    if (error instanceof CompactedError) throw new CompactedError(0, error.oldest - zero);
    if (error instanceof FutureRevisionError) throw new FutureRevisionError(0, error.current - zero);
    throw error;
  };
  return {
    read: async (key) => {
      const found = await store.read(key);
      return found && stored(found);
    },
    list: async (prefix, options = {}) => {
      const revision = options.revision === undefined ? undefined : options.revision + zero;
      const page = await store.list(prefix, { ...options, revision }).catch(failed);
      return { ...page, revision: page.revision - zero, items: page.items.map(stored) };
    },
    write: async (op) => stored(await store.write(op.do === 'create' ? op : { ...op, ifRevision: op.ifRevision + zero }).catch(failed)),
    watch: (prefix, after, signal) => {
      const watch = store.watch(prefix, after + zero, signal)[Symbol.asyncIterator]();
      const next = async () => {
        const result = await watch.next().catch(failed);
        return result.done ? result : { done: false as const, value: event(result.value) };
      };
      return { [Symbol.asyncIterator]: () => ({ next, return: async () => watch.return?.() ?? { done: true, value: undefined } }) };
    },
    compact: (revision) => store.compact(revision + zero).catch(failed),
    revision: async () => (await store.revision()) - zero,
    close: () => store.close(),
  };
}

describe.each([1, 3])('%i etcd', (count) => {
  let servers: EtcdServers;
  beforeAll(async () => {
    servers = await startEtcdServers(count);
  });
  afterAll(() => servers.destroy());

  storeContract(`etcd x ${count}`, async (options = {}) => fromZero(await open(servers, freshPrefix(), options)));

  const places = new Map<Store, { readonly prefix: string; readonly base: number }>();
  const openIn = async (prefix: string, base?: number, options: Partial<EtcdStoreOptions> = {}) => {
    const inner = await open(servers, prefix, options);
    const from = base ?? (await inner.revision());
    const store = await fromZero(inner, from);
    places.set(store, { prefix, base: from });
    return store;
  };
  etcdRecord(`etcd x ${count}`, {
    open: (options) => openIn(freshPrefix(), undefined, options),
    reopen: async (store) => {
      const { prefix, base } = places.get(store) ?? { prefix: freshPrefix(), base: undefined };
      await store.close();
      return openIn(prefix, base);
    },
  });

  test('random histories are what the model says', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (steps) => {
        const prefix = freshPrefix();
        const first = await open(servers, prefix);
        const base = await first.revision();
        const reopen = async (store: Store) => {
          await store.close();
          return fromZero(await open(servers, prefix), base);
        };
        await checkHistory(steps, () => fromZero(first, base), reopen);
      }),
      { numRuns: 10 },
    );
  });
});

const never = new AbortController().signal;

/** Writes one key after the other until told to stop; says how long the slowest took. */
async function writeUntil(store: Store, name: string, done: () => boolean) {
  const acknowledged: Stored[] = [];
  const failed: unknown[] = [];
  let slowestMs = 0;
  for (let i = 0; !done(); i++) {
    const startedMs = performance.now();
    await store.write({ do: 'create', key: `/w/${name}/${i}`, value: bytes(`${name} ${i}`) }).then(
      (stored) => acknowledged.push(stored),
      (error: unknown) => failed.push(error),
    );
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
  }
  return { acknowledged, failed, slowestMs };
}

describe('a cluster of three', () => {
  let servers: EtcdServers;
  beforeAll(async () => {
    servers = await startEtcdServers(3);
  });
  afterAll(() => servers.destroy());

  test('loses each member in turn, killed or hanging: nothing is lost, nobody waits 5 s', async () => {
    const prefix = freshPrefix();
    const stores = await Promise.all(servers.endpoints.map(() => open(servers, prefix)));
    const [a, b] = stores as [Store, Store];
    const base = await a.revision();
    let ended = false;
    const stop = new AbortController();
    const watched: string[] = [];
    const watching = (async () => {
      for await (const event of b.watch('/w/', base, stop.signal)) if (event.type === 'put') watched.push(`${event.key}@${event.revision}`);
    })();
    const writing = stores.map((store, i) => writeUntil(store, `${i}`, () => ended));
    for (const [member, signal] of (['SIGKILL', 'SIGSTOP', 'SIGKILL'] as const).entries()) {
      await servers.kill(member, signal);
      await sleep(2_500);
      await servers.kill(member);
      servers.start(member);
      await sleep(1_500);
    }
    ended = true;
    const results = await Promise.all(writing);
    const { items, revision } = await b.list('/w/');
    await b.revision();
    await sleep(100);
    stop.abort();
    await watching;
    const found = new Map(items.map((item) => [item.key, item]));
    for (const { acknowledged, failed, slowestMs } of results) {
      expect(failed).toEqual([]);
      expect(acknowledged.length).toBeGreaterThan(100);
      for (const stored of acknowledged) expect(found.get(stored.key)).toEqual(stored);
      expect(slowestMs).toBeLessThan(5_000);
    }
    const inOrder = [...items].sort((x, y) => x.revision - y.revision).map(({ key, revision }) => `${key}@${revision}`);
    expect(watched).toEqual(inOrder);
    expect((await takeChanges(a.watch('/w/', base, never), items.length)).map((e) => `${e.key}@${e.revision}`)).toEqual(inOrder);
    expect(await a.revision()).toBe(revision);
    for (const store of stores) await store.close();
  });

  test('two stores: who asks for the revision after a write of the other one has its event', async () => {
    const prefix = freshPrefix();
    const [a, b] = await Promise.all([open(servers, prefix), open(servers, prefix)]);
    const stop = new AbortController();
    let newest = await b.revision();
    const watching = (async () => {
      for await (const event of b.watch('/', newest, stop.signal)) newest = event.revision;
    })();
    for (let i = 0; i < 100; i++) {
      const { revision } = await a.write({ do: 'create', key: `/k${i}`, value: bytes('') });
      expect(await b.revision()).toBe(revision);
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      expect(newest).toBe(revision);
    }
    stop.abort();
    await watching;
    await a.close();
    await b.close();
  });

  test('two API servers: a read after an acknowledged write on the other one sees it', async () => {
    const prefix = freshPrefix();
    const stores = await Promise.all([open(servers, prefix), open(servers, prefix)]);
    const [a, b] = await Promise.all(stores.map((store) => startTestCore({ store, sharedStore: true })));
    const kind = a?.core.find({ group: '', version: 'v1', resource: 'configmaps' });
    if (!a || !b || !kind) throw new Error('two are started, which serve config maps');
    for (let i = 0; i < 50; i++) {
      const [writer, reader] = i % 2 === 0 ? [a, b] : [b, a];
      await writer.call({ verb: 'create', kind, body: bodyOf({ metadata: { name: `c${i}` } }) });
      expect((await reader.call({ verb: 'get', kind, name: `c${i}` })).metadata?.name).toBe(`c${i}`);
      await writer.call({ verb: 'delete', kind, name: `c${i}` });
      await expect(reader.call({ verb: 'get', kind, name: `c${i}` })).rejects.toThrow('not found');
    }
    await a.stop();
    await b.stop();
    for (const store of stores) await store.close();
  });

  test('keys that expire share a lease, and go as deletes that every watch sees', async () => {
    const prefix = freshPrefix();
    const [a, b] = await Promise.all([open(servers, prefix), open(servers, prefix)]);
    const seen = takeChanges(b.watch('/', await b.revision(), never), 6);
    for (const key of ['/a', '/b', '/c']) await a.write({ do: 'create', key, value: bytes(key), ttlSeconds: key === '/c' ? undefined : 1 });
    await a.write({ do: 'create', key: '/d', value: bytes('') });
    const deletes = (await seen).slice(4);
    expect(deletes.map(({ type, key, previous }) => `${type} ${key} ${previous && text(previous.value)}`).sort()).toEqual([
      'delete /a /a',
      'delete /b /b',
    ]);
    expect(deletes[0]?.revision).toBe(deletes[1]?.revision);
    expect((await b.list('/')).items.map(({ key }) => key)).toEqual(['/c', '/d']);
    await a.close();
    await b.close();
  });

  test('one server at a time compacts, and nobody who reads the present notices', async () => {
    const prefix = freshPrefix();
    const stores = await Promise.all([1, 2].map(() => open(servers, prefix, { compactionIntervalMs: 400 })));
    const [a, b] = stores as [Store, Store];
    const { revision: old } = await a.write({ do: 'create', key: '/n', value: bytes('0') });
    const live = takeChanges(b.watch('/', old, never), 30);
    let { revision } = await a.write({ do: 'update', key: '/n', value: bytes('1'), ifRevision: old });
    for (let i = 2; i <= 30; i++) {
      ({ revision } = await a.write({ do: 'update', key: '/n', value: bytes(`${i}`), ifRevision: revision }));
      await sleep(50);
    }
    expect((await live).map((event) => event.type === 'put' && text(event.value))).toEqual(
      Array.from({ length: 30 }, (_, i) => `${i + 1}`),
    );
    const late = await open(servers, prefix);
    await expect(late.list('/', { revision: old })).rejects.toBeInstanceOf(CompactedError);
    await expect(takeChanges(late.watch('/', old, never), 1)).rejects.toBeInstanceOf(CompactedError);
    for (const store of [a, b, late]) await store.close();
  });
});

describe('minke apiserver --etcd-servers', () => {
  let servers: EtcdServers;
  const dir = mkdtempSync(join(tmpdir(), 'minke-over-etcd-'));
  beforeAll(async () => {
    servers = await startEtcdServers(1);
  });
  afterAll(async () => {
    for (const name of ['a', 'b']) await minke('down', '--clean', '--data-dir', join(dir, name));
    await servers.destroy();
    rmSync(dir, { recursive: true, force: true });
  });

  test('two over one etcd show the same objects; keys stand under the prefix', async () => {
    const { ca, cert, key } = servers.files;
    const etcd = [
      `--etcd-servers=${servers.endpoints.join(',')}`,
      `--etcd-cafile=${ca}`,
      `--etcd-certfile=${cert}`,
      `--etcd-keyfile=${key}`,
    ];
    for (const name of ['a', 'b']) {
      const flags = [
        '--detach',
        '--data-dir',
        join(dir, name),
        `--secure-port=${await freePort()}`,
        '--etcd-prefix=/minke',
        '--event-ttl=2h',
      ];
      expect(await minke('apiserver', ...flags, ...etcd)).toMatchObject({ code: 0, stderr: '' });
    }
    const kubectl = async (name: string, ...args: string[]) => {
      const done = await run(findKubectl(), args, { env: { KUBECONFIG: join(dir, name, 'admin.kubeconfig') } });
      expect(done.stderr).toBe('');
      return done.stdout;
    };
    await kubectl('a', 'create', 'configmap', 'shared', '--from-literal=by=a');
    expect(await kubectl('b', 'get', 'configmap', 'shared', '-o', 'jsonpath={.data.by}')).toBe('a');
    await kubectl('b', 'patch', 'configmap', 'shared', '-p', '{"data":{"by":"b"}}');
    expect(await kubectl('a', 'get', 'configmap', 'shared', '-o', 'jsonpath={.data.by}')).toBe('b');
    const store = await open(servers, '/minke', { replaces: '/registry' });
    expect((await store.list('/registry/core/configmaps/default/')).items.map((item) => item.key)).toContain(
      '/registry/core/configmaps/default/shared',
    );
    await store.close();
  });
});

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
