// Drops history in small steps: what asks for it (a caller, age, size), how far it may go, and one step at a time.
import { errorText } from '../../base/mod.ts';
import { type Revision, StoreIoError } from '../store.ts';
import type { LmdbFile } from './database.ts';
import { decodeHead, type StoreState } from './layout.ts';
import type { LmdbStoreOptions } from './options.ts';

/** A step looks at no more than this many revisions, so that writes wait for no more than one small commit. */
const stepMax = 500;
const hourMs = 3_600_000;
const gibibyte = 2 ** 30;

interface Request {
  readonly revision: Revision;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Mark {
  readonly timeMs: number;
  readonly revision: Revision;
}

export class Compactor {
  /** How often {@link checkRetention} wants to be called, in milliseconds. */
  readonly checkMs: number;
  readonly #file: LmdbFile;
  readonly #stands: (revision: Revision) => boolean;
  readonly #options: LmdbStoreOptions;
  readonly #retentionMs: number;
  readonly #retentionBytes: number;
  readonly #pins = new Set<{ readonly revision: Revision }>();
  #target: Revision;
  #compacted: Revision;
  #requests: Request[] = [];
  #mark: Mark | undefined;
  #shrinking = false;
  #stopped = false;
  #onUnpinned: (() => void) | undefined;
  /** Called when a list that held compaction back has ended. */
  wake: () => void = () => {};

  /** `stands` says whether a key stands at the revision; asked for damaged records only. */
  constructor(file: LmdbFile, options: LmdbStoreOptions, compacted: Revision, stands: (revision: Revision) => boolean) {
    this.#file = file;
    this.#stands = stands;
    this.#options = options;
    this.#retentionMs = options.retentionMs ?? hourMs;
    this.#retentionBytes = options.retentionBytes ?? gibibyte;
    this.checkMs = options.retentionCheckMs ?? Math.max(1_000, Math.ceil(this.#retentionMs / 60));
    this.#target = compacted;
    this.#compacted = compacted;
  }

  /** Readers may not ask for what was before this revision: it is raised before the first record goes. */
  get oldest(): Revision {
    return this.#target;
  }

  /** True when {@link step} would do something. */
  get due(): boolean {
    return !this.#stopped && (this.#limit() > this.#compacted || this.#mark !== undefined || this.#shrinking);
  }

  /** Resolves when history up to `revision` is gone from the disk. Throws StoreIoError. */
  request(revision: Revision): Promise<void> {
    if (revision <= this.#compacted) return Promise.resolve();
    this.#target = Math.max(this.#target, revision);
    return new Promise((resolve, reject) => this.#requests.push({ revision, resolve, reject }));
  }

  /** Keeps the snapshot at `revision` until the returned function is called. */
  pin(revision: Revision): () => void {
    const pin = { revision };
    this.#pins.add(pin);
    return () => {
      this.#pins.delete(pin);
      if (this.#pins.size === 0) this.#onUnpinned?.();
      if (this.due) this.wake();
    };
  }

  /** Resolves when no list is being read. */
  async unpinned(): Promise<void> {
    while (this.#pins.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onUnpinned = resolve;
      });
    }
  }

  /** Sets a mark for the present moment, and asks for the removal of what is older than the retention window. */
  checkRetention(state: StoreState): void {
    const nowMs = this.#options.clock.nowMs();
    if (state.revision > (this.#file.newestMark()?.revision ?? 0)) this.#mark = { timeMs: nowMs, revision: state.revision };
    const old = this.#file.markAt(Math.max(0, nowMs - this.#retentionMs));
    if (old && old.revision > this.#target) this.#target = old.revision;
    this.#checkSize(state);
  }

  /** Takes compaction one small commit further. Gives the state after it. Throws StoreIoError, which those who asked have been told. */
  async step(before: StoreState): Promise<StoreState> {
    if (!this.#stopped) this.#checkSize(before);
    if (!this.due) return before;
    const mark = this.#mark;
    this.#mark = undefined;
    try {
      const { removed, bytes, upTo } = this.#superseded(before);
      this.#target = Math.max(this.#target, upTo);
      const state: StoreState = { ...before, compacted: upTo, historyBytes: Math.max(0, before.historyBytes - bytes) };
      const staleMarks = this.#staleMarks(upTo);
      await this.#file.commit((changes) => {
        for (const revision of removed) changes.removeRecord(revision);
        for (const timeMs of staleMarks) changes.removeMark(timeMs);
        if (mark) changes.putMark(mark.timeMs, mark.revision);
        changes.setState(state);
      });
      this.#compacted = upTo;
      if (this.#shrinking && (state.historyBytes <= this.#retentionBytes * 0.9 || upTo === before.compacted)) this.#shrinking = false;
      this.#settleRequests();
      return state;
    } catch (error) {
      if (!(error instanceof StoreIoError)) throw error;
      this.#giveUp(error);
      throw error;
    }
  }

  /** Takes up how the disk stands, after a failure. */
  resume({ compacted }: StoreState): void {
    this.#compacted = compacted;
    this.#target = Math.max(this.#target, compacted);
  }

  /** Ends compaction: what has not been done is left for the next start. */
  stop(): void {
    this.#stopped = true;
    this.#giveUp(new StoreIoError('Cannot finish the compaction: the store has been closed'));
  }

  #checkSize(state: StoreState): void {
    if (state.historyBytes > this.#retentionBytes && state.compacted < this.#lowestPin(state.revision)) this.#shrinking = true;
  }

  #limit(): Revision {
    return this.#lowestPin(this.#target);
  }

  #lowestPin(atMost: Revision): Revision {
    let lowest = atMost;
    for (const { revision } of this.#pins) lowest = Math.min(lowest, revision);
    return lowest;
  }

  /**
   * The records of one step: those that nobody can ask for once history up to `upTo` is gone, and their size. It ends where
   * those who asked are satisfied and, when there is too much history, where enough of it is gone.
   */
  #superseded({ compacted, revision: newest, historyBytes }: StoreState): { removed: readonly Revision[]; bytes: number; upTo: Revision } {
    const asked = this.#limit();
    const excess = this.#shrinking ? historyBytes - this.#retentionBytes * 0.9 : 0;
    const last = Math.min(compacted + stepMax, this.#shrinking ? this.#lowestPin(newest) : asked);
    const removed: Revision[] = [];
    let bytes = 0;
    let upTo = compacted;
    while (upTo < last && (upTo < asked || bytes < excess)) {
      upTo++;
      const found = this.#file.borrowRecord(upTo);
      if (typeof found === 'string') {
        // What it superseded cannot be told, and stays. It goes itself, unless it is the value of a key that stands.
        if (found === 'damaged' && !this.#stands(upTo)) removed.push(upTo);
        continue;
      }
      const { type, previousRevision } = decodeHead(found.bytes);
      if (type === 'delete') {
        removed.push(upTo);
        bytes += found.length;
      }
      if (previousRevision === 0) continue;
      removed.push(previousRevision);
      const previous = this.#file.borrowRecord(previousRevision);
      if (typeof previous !== 'string') bytes += previous.length;
    }
    return { removed, bytes, upTo };
  }

  /** Marks that point at what is gone. A few at a time is enough: they come one a minute. */
  #staleMarks(upTo: Revision): readonly number[] {
    const oldMs = this.#options.clock.nowMs() - this.#retentionMs;
    const old = oldMs > 0 ? this.#file.markAt(oldMs) : undefined;
    return old && old.revision <= upTo ? this.#file.marksUpTo(old.timeMs, 100) : [];
  }

  #settleRequests(): void {
    const done = this.#requests.filter(({ revision }) => revision <= this.#compacted);
    this.#requests = this.#requests.filter(({ revision }) => revision > this.#compacted);
    for (const { resolve } of done) resolve();
  }

  /** Nothing is tried again before the next check: a full disk must not make a busy loop. */
  #giveUp(error: StoreIoError): void {
    if (!this.#stopped) this.#options.log.warn('Compaction of the store failed', { error: errorText(error) });
    if (!this.#stopped) this.#target = this.#compacted;
    this.#shrinking = false;
    const { length } = this.#requests;
    for (const { reject } of this.#requests.splice(0, length)) reject(error);
  }
}
