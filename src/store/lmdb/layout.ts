// How the store's data lies in LMDB: the bytes of each kind of record, and nothing that does I/O.
//
// log   revision (8 bytes, big-endian) -> the write: what it did, to which key, which revision it superseded, the value.
//       Every revision after the compacted one has a record; before it only those that still stand.
// keys  key -> where it stands: revision, createRevision, size of its log record.
// marks wall time in ms (8 bytes, big-endian) -> the newest revision at that time.
// expiry wall time in ms, revision (8 bytes each, big-endian) -> the key that expires then, if it still stands at that revision.
// meta  "format" -> the format marker; "state" -> revision, compacted, bytes of history.
import { assert } from '../../base/mod.ts';
import type { Revision } from '../store.ts';

export const formatMarker = '{"format":"minke-store","version":1}';

/** Where a key stands, without its value. */
export interface Entry {
  readonly revision: Revision;
  readonly createRevision: Revision;
  /** The size of its log record, for the account of history. */
  readonly bytes: number;
}

export interface LogRecord {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly createRevision: Revision;
  /** The revision of the write that this one superseded; 0 for a create. */
  readonly previousRevision: Revision;
  /** Empty for a delete. */
  readonly value: Uint8Array;
}

export interface StoreState {
  readonly revision: Revision;
  readonly compacted: Revision;
  /** The size of all log records that are superseded or say a delete. */
  readonly historyBytes: number;
}

const recordHead = 1 + 8 + 8 + 2;
const types = ['put', 'delete'] as const;

/** Eight bytes, big-endian: the byte order is the order of the numbers. */
export function encodeNumber(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), 0);
  bytes.writeUInt32BE(value % 2 ** 32, 4);
  return bytes;
}

export function decodeNumber(bytes: Buffer): number {
  return bytes.readUInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4);
}

/** The place of a key in the order of expiry. */
export function encodeExpiry(timeMs: number, revision: Revision): Buffer {
  return Buffer.concat([encodeNumber(timeMs), encodeNumber(revision)]);
}

export function encodeKey(key: string): Buffer {
  return Buffer.from(key, 'latin1');
}

export function encodeRecord(record: LogRecord): Buffer {
  const { type, key, createRevision, previousRevision, value } = record;
  const bytes = Buffer.allocUnsafe(recordHead + key.length + value.length);
  bytes.writeUInt8(types.indexOf(type), 0);
  bytes.writeDoubleBE(createRevision, 1);
  bytes.writeDoubleBE(previousRevision, 9);
  bytes.writeUInt16BE(key.length, 17);
  bytes.write(key, recordHead, 'latin1');
  bytes.set(value, recordHead + key.length);
  return bytes;
}

/** The record in `bytes`, whose memory may be used anew: the value is a copy. `length` says how much of it counts. */
export function decodeRecord(bytes: Buffer, length: number): LogRecord {
  const head = decodeHead(bytes);
  const end = recordHead + bytes.readUInt16BE(17);
  const key = bytes.toString('latin1', recordHead, end);
  return { ...head, key, value: new Uint8Array(bytes.subarray(end, length)) };
}

/** The record without key and value, for compaction. */
export function decodeHead(bytes: Buffer): Pick<LogRecord, 'type' | 'createRevision' | 'previousRevision'> {
  const type = types[bytes.readUInt8(0)];
  assert(type, 'a log record is a put or a delete');
  return { type, createRevision: bytes.readDoubleBE(1), previousRevision: bytes.readDoubleBE(9) };
}

/** The key of the record, without its value. */
export function decodeRecordKey(bytes: Buffer): string {
  return bytes.toString('latin1', recordHead, recordHead + bytes.readUInt16BE(17));
}

export function encodeEntry(entry: Entry): Buffer {
  const bytes = Buffer.allocUnsafe(20);
  bytes.writeDoubleBE(entry.revision, 0);
  bytes.writeDoubleBE(entry.createRevision, 8);
  bytes.writeUInt32BE(entry.bytes, 16);
  return bytes;
}

export function decodeEntry(bytes: Buffer): Entry {
  return { revision: bytes.readDoubleBE(0), createRevision: bytes.readDoubleBE(8), bytes: bytes.readUInt32BE(16) };
}

export function encodeState(state: StoreState): Buffer {
  const bytes = Buffer.allocUnsafe(24);
  bytes.writeDoubleBE(state.revision, 0);
  bytes.writeDoubleBE(state.compacted, 8);
  bytes.writeDoubleBE(state.historyBytes, 16);
  return bytes;
}

export function decodeState(bytes: Buffer): StoreState {
  return { revision: bytes.readDoubleBE(0), compacted: bytes.readDoubleBE(8), historyBytes: bytes.readDoubleBE(16) };
}
