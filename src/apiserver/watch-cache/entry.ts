// One object in the cache: its key, revision, JSON bytes and frozen form; and one change of it, with the frames that watchers share.
import { decodeStored, encodeForStore, encodeObject, spliceRevision, withRevision } from '../../api/codec/mod.ts';
import { deepFreeze, type KubeObject, StatusError } from '../../api/mod.ts';
import type { Revision } from '../../store/mod.ts';
import type { Encoded, WatchFrame } from '../request.ts';

interface EntryParts {
  readonly key: string;
  readonly revision: Revision;
  readonly createRevision: Revision;
  /** The JSON text as the store has it, without a resourceVersion. */
  readonly value: Uint8Array;
  /** Frozen. Absent: decoded when first asked for. */
  readonly object?: KubeObject | undefined;
}

/** An object as it stands at `revision`. */
export interface CacheEntry extends Encoded {
  readonly key: string;
  readonly revision: Revision;
  readonly createRevision: Revision;
  /** Of the JSON text, in bytes and about. */
  readonly size: number;
}

/** What the store held at the start is parsed only when someone looks into it; the text for clients is made when the first one asks for it. */
export class StoredEntry implements CacheEntry {
  readonly key: string;
  readonly revision: Revision;
  readonly createRevision: Revision;
  /** As the store has it, or with the resourceVersion in it. */
  #text: Uint8Array;
  #spliced = false;
  #object: KubeObject | undefined;

  constructor(parts: EntryParts) {
    this.key = parts.key;
    this.revision = parts.revision;
    this.createRevision = parts.createRevision;
    this.#text = parts.value;
    this.#object = parts.object;
  }

  /** The same, to be parsed when someone looks into it. */
  withoutObject(): StoredEntry {
    const { key, revision, createRevision } = this;
    const made = new StoredEntry({ key, revision, createRevision, value: this.#text });
    made.#spliced = this.#spliced;
    return made;
  }

  get size(): number {
    return this.#text.length;
  }

  get bytes(): Uint8Array {
    if (!this.#spliced) this.#text = spliceRevision(this.#text, this.revision);
    this.#spliced = true;
    return this.#text;
  }

  get object(): KubeObject {
    this.#object ??= decodeStored(this.#text, this.revision);
    return this.#object;
  }
}

/** What looking into an {@link UnreadableEntry} throws. */
export class UnreadableError extends StatusError {}

/** What the store holds and cannot read: who asks for it learns why, by a 500. */
export class UnreadableEntry implements CacheEntry {
  readonly key: string;
  readonly revision: Revision;
  readonly createRevision: Revision;
  readonly size = 0;
  readonly #why: string;

  constructor({ key, revision, createRevision }: Omit<EntryParts, 'value'>, why: string) {
    this.key = key;
    this.revision = revision;
    this.createRevision = createRevision;
    this.#why = why;
  }

  get bytes(): Uint8Array {
    throw this.#error();
  }

  get object(): KubeObject {
    throw this.#error();
  }

  #error(): UnreadableError {
    return new UnreadableError({ code: 500, reason: 'InternalError', message: `Internal error occurred: ${this.#why}` });
  }
}

/** True where looking into the entry throws. */
export const isUnreadable = (entry: CacheEntry): boolean =>
  entry instanceof UnreadableEntry || (entry instanceof ReadEntry && isUnreadable(entry.underlying));

/** An object that is read otherwise than it is stored, because its definition has changed since. Found out when someone looks into it. */
export class ReadEntry implements CacheEntry {
  readonly key: string;
  readonly revision: Revision;
  readonly createRevision: Revision;
  /** As it is stored. */
  readonly underlying: CacheEntry;
  readonly #read: (object: KubeObject) => KubeObject;
  #shown: { readonly object: KubeObject; readonly bytes: Uint8Array } | undefined;

  constructor(entry: CacheEntry, read: (object: KubeObject) => KubeObject) {
    this.key = entry.key;
    this.revision = entry.revision;
    this.createRevision = entry.createRevision;
    this.underlying = entry instanceof ReadEntry ? entry.underlying : entry;
    this.#read = read;
  }

  get size(): number {
    return this.underlying.size;
  }

  get bytes(): Uint8Array {
    return this.#show().bytes;
  }

  get object(): KubeObject {
    return this.#show().object;
  }

  #show(): { readonly object: KubeObject; readonly bytes: Uint8Array } {
    if (this.#shown) return this.#shown;
    const { object, bytes } = this.underlying;
    const read = this.#read(object);
    this.#shown = read === object ? { object, bytes } : { object: deepFreeze(read), bytes: Buffer.from(encodeObject(read)) };
    return this.#shown;
  }
}

/** The entry of a value as the store holds it, without a resourceVersion. */
export function entryOfStored(stored: {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: Revision;
  readonly createRevision: Revision;
  readonly unreadable?: string | undefined;
}): CacheEntry {
  const { key, revision, createRevision, value, unreadable } = stored;
  if (unreadable !== undefined) return new UnreadableEntry({ key, revision, createRevision }, unreadable);
  return new StoredEntry({ key, revision, createRevision, value });
}

/** `entry`'s content under a later revision: what a DELETED event shows. */
function entryAt(entry: CacheEntry, revision: Revision): CacheEntry {
  const object = deepFreeze(withRevision(entry.object, revision));
  return new StoredEntry({ key: entry.key, revision, createRevision: entry.createRevision, value: encodeForStore(object), object });
}

/**
 * One change of one key. At least one of `previous` and `next` is there. Frames are made once, however many watchers
 * get them.
 */
export class CacheEvent {
  readonly key: string;
  readonly revision: Revision;
  readonly previous: CacheEntry | undefined;
  readonly next: CacheEntry | undefined;
  #added: WatchFrame | undefined;
  #modified: WatchFrame | undefined;
  #deleted: WatchFrame | undefined;

  constructor(key: string, revision: Revision, previous: CacheEntry | undefined, next: CacheEntry | undefined) {
    this.key = key;
    this.revision = revision;
    this.previous = previous;
    this.next = next;
  }

  /** What a watcher with this selector sees of the change: nothing, or ADDED, MODIFIED, DELETED as the object enters, stays or leaves. */
  frameFor(matches: ((object: KubeObject) => boolean) | undefined): WatchFrame | undefined {
    const { previous, next } = this;
    const was = previous !== undefined && (matches === undefined || matches(previous.object));
    const is = next !== undefined && (matches === undefined || matches(next.object));
    if (is && next) {
      if (was) this.#modified ??= { type: 'MODIFIED', entry: next };
      else this.#added ??= { type: 'ADDED', entry: next };
      return was ? this.#modified : this.#added;
    }
    if (!was || !previous) return undefined;
    this.#deleted ??= { type: 'DELETED', entry: entryAt(previous, this.revision) };
    return this.#deleted;
  }
}
