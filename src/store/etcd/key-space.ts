// How the store's keys and revisions stand in etcd, and what etcd gives back as the store's own values. Pure.
//
// etcd's empty store stands at revision 1, ours at 0: ours are one less. A write is one revision; what etcd deletes because a
// lease has ended is one revision too, with several deletes in it.
import { Buffer } from 'node:buffer';
import { assert } from '../../base/mod.ts';
import type { Revision, Stored, StoreEvent } from '../store.ts';
import { type EtcdEvent, eventTypes, type KeyValue } from './messages.ts';

export type Change = Exclude<StoreEvent, { type: 'progress' }>;

export const toEtcdRevision = (revision: Revision): number => revision + 1;

export function fromEtcdRevision(revision: bigint | undefined): Revision {
  const number = Number(revision ?? 0n) - 1;
  assert(Number.isSafeInteger(number) && number >= 0, `etcd gave the revision ${revision}`);
  return number;
}

/** Everything that etcd holds. */
export const everyKey = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) };

export interface KeySpaceOptions {
  /** What keys begin with in etcd: `/registry`. */
  readonly prefix: string;
  /** What keys begin with in the store, in whose place `prefix` stands in etcd. Default nothing. */
  readonly replaces?: string | undefined;
}

export class KeySpace {
  readonly #prefix: string;
  readonly #replaces: string;

  constructor({ prefix, replaces = '' }: KeySpaceOptions) {
    this.#prefix = prefix;
    this.#replaces = replaces;
  }

  toEtcd(key: string): Buffer {
    return Buffer.from(this.#prefix + key.slice(this.#replaces.length), 'latin1');
  }

  /** The range of the keys under `prefix` that come after `after`, as etcd wants it. */
  rangeOf(prefix: string, after: string | undefined): { key: Buffer; rangeEnd: Buffer } {
    const start = this.toEtcd(prefix);
    const key = after !== undefined && after >= prefix ? Buffer.concat([this.toEtcd(after), Buffer.from([0])]) : start;
    if (start.length === 0) return { key: key.length === 0 ? everyKey.key : key, rangeEnd: everyKey.rangeEnd };
    const rangeEnd = Buffer.from(start);
    // Keys are ASCII: raising the last character gives the first string after all that begin with the prefix.
    rangeEnd.writeUInt8(rangeEnd.readUInt8(rangeEnd.length - 1) + 1, rangeEnd.length - 1);
    return { key, rangeEnd };
  }

  /** Undefined for a key that is somebody else's. */
  fromEtcd(key: Uint8Array): string | undefined {
    const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
    return text.startsWith(this.#prefix) ? this.#replaces + text.slice(this.#prefix.length) : undefined;
  }

  stored(keyValue: KeyValue): Stored {
    const key = this.fromEtcd(keyValue.key);
    assert(key !== undefined, 'etcd gave a key that was not asked for');
    const { value, modRevision, createRevision } = keyValue;
    return { key, value, revision: fromEtcdRevision(modRevision), createRevision: fromEtcdRevision(createRevision) };
  }

  /** Undefined for an event of somebody else's key, and 'lost' for a delete whose previous value etcd has compacted away. */
  change({ type, kv, prevKv }: EtcdEvent): Change | undefined | 'lost' {
    const key = kv && this.fromEtcd(kv.key);
    if (kv === undefined || key === undefined) return undefined;
    const previous = prevKv && this.stored(prevKv);
    if (type !== eventTypes.delete) return { type: 'put', ...this.stored(kv), previous };
    return previous ? { type: 'delete', key, revision: fromEtcdRevision(kv.modRevision), previous } : 'lost';
  }
}
