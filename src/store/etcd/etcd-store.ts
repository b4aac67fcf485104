// The store in etcd, which several servers may share. What is read comes from etcd, what is watched from one feed of all its revisions.
import { Buffer } from 'node:buffer';
import { type Clock, childController, onAbort, Tasks, withDeadline } from '../../base/mod.ts';
import { assertKey } from '../page.ts';
import {
  ClosedError,
  CompactedError,
  FutureRevisionError,
  type ListOptions,
  type Page,
  type Revision,
  type Store,
  type Stored,
  type StoreEvent,
  StoreIoError,
  type WriteOp,
} from '../store.ts';
import { Watchers } from '../watchers.ts';
import { compactTo, isCompacted, isFuture, keepCompacting } from './compactor.ts';
import { codes, EtcdConnection, EtcdError } from './connection.ts';
import { EventLog } from './event-log.ts';
import { Feed, followRevisions } from './feed.ts';
import { fromEtcdRevision, KeySpace, toEtcdRevision } from './key-space.ts';
import { Leases } from './leases.ts';
import { methods } from './messages.ts';
import type { EtcdStoreOptions } from './options.ts';
import { Turns } from './turns.ts';
import { resumable } from './watch.ts';
import { storedOf, txnOf } from './write.ts';

/** How many items one answer holds: with objects of 1.5 MB it fits into memory, with small ones it is one round trip in a thousand. */
const pageMax = 500;
const compactionIntervalMs = 5 * 60_000;
const compactedMs = 1_500;

export class EtcdStore implements Store {
  readonly #connection: EtcdConnection;
  readonly #clock: Clock;
  readonly #keys: KeySpace;
  readonly #log: EventLog;
  readonly #watchers: Watchers;
  readonly #feed: Feed;
  readonly #leases: Leases;
  readonly #tasks: Tasks;
  readonly #stop = new AbortController();
  /** Writes of one key go one after the other: etcd itself does not keep their order. */
  readonly #turns = new Turns();
  readonly #writing = new Set<Promise<unknown>>();
  #asking: Promise<Revision> | undefined;
  #askingNext: Promise<Revision> | undefined;
  #closing: Promise<void> | undefined;

  constructor(connection: EtcdConnection, revision: Revision, options: EtcdStoreOptions) {
    const { clock, log } = options;
    this.#connection = connection;
    this.#clock = clock;
    this.#keys = new KeySpace(options);
    this.#log = new EventLog(revision);
    this.#leases = new Leases(connection, clock);
    this.#tasks = new Tasks(log);
    const history = {
      visible: () => this.#feed.visible,
      compacted: () => this.#log.floor,
      read: (prefix: string, after: Revision, steps: number) => this.#log.read(prefix, after, steps, this.#feed.visible),
      pause: () => clock.yield(),
    };
    this.#watchers = new Watchers(history, options.watchQueueMax);
    this.#feed = new Feed({ connection, keys: this.#keys, clock, log }, revision, {
      changes: (changes) => {
        for (const change of changes) this.#log.push(change);
        for (const change of changes) this.#watchers.publish(change.key, change.revision, () => change);
      },
      gap: (error, at) => {
        this.#log.reset(at);
        this.#watchers.endAll(error);
      },
    });
    const intervalMs = options.compactionIntervalMs ?? compactionIntervalMs;
    const compaction = { connection, clock, log, intervalMs };
    if (intervalMs > 0) this.#tasks.run('etcd compaction', this.#stop.signal, () => keepCompacting(compaction, this.#stop.signal));
  }

  /** Connects. Throws StoreIoError when no endpoint answers. */
  static async open(options: EtcdStoreOptions): Promise<EtcdStore> {
    const connection = new EtcdConnection(options);
    try {
      return new EtcdStore(connection, await newestRevision(connection), options);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async read(key: string): Promise<Stored | undefined> {
    this.#assertOpen();
    const { kvs } = await this.#call(() => this.#connection.call(methods.range, { key: this.#keys.toEtcd(key) }));
    return kvs[0] && this.#keys.stored(kvs[0]);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Page> {
    for (;;) {
      try {
        return await this.#list(prefix, options);
      } catch (error) {
        // Only the pages of a list that we have begun ourselves: it begins again.
        if (options.revision !== undefined || !(error instanceof CompactedError)) throw error;
      }
    }
  }

  async write(op: WriteOp): Promise<Stored> {
    this.#assertOpen();
    assertKey(op.key);
    const writing = this.#turns.take(op.key, () => this.#write(op));
    this.#writing.add(writing);
    try {
      return await writing;
    } finally {
      this.#writing.delete(writing);
    }
  }

  watch(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<StoreEvent> {
    this.#assertOpen();
    return resumable(after, signal, {
      open: (from) => (from >= this.#log.floor && from <= this.#feed.visible ? this.#watchers.open(prefix, from, signal) : undefined),
      past: (from) => this.#past(prefix, from, signal),
    });
  }

  async compact(revision: Revision): Promise<void> {
    this.#assertOpen();
    try {
      await compactTo(this.#connection, toEtcdRevision(revision));
      await this.#feed.reach(revision);
      this.#log.forget(revision);
    } catch (error) {
      throw isFuture(error) ? new FutureRevisionError(revision, await this.revision()) : this.#explained(error);
    }
  }

  /** A call to etcd, shared by those who ask at the same time: an answer counts only for who asked before it was sent. */
  async revision(): Promise<Revision> {
    this.#assertOpen();
    const revision = await this.#askRevision();
    await this.#feed.reach(revision);
    this.#watchers.progress();
    return revision;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#writing);
    this.#stop.abort();
    this.#watchers.close();
    await this.#feed.close();
    this.#connection.close();
    await this.#tasks.settled();
  }

  async #write(op: WriteOp): Promise<Stored> {
    const since = this.#feed.visible;
    let uncertain = false;
    const lease = op.do === 'delete' || op.ttlSeconds === undefined ? undefined : await this.#leases.of(op.ttlSeconds);
    const txn = txnOf(op, this.#keys, lease);
    const onRetry = () => {
      uncertain = true;
    };
    const answer = await this.#call(() => this.#connection.call(methods.txn, txn, { onRetry }));
    const stored = storedOf(op, answer, { keys: this.#keys, since, uncertain });
    await this.#feed.reach(stored.revision);
    return stored;
  }

  async #list(prefix: string, { limit, after, revision }: ListOptions): Promise<Page> {
    this.#assertOpen();
    const items: Stored[] = [];
    let at = revision;
    let from = after;
    for (;;) {
      const wanted = Math.min(pageMax, (limit ?? Number.POSITIVE_INFINITY) - items.length);
      const range = this.#keys.rangeOf(prefix, from);
      const exact = at === undefined ? undefined : toEtcdRevision(at);
      const answer = await this.#range({ ...range, revision: exact, limit: wanted, countOnly: wanted === 0 }, at);
      at ??= fromEtcdRevision(answer.header?.revision);
      for (const kv of answer.kvs) items.push(this.#keys.stored(kv));
      const remaining = Number(answer.count) - answer.kvs.length;
      from = items.at(-1)?.key;
      if (remaining === 0 || items.length === (limit ?? Number.POSITIVE_INFINITY)) return { items, revision: at, remaining };
    }
  }

  async #range(request: Parameters<typeof methods.range.request.encode>[0], at: Revision | undefined) {
    try {
      return await this.#connection.call(methods.range, request);
    } catch (error) {
      if (at !== undefined && isCompacted(error)) throw await this.#compactedError(at);
      if (at !== undefined && isFuture(error)) throw new FutureRevisionError(at, await this.revision());
      throw this.#explained(error);
    }
  }

  /** Only a watch is told by etcd what is left. */
  async #compactedError(asked: Revision): Promise<CompactedError> {
    const deadline = { clock: this.#clock, ms: compactedMs, what: 'asking for the compacted revision' };
    try {
      await withDeadline(deadline, async (signal) => {
        for await (const _ of followRevisions({ connection: this.#connection, keys: this.#keys, after: asked, signal })) break;
      });
    } catch (error) {
      if (error instanceof CompactedError) return error;
    }
    return new CompactedError(asked, asked + 1);
  }

  /** The events that the log has no more, read from etcd, up to where it stands now. */
  async *#past(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<StoreEvent> {
    if (after > this.#feed.visible) {
      const newest = await this.revision();
      if (after > newest) throw new FutureRevisionError(after, newest);
      return;
    }
    const until = this.#feed.visible;
    if (after === until) return;
    const endpoint = this.#connection.current;
    const { controller, unlink } = childController(this.#stop.signal);
    const off = onAbort(signal, (reason) => controller.abort(reason));
    const options = { connection: this.#connection, keys: this.#keys, after, signal: controller.signal };
    try {
      for await (const { revision, changes } of followRevisions(options)) {
        for (const change of changes) if (change.key.startsWith(prefix)) yield change;
        if (revision >= until) break;
      }
    } catch (error) {
      this.#assertOpen();
      if (!signal.aborted) {
        if (error instanceof EtcdError) this.#connection.leave(endpoint, error);
        throw this.#explained(error);
      }
    } finally {
      off();
      unlink();
    }
    if (!signal.aborted) yield { type: 'progress', revision: until };
  }

  #askRevision(): Promise<Revision> {
    if (!this.#asking) {
      const asking = newestRevision(this.#connection).finally(() => {
        this.#asking = undefined;
      });
      this.#asking = asking;
      return asking;
    }
    this.#askingNext ??= this.#asking.then(
      () => this.#askAgain(),
      () => this.#askAgain(),
    );
    return this.#askingNext;
  }

  #askAgain(): Promise<Revision> {
    this.#askingNext = undefined;
    return this.#askRevision();
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #explained(error: unknown): unknown {
    if (!(error instanceof EtcdError)) return error;
    const full =
      error.code === codes.resourceExhausted ? ' Its --quota-backend-bytes is used up: compact, defragment, disarm its alarm.' : '';
    return new StoreIoError(`etcd refused: ${error.message}.${full}`, { cause: error });
  }

  #assertOpen(): void {
    if (this.#closing) throw new ClosedError('The store has been closed');
  }
}

/** Asked for by reading a key that is nobody's: etcd's leader confirms it with a majority. */
async function newestRevision(connection: EtcdConnection): Promise<Revision> {
  const { header } = await connection.call(methods.range, { key: Buffer.from([0]) });
  return fromEtcdRevision(header?.revision);
}
