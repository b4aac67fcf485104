// One watch of all that etcd holds, for all watches of the store. Each revision then comes as an event, so that the feed knows
// exactly how far it has come. (Asked for its progress, etcd before 3.4.25 and 3.5.8 may answer ahead of events that are still
// under way: etcd issue 15220.)
import { type Clock, childController, errorText, type Logger, sleep, Tasks } from '../../base/mod.ts';
import { ClosedError, CompactedError, type Revision, StoreIoError } from '../store.ts';
import type { EtcdConnection } from './connection.ts';
import { type Change, everyKey, fromEtcdRevision, type KeySpace, toEtcdRevision } from './key-space.ts';

const reopenPauseMs = 50;
/** A feed that lacks for so long what is known to be written is opened at the next endpoint. */
const stallMs = 1_000;
const reachMs = 10_000;

export interface FeedOptions {
  readonly connection: EtcdConnection;
  readonly keys: KeySpace;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the feed tells. */
export interface FeedListener {
  /** All events of one revision. */
  changes(changes: readonly Change[]): void;
  /** What lies between is compacted away: history begins anew at `revision`. */
  gap(error: CompactedError, revision: Revision): void;
}

interface Waiter {
  readonly revision: Revision;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Feed {
  readonly #options: FeedOptions;
  readonly #listener: FeedListener;
  readonly #stop = new AbortController();
  readonly #tasks: Tasks;
  #visible: Revision;
  #waiters: Waiter[] = [];
  /** Ends the stream that is open. */
  #streaming: AbortController | undefined;

  constructor(options: FeedOptions, visible: Revision, listener: FeedListener) {
    this.#options = options;
    this.#listener = listener;
    this.#visible = visible;
    this.#tasks = new Tasks(options.log);
    this.#tasks.run('etcd watch', this.#stop.signal, () => this.#run());
  }

  /** Every event up to this revision has been told. */
  get visible(): Revision {
    return this.#visible;
  }

  /** Resolves when every event up to `revision` has been told. `revision` is one that etcd has. */
  async reach(revision: Revision): Promise<void> {
    if (this.#visible >= revision) return;
    const { clock, connection } = this.#options;
    const untilMs = clock.monotonicMs() + reachMs;
    let settled = false;
    const stalled = () => {
      if (settled) return;
      if (clock.monotonicMs() >= untilMs) {
        const behind = this.#waiters.filter((waiter) => waiter.revision === revision);
        this.#waiters = this.#waiters.filter((waiter) => waiter.revision !== revision);
        for (const { reject } of behind) reject(new StoreIoError(`The watch of etcd did not come to revision ${revision} in time`));
        return;
      }
      connection.leave(connection.current, `the watch stands at revision ${this.#visible}, etcd at ${revision}`);
      this.#streaming?.abort();
      timer = clock.after(stallMs, stalled);
    };
    let timer = clock.after(stallMs, stalled);
    try {
      await new Promise<void>((resolve, reject) => this.#waiters.push({ revision, resolve, reject }));
    } finally {
      settled = true;
      timer.cancel();
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const { reject } of this.#waiters.splice(0, this.#waiters.length)) reject(new ClosedError('The store has been closed'));
    await this.#tasks.settled();
  }

  async #run(): Promise<void> {
    const { connection, clock, log } = this.#options;
    while (!this.#stop.signal.aborted) {
      const endpoint = connection.current;
      try {
        await this.#follow();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (error instanceof CompactedError) {
          log.warn('The watch of etcd has a gap', { error: error.message });
          this.#visible = error.oldest;
          this.#listener.gap(error, error.oldest);
          this.#settle(error.oldest);
          continue;
        }
        log.debug('The watch of etcd broke off', { error: errorText(error), revision: this.#visible });
        connection.leave(endpoint, error);
      }
      await sleep(clock, reopenPauseMs, this.#stop.signal).catch(() => {});
    }
  }

  async #follow(): Promise<void> {
    const { connection, keys } = this.#options;
    const { controller, unlink } = childController(this.#stop.signal);
    this.#streaming = controller;
    try {
      for await (const batch of followRevisions({ connection, keys, after: this.#visible, signal: controller.signal })) {
        this.#visible = batch.revision;
        this.#listener.changes(batch.changes);
        this.#settle(batch.revision);
      }
    } finally {
      unlink();
      this.#streaming = undefined;
    }
  }

  #settle(revision: Revision): void {
    const reached = this.#waiters.filter((waiter) => waiter.revision <= revision);
    if (reached.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > revision);
    for (const { resolve } of reached) resolve();
  }
}

export interface FollowOptions extends Pick<FeedOptions, 'connection' | 'keys'> {
  readonly after: Revision;
  readonly signal: AbortSignal;
}

/** Every revision after `after`, one by one. Throws {@link CompactedError}, and EtcdError when the stream breaks. */
export async function* followRevisions({ connection, keys, after, signal }: FollowOptions): AsyncGenerator<{
  readonly revision: Revision;
  readonly changes: readonly Change[];
}> {
  // From `after` on and not from what follows: a watch of the revision just behind the compacted one is not refused by etcd,
  // although deletes of that revision are gone.
  const stream = await connection.watch({ ...everyKey, startRevision: toEtcdRevision(after), prevKv: true }, signal);
  try {
    let newest = after;
    let changes: Change[] = [];
    for await (const response of stream) {
      if (response.compactRevision !== 0n) throw new CompactedError(after, fromEtcdRevision(response.compactRevision));
      if (response.canceled) throw new StoreIoError(`etcd ended the watch: ${response.cancelReason}`);
      for (const event of response.events) {
        const revision = fromEtcdRevision(event.kv?.modRevision);
        if (revision <= after) continue;
        if (revision > newest) {
          if (newest > after) yield { revision: newest, changes };
          changes = [];
          newest = revision;
        }
        const change = keys.change(event);
        if (change === 'lost') throw new CompactedError(after, revision);
        if (change) changes.push(change);
      }
      // A revision is never spread over two responses.
      if (response.events.length > 0 && newest > after) {
        yield { revision: newest, changes };
        after = newest;
      }
    }
  } finally {
    stream.close();
  }
}
