// The contract of the revisioned store of bytes. It knows keys, values and revisions, and no kinds.

/**
 * A point in the store's one global history: an integer that every successful write raises by at least 1. It is the
 * `resourceVersion` that users see. Invariant: a safe integer; 0 is before the first write.
 */
export type Revision = number;

/** A key as it stands at some revision. `value` is shared and must not be changed. */
export interface Stored {
  readonly key: string;
  readonly value: Uint8Array;
  /** The revision of the write that made this value. */
  readonly revision: Revision;
  /** The revision of the write that created the key. */
  readonly createRevision: Revision;
  /** Why the value cannot be read; it is empty then. It may be deleted and written anew. In a store that encrypts, and where the disk has damaged a record. */
  readonly unreadable?: string | undefined;
}

/**
 * `if` is the compare of compare-and-swap: the write happens only when the key stands as said, else {@link RevisionMismatchError}.
 * `ttlSeconds`: unless it is written again, the store deletes the key so long after the write or somewhat later (etcd: up to a
 * minute), by a delete like any other. Several such deletes may have one revision. Absent: the key stays.
 */
export type WriteOp =
  | { readonly do: 'create'; readonly key: string; readonly value: Uint8Array; readonly ttlSeconds?: number | undefined }
  | {
      readonly do: 'update';
      readonly key: string;
      readonly value: Uint8Array;
      readonly ifRevision: Revision;
      readonly ttlSeconds?: number | undefined;
    }
  | { readonly do: 'delete'; readonly key: string; readonly ifRevision: Revision };

/** `value` and `previous` are shared and must not be changed. */
export type StoreEvent =
  | {
      readonly type: 'put';
      readonly key: string;
      readonly value: Uint8Array;
      readonly revision: Revision;
      readonly createRevision: Revision;
      readonly previous: Stored | undefined;
      readonly unreadable?: string | undefined;
    }
  | { readonly type: 'delete'; readonly key: string; readonly revision: Revision; readonly previous: Stored }
  /**
   * Says that the watcher has been given everything up to `revision`, whether or not anything happened. Comes after a
   * replay of history, and to every watch that is behind when somebody calls {@link Store.revision}.
   */
  | { readonly type: 'progress'; readonly revision: Revision };

export interface ListOptions {
  /** At most this many items. Default: all. */
  readonly limit?: number | undefined;
  /** Only keys after this one, in byte order. */
  readonly after?: string | undefined;
  /** The snapshot to read. Default: the newest. Throws {@link CompactedError} or {@link FutureRevisionError}. */
  readonly revision?: Revision | undefined;
}

/** One page of a consistent snapshot. Items ascend by key, in byte order. */
export interface Page {
  readonly items: readonly Stored[];
  /** The snapshot's revision. */
  readonly revision: Revision;
  /** How many items follow this page in the snapshot. */
  readonly remaining: number;
}

/**
 * What etcd gives Kubernetes and no more. Keys are printable ASCII, `/registry/<group>/<resource>/<namespace>/<name>`.
 *
 * Promises, each with a checker in `store.suite.ts`:
 * - A write resolves only when it is durable, and nothing is visible to any reader or watcher before that.
 * - Reads and lists without a revision are linearizable: they see every write acknowledged before they began.
 * - A watch gives every event under its prefix after its revision, once, in revision order, without a gap. When a write
 *   resolves, its event has been handed to every open watch's queue.
 * - A watch whose consumer falls behind its bound ends with {@link SlowWatcherError}; it never slows others.
 */
export interface Store {
  read(key: string): Promise<Stored | undefined>;
  list(prefix: string, options?: ListOptions): Promise<Page>;
  /** Gives the key as written (for a delete: as it stood, with the revision of the delete). */
  write(op: WriteOp): Promise<Stored>;
  /**
   * Open from the call on, not from the first read; for one reader. Ends at once (without error) when `signal` fires. The
   * iteration throws {@link CompactedError} when events after `after` are gone, {@link FutureRevisionError} when `after` is
   * not written yet, {@link ClosedError} when the store is closed.
   */
  watch(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<StoreEvent>;
  /** Drops history at and before `revision`: the values that stand stay. */
  compact(revision: Revision): Promise<void>;
  /** The revision of the newest durable write. Open watches that are behind it are handed a progress event. */
  revision(): Promise<Revision>;
  /** True when the value at this revision should be written anew although nothing changes: an old key has encrypted it. */
  isStale?(key: string, revision: Revision): boolean;
  /** Finishes what was begun and lets go of everything. Later calls throw {@link ClosedError}. */
  close(): Promise<void>;
}

/** The key does not stand as the write's compare demands. `current` is how it stands, undefined when it does not exist. */
export class RevisionMismatchError extends Error {
  override readonly name = 'RevisionMismatchError';
  readonly current: Stored | undefined;
  constructor(key: string, current: Stored | undefined) {
    super(`Cannot write "${key}": it ${current ? `stands at revision ${current.revision}` : 'does not exist'}`);
    this.current = current;
  }
}

/** The history before `oldest` is gone. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  readonly oldest: Revision;
  constructor(asked: Revision, oldest: Revision) {
    super(`Cannot read at revision ${asked}: history before ${oldest} has been compacted`);
    this.oldest = oldest;
  }
}

/** The revision has not been written yet. */
export class FutureRevisionError extends Error {
  override readonly name = 'FutureRevisionError';
  readonly current: Revision;
  constructor(asked: Revision, current: Revision) {
    super(`Cannot read at revision ${asked}: the newest is ${current}`);
    this.current = current;
  }
}

/** The watch's consumer fell behind its bound; it may resume after the last revision it was given. */
export class SlowWatcherError extends Error {
  override readonly name = 'SlowWatcherError';
}

/** The store has been closed. */
export class ClosedError extends Error {
  override readonly name = 'ClosedError';
}

/**
 * The disk refused (full, read-only, broken). Nothing of the failed write is visible when this is thrown, and later writes may succeed. Where the
 * disk broke in the very step that makes a write count, it may still turn out to have happened once the disk can be read again.
 */
export class StoreIoError extends Error {
  override readonly name = 'StoreIoError';
}

/** The data directory cannot be used: foreign, corrupt, or held by another process. The message is a sentence with the remedy. */
export class StoreOpenError extends Error {
  override readonly name = 'StoreOpenError';
}
