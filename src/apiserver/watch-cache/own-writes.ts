// Writes of this process that are under way: their objects, so that the cache does not parse what its own server has just serialized.
import { withRevision } from '../../api/codec/mod.ts';
import { type Draft, deepFreeze, type KubeObject } from '../../api/mod.ts';
import { type CacheEntry, StoredEntry } from './entry.ts';

/** One write. The cache sets `entry` when the write's event comes by; `draft`'s parts are frozen from then on. */
export interface OwnWrite {
  readonly key: string;
  readonly value: Uint8Array;
  readonly draft: Draft<KubeObject>;
  entry: CacheEntry | undefined;
}

/** The entry of a write of our own, made from the object that was serialized for it. */
export function entryOfOwn(own: OwnWrite, revision: number, createRevision: number): CacheEntry {
  const { key, value, draft } = own;
  const object = deepFreeze(withRevision(draft as KubeObject, revision));
  return new StoredEntry({ key, revision, createRevision, value, object });
}

export class OwnWrites {
  readonly #byKey = new Map<string, OwnWrite[]>();

  /** Announces a write before it goes to the store. `forget` it when it has settled. */
  announce(key: string, value: Uint8Array, draft: Draft<KubeObject>): OwnWrite {
    const own: OwnWrite = { key, value, draft, entry: undefined };
    const standing = this.#byKey.get(key);
    if (standing) standing.push(own);
    else this.#byKey.set(key, [own]);
    return own;
  }

  forget(own: OwnWrite): void {
    const standing = this.#byKey.get(own.key);
    if (!standing) return;
    if (standing.length <= 1) this.#byKey.delete(own.key);
    else standing.splice(standing.indexOf(own), 1);
  }

  /**
   * The write that put `value`, if it is ours. Two of our writes of one key may be under way with the same text, of which
   * only one can win: either object then is right.
   */
  match(key: string, value: Uint8Array): OwnWrite | undefined {
    const standing = this.#byKey.get(key);
    return standing?.find((own) => own.entry === undefined && (own.value === value || sameBytes(own.value, value)));
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && Buffer.compare(a, b) === 0;
