// The durable store. One process writes: the index of keys is in memory, the values and the history are on the disk.
//
// Writes queue up; while one group is on its way to the disk the next one gathers, is decided as a whole when its turn comes,
// and shares one sync. Index, watches and answers change only after the sync: what is not durable is seen by nobody.
import { assert, errorText, SortedMap, sleep, Tasks, type Timer } from '../../base/mod.ts';
import { assertKey, selectPage } from '../page.ts';
import {
  ClosedError,
  CompactedError,
  FutureRevisionError,
  type ListOptions,
  type Page,
  type Revision,
  RevisionMismatchError,
  type Store,
  type Stored,
  type StoreEvent,
  StoreIoError,
  type WriteOp,
} from '../store.ts';
import { type Replay, Watchers } from '../watchers.ts';
import { Compactor } from './compactor.ts';
import type { Borrowed, LmdbFile } from './database.ts';
import { type Expiring, Expiry } from './expiry.ts';
import { decodeHead, decodeRecord, decodeRecordKey, type Entry, encodeEntry, type LogRecord, type StoreState } from './layout.ts';
import type { Lock } from './lock.ts';
import type { LmdbStoreOptions } from './options.ts';
import { type Accepted, type GroupPlan, planGroup, refusalError } from './plan.ts';

/** A group takes no more than this many writes, so that no sync and no step of the event loop grows without bound. */
const groupMax = 1_000;
/** How many values a list reads before others may go on. */
const listStep = 1_000;
const takenMessage = 'Cannot write to the store: another process has taken it, while this one stood still. Start Minke anew';
const doubtMessage = 'Cannot write to the store: the disk failed, and is being read anew';
const lostMessage = 'Cannot write to the store: the disk has lost what was acknowledged. Restore the data directory from a backup';
const remedy =
  'look with "minke store check", and restore a backup; or write the object off by deleting it with ignoreStoreReadErrorWithClusterBreakingPotential';
/** How long to wait before the disk is tried again, in milliseconds. */
const recoverDelayMs = 1_000;
/** Damaged records that the log names. */
const reportedMax = 100;

interface Waiting {
  readonly op: WriteOp;
  readonly resolve: (stored: Stored) => void;
  readonly reject: (error: unknown) => void;
}

interface Spent {
  readonly due: readonly Expiring[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class LmdbStore implements Store {
  readonly #file: LmdbFile;
  readonly #options: LmdbStoreOptions;
  readonly #lock: Lock;
  readonly #index = new SortedMap<Entry>();
  readonly #watchers: Watchers;
  readonly #compactor: Compactor;
  readonly #expiry: Expiry;
  readonly #tasks: Tasks;
  /** What is durable. */
  #state: StoreState;
  #waiting: Waiting[] = [];
  #committing = false;
  /** Set while the disk may hold something else than what was shown: nothing may be written on top of that. */
  #broken: StoreIoError | undefined;
  readonly #stop = new AbortController();
  /** Times of expiry that have been seen to. */
  #spent: Spent | undefined;
  #retention: Timer | undefined;
  /** Revisions whose damage has been told. */
  readonly #reported = new Set<Revision>();
  #closing: Promise<void> | undefined;

  constructor(file: LmdbFile, options: LmdbStoreOptions, lock: Lock) {
    this.#file = file;
    this.#options = options;
    this.#lock = lock;
    lock.onLost = () => {
      this.#broken = new StoreIoError(takenMessage);
    };
    this.#tasks = new Tasks(options.log);
    this.#state = file.state();
    const { revision, compacted } = this.#state;
    assert(compacted <= revision, `revision ${compacted} is compacted, and the newest is ${revision}`);
    const hasNewest = revision === 0 || revision === compacted || file.borrowRecord(revision) !== 'missing';
    assert(hasNewest, `the record of revision ${revision} is missing`);
    let sum = 0;
    file.forEachEntry((key, entry, ofEntry) => {
      assert(entry.revision <= revision, `the key "${key}" is of revision ${entry.revision}, and the newest is ${revision}`);
      sum ^= ofEntry;
      this.#index.set(key, entry);
    });
    const { keys, keysSum } = this.#state;
    assert(this.#index.size === keys && sum >>> 0 === keysSum, `${this.#index.size} keys stand, and not the ${keys} that were written`);
    this.#compactor = new Compactor(file, options, this.#state.compacted, (at) => this.#keyAt(at) !== undefined);
    this.#compactor.wake = () => this.#work();
    this.#watchers = new Watchers(
      {
        visible: () => this.#state.revision,
        compacted: () => this.#compactor.oldest,
        read: (prefix, after, steps) => this.#replay(prefix, after, steps),
        pause: () => options.clock.yield(),
      },
      options.watchQueueMax,
    );
    this.#expiry = new Expiry({
      clock: options.clock,
      log: options.log,
      tasks: this.#tasks,
      first: (untilMs, limit) => (this.#broken ? [] : file.expiring(untilMs, limit)),
      expire: (due) => this.#expire(due),
    });
    this.#scheduleRetention();
  }

  /** How many keys stand. */
  get size(): number {
    return this.#index.size;
  }

  async read(key: string): Promise<Stored | undefined> {
    this.#assertOpen();
    const entry = this.#index.get(key);
    return entry && this.#load(key, entry);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Page> {
    this.#assertOpen();
    const revision = options.revision ?? this.#state.revision;
    this.#assertKnown(revision);
    const unpin = this.#compactor.pin(revision);
    try {
      const undo = new Map<string, Entry | undefined>();
      let at = this.#undoStep(undo, revision, prefix);
      while (at < this.#state.revision) {
        await this.#pause();
        at = this.#undoStep(undo, at, prefix);
      }
      // No await from here to the selection: what was undone is all that has changed.
      const { entries, remaining } = selectPage(this.#index, prefix, options, undo);
      const items: Stored[] = [];
      for (const [key, entry] of entries) {
        if (items.length > 0 && items.length % listStep === 0) await this.#pause();
        items.push(this.#load(key, entry));
      }
      return { items, revision, remaining };
    } finally {
      unpin();
    }
  }

  async write(op: WriteOp): Promise<Stored> {
    this.#assertOpen();
    assertKey(op.key);
    return this.#submit(op);
  }

  watch(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<StoreEvent> {
    this.#assertOpen();
    return this.#watchers.open(prefix, after, signal);
  }

  async compact(revision: Revision): Promise<void> {
    this.#assertOpen();
    if (this.#broken) throw this.#broken;
    if (revision > this.#state.revision) throw new FutureRevisionError(revision, this.#state.revision);
    const done = this.#compactor.request(revision);
    this.#work();
    await done;
  }

  async revision(): Promise<Revision> {
    this.#assertOpen();
    this.#watchers.progress();
    return this.#state.revision;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#retention?.cancel();
    this.#stop.abort(new ClosedError('The store has been closed'));
    this.#compactor.stop();
    this.#expiry.stop();
    await this.#tasks.settled();
    this.#watchers.close();
    await this.#compactor.unpinned();
    await this.#file.close();
    await this.#lock.release();
  }

  async #submit(op: WriteOp): Promise<Stored> {
    if (this.#broken) throw this.#broken;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ op, resolve, reject });
      this.#work();
    });
  }

  /** Deletes as anybody would, and forgets the times only afterwards: a crash in between finds keys that are gone. */
  async #expire(due: readonly Expiring[]): Promise<void> {
    const standing = due.filter(({ key, revision }) => this.#index.get(key)?.revision === revision);
    const deleting = standing.map(({ key, revision }) => this.#submit({ do: 'delete', key, ifRevision: revision }));
    const failed = (await Promise.allSettled(deleting)).find((result) => result.status === 'rejected');
    if (failed && !(failed.reason instanceof RevisionMismatchError)) throw failed.reason;
    await new Promise<void>((resolve, reject) => {
      this.#spent = { due, resolve, reject };
      this.#work();
    });
  }

  /** Starts the loop that commits, unless it runs. It alone writes to the file: one batch at a time, in order. */
  #work(): void {
    if (this.#committing) return;
    this.#committing = true;
    this.#tasks.run('commit', undefined, async () => {
      try {
        do {
          await this.#options.clock.yield(); // Everything that this turn of the event loop submits goes into one group.
          await this.#step().catch((error: unknown) => this.#recover(error));
        } while (!this.#broken && (this.#waiting.length > 0 || this.#spent || this.#compactor.due));
      } catch (error) {
        for (const { reject } of this.#waiting.splice(0, this.#waiting.length)) reject(error);
        throw error;
      } finally {
        this.#committing = false;
      }
    });
  }

  /** Throws what the first write that failed throws: nothing is written after it before the disk has been looked at. */
  async #step(): Promise<void> {
    if (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0, groupMax));
    await this.#forgetSpent();
    this.#state = await this.#compactor.step(this.#state);
  }

  /**
   * After a failed write: goes on where the disk stands as shown, which is so after nearly all failures (a full disk, a failed sync: the
   * transaction's pages belong to nobody and are written again). Else opens the file anew, until a write goes through; what failed and is
   * on the disk nevertheless is shown then.
   */
  async #recover(error: unknown): Promise<void> {
    if (!(error instanceof StoreIoError)) throw error;
    if (this.#standsAsShown()) return;
    const { clock, log } = this.#options;
    const doubt = new StoreIoError(doubtMessage, { cause: error });
    this.#broken ??= doubt; // From here on nothing is submitted.
    for (const { reject } of this.#waiting.splice(0, this.#waiting.length)) reject(this.#broken);
    this.#spent?.reject(this.#broken);
    this.#spent = undefined;
    log.error('The disk of the store failed: opening it anew', { error: errorText(error) });
    while (!this.#stop.signal.aborted && this.#broken === doubt) {
      try {
        await this.#file.reopen();
        const state = this.#file.state();
        if (state.revision < this.#state.revision) {
          this.#broken = new StoreIoError(lostMessage);
          break;
        }
        await this.#file.commit((changes) => changes.setState(state)); // Only what a write follows is surely on the disk.
        this.#takeUp(state);
        if (this.#broken === doubt) this.#broken = undefined;
        this.#expiry.noted(0);
        log.info('The store goes on', { revision: state.revision });
      } catch (again) {
        log.warn('The store cannot be opened anew yet', { error: errorText(again) });
        await sleep(clock, recoverDelayMs, this.#stop.signal).catch(() => {}); // Closed meanwhile: the loop ends.
      }
    }
  }

  #standsAsShown(): boolean {
    try {
      const state = this.#file.state();
      if (state.revision !== this.#state.revision) return false;
      this.#state = state; // A compaction may have gone through all the same.
      this.#compactor.resume(state);
      return true;
    } catch {
      return false;
    }
  }

  /** Shows what the disk holds beyond what has been shown. */
  #takeUp(state: StoreState): void {
    const shown = this.#state.revision;
    this.#state = state;
    this.#compactor.resume(state);
    for (let revision = shown + 1; revision <= state.revision; revision++) {
      const found = this.#file.borrowRecord(revision);
      assert(typeof found !== 'string', `the record of revision ${revision} is ${found}`);
      const { length } = found;
      const event = this.#pastEvent(revision, decodeRecord(found.bytes, length));
      if (event.type === 'put') this.#index.set(event.key, { revision, createRevision: event.createRevision, bytes: length });
      else if (event.type === 'delete') this.#index.delete(event.key);
      if (event.type !== 'progress') this.#watchers.publish(event.key, revision, () => event);
    }
  }

  async #forgetSpent(): Promise<void> {
    const spent = this.#spent;
    if (!spent) return;
    this.#spent = undefined;
    const forgotten = this.#file.commit((changes) => {
      for (const expiring of spent.due) changes.removeExpiry(expiring);
    });
    forgotten.then(spent.resolve, spent.reject);
    await forgotten;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const plan = planGroup(
      group.map(({ op }) => op),
      this.#state,
      (key) => this.#index.get(key),
    );
    try {
      if (plan.accepted.length > 0) await this.#persist(plan);
    } catch (error) {
      for (const { reject } of group) reject(error);
      throw error;
    }
    this.#show(plan);
    for (const [i, { resolve, reject }] of group.entries()) this.#answer(plan, i, resolve, reject);
  }

  async #persist(plan: GroupPlan): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    let earliestMs = Number.POSITIVE_INFINITY;
    await this.#file.commit((changes) => {
      for (const { revision, record, key, ttlSeconds } of plan.accepted) {
        changes.putRecord(revision, record);
        if (ttlSeconds === undefined) continue;
        const timeMs = nowMs + ttlSeconds * 1000;
        changes.putExpiry({ timeMs, revision, key });
        earliestMs = Math.min(earliestMs, timeMs);
      }
      for (const [key, entry] of plan.entries) changes.setEntry(key, entry && encodeEntry(key, entry));
      changes.setState(plan.state);
    });
    this.#expiry.noted(earliestMs);
  }

  /** Makes durable writes visible, and hands their events to the watches. */
  #show(plan: GroupPlan): void {
    for (const [key, entry] of plan.entries) {
      if (entry) this.#index.set(key, entry);
      else this.#index.delete(key);
    }
    this.#state = plan.state;
    for (const write of plan.accepted) this.#watchers.publish(write.key, write.revision, () => this.#eventOf(write));
  }

  #answer(plan: GroupPlan, at: number, resolve: (stored: Stored) => void, reject: (error: unknown) => void): void {
    const verdict = plan.verdicts[at];
    try {
      assert(verdict, 'every write has a verdict');
      if (verdict.is === 'refused') throw refusalError(verdict.refusal, (key, entry) => this.#load(key, entry));
      const { key, revision, createRevision, value, previous } = verdict.write;
      if (value) return resolve({ key, value, revision, createRevision });
      assert(previous, `the delete of "${key}" at revision ${revision} has no previous value`);
      resolve({ ...this.#load(key, previous), revision });
    } catch (error) {
      reject(error);
    }
  }

  #eventOf({ key, revision, createRevision, value, previous: entry }: Accepted): StoreEvent {
    const previous = entry && this.#load(key, entry);
    if (value) return { type: 'put', key, value, revision, createRevision, previous };
    assert(previous, `the delete of "${key}" at revision ${revision} has no previous value`);
    return { type: 'delete', key, revision, previous };
  }

  #load(key: string, { revision, createRevision }: Entry): Stored {
    return this.#stored(key, revision, createRevision);
  }

  #stored(key: string, revision: Revision, createRevision: Revision): Stored {
    const found = this.#file.borrowRecord(revision);
    const record = typeof found === 'string' ? undefined : decodeRecord(found.bytes, found.length);
    if (record?.key === key && record.type === 'put') return { key, value: record.value, revision, createRevision };
    const unreadable = `the store's record of "${key}" at revision ${revision} is ${found === 'missing' ? found : 'damaged'}: ${remedy}`;
    this.#reportDamage(revision, unreadable);
    return { key, value: new Uint8Array(), revision, createRevision, unreadable };
  }

  /** Once for each revision, as far as somebody will read that: a whole file can be damaged. */
  #reportDamage(revision: Revision, what: string): void {
    if (this.#reported.has(revision) || this.#reported.size > reportedMax) return;
    this.#reported.add(revision);
    const isLast = this.#reported.size > reportedMax;
    this.#options.log.error('The store is damaged', { what: isLast ? 'more than what was named: "minke store check" names all' : what });
  }

  /** History ends after a revision whose record is lost: who needs it lists anew, as after a compaction. */
  #borrowHistory(revision: Revision, asked: Revision): Borrowed {
    const found = this.#file.borrowRecord(revision);
    if (typeof found !== 'string') return found;
    this.#reportDamage(revision, `the record of revision ${revision} is ${found}: history before it cannot be given`);
    throw new CompactedError(asked, revision);
  }

  /** The key that stands at the revision. It is looked for among all: only for what is damaged. */
  #keyAt(revision: Revision): string | undefined {
    let found: string | undefined;
    this.#index.visit('', undefined, (key, entry) => {
      if (entry.revision === revision) found = key;
      return found === undefined;
    });
    return found;
  }

  #replay(prefix: string, after: Revision, steps: number): Replay {
    const upTo = Math.min(this.#state.revision, after + steps);
    const events: StoreEvent[] = [];
    for (let revision = after + 1; revision <= upTo; revision++) {
      const found = this.#borrowHistory(revision, after);
      if (!decodeRecordKey(found.bytes).startsWith(prefix)) continue;
      events.push(this.#pastEvent(revision, decodeRecord(found.bytes, found.length)));
    }
    return { events, upTo };
  }

  #pastEvent(revision: Revision, { type, key, createRevision, previousRevision, value }: LogRecord): StoreEvent {
    const previous = previousRevision > 0 ? this.#stored(key, previousRevision, createRevision) : undefined;
    if (type === 'put') return { type, key, value, revision, createRevision, previous };
    assert(previous, `the delete of "${key}" at revision ${revision} has no previous value`);
    return { type, key, revision, previous };
  }

  /** Adds to `undo` how the keys under `prefix` stood before the writes after `from`. Gives how far this step came. */
  #undoStep(undo: Map<string, Entry | undefined>, from: Revision, prefix: string): Revision {
    const upTo = Math.min(this.#state.revision, from + listStep);
    for (let revision = from + 1; revision <= upTo; revision++) {
      const found = this.#borrowHistory(revision, from);
      const key = decodeRecordKey(found.bytes);
      if (!key.startsWith(prefix) || undo.has(key)) continue;
      const { previousRevision, createRevision } = decodeHead(found.bytes);
      undo.set(key, previousRevision > 0 ? { revision: previousRevision, createRevision, bytes: 0 } : undefined);
    }
    return upTo;
  }

  async #pause(): Promise<void> {
    await this.#options.clock.yield();
    this.#assertOpen();
  }

  #scheduleRetention(): void {
    this.#retention = this.#options.clock.after(this.#compactor.checkMs, () => {
      if (!this.#broken) {
        this.#compactor.checkRetention(this.#state);
        this.#work();
      }
      this.#scheduleRetention();
    });
  }

  #assertKnown(revision: Revision): void {
    if (revision > this.#state.revision) throw new FutureRevisionError(revision, this.#state.revision);
    if (revision < this.#compactor.oldest) throw new CompactedError(revision, this.#compactor.oldest);
  }

  #assertOpen(): void {
    if (this.#closing) throw new ClosedError('The store has been closed');
  }
}
