// How the store's data lies in LMDB: the bytes of each kind of record, and nothing that does I/O.
//
// log   revision (8 bytes, big-endian) -> the write: what it did, to which key, which revision it superseded, the value.
//       Every revision after the compacted one has a record; before it only those that still stand.
// keys  key -> where it stands: revision, createRevision, size of its log record.
// marks wall time in ms (8 bytes, big-endian) -> the newest revision at that time.
// expiry wall time in ms, revision (8 bytes each, big-endian) -> the key that expires then, if it still stands at that revision.
// meta  "format" -> the format marker; "state" -> revision, compacted, bytes of history, how many keys stand and the sum over them.
//
// Every record but the format marker ends with four bytes: the CRC-32 of what it is found under and of all that comes before them.
import { assert } from '../../base/mod.ts';
import type { Revision } from '../store.ts';
import { crc32, crc32OfText } from './checksum.ts';

/** Version 1 had no check sums: upgrade.ts brings it up. */
export const formatMarker = '{"format":"minke-store","version":2}';

/** A record whose check sum is wrong. */
export class DamagedRecordError extends Error {
  override readonly name = 'DamagedRecordError';
}

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
  /** How many keys stand. */
  readonly keys: number;
  /** The check sums of their entries, joined by exclusive or: a key that is lost or there twice changes it. */
  readonly keysSum: number;
}

const recordHead = 1 + 8 + 8 + 2;
export const sumBytes = 4;
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

/** Writes the check sum into the last four bytes. */
function seal(bytes: Buffer, seed: number): Buffer {
  const end = bytes.length - sumBytes;
  bytes.writeUInt32BE(crc32(bytes.subarray(0, end), seed), end);
  return bytes;
}

const isSealed = (bytes: Buffer, length: number, seed: number): boolean =>
  length >= sumBytes && crc32(bytes.subarray(0, length - sumBytes), seed) === bytes.readUInt32BE(length - sumBytes);

function checkSealed(bytes: Buffer, seed: number, what: string): void {
  if (!isSealed(bytes, bytes.length, seed)) throw new DamagedRecordError(`the check sum of ${what} is wrong`);
}

/** A number as the seed of a check sum: what is under another number has another sum. */
const seedOf = (value: number): number => ((value % 2 ** 32) ^ Math.floor(value / 2 ** 32)) >>> 0;

export function encodeRecord(revision: Revision, record: LogRecord): Buffer {
  const { type, key, createRevision, previousRevision, value } = record;
  const bytes = Buffer.allocUnsafe(recordHead + key.length + value.length + sumBytes);
  bytes.writeUInt8(types.indexOf(type), 0);
  bytes.writeDoubleBE(createRevision, 1);
  bytes.writeDoubleBE(previousRevision, 9);
  bytes.writeUInt16BE(key.length, 17);
  bytes.write(key, recordHead, 'latin1');
  bytes.set(value, recordHead + key.length);
  return sealRecord(revision, bytes);
}

/** Writes the check sum at the end of a record that is otherwise whole. */
export const sealRecord = (revision: Revision, bytes: Buffer): Buffer => seal(bytes, seedOf(revision));

/** Whether the record in the first `length` bytes is what was written at this revision. Nothing is read of it before. */
export const isRecordSound = (revision: Revision, bytes: Buffer, length: number): boolean => isSealed(bytes, length, seedOf(revision));

/** The record in `bytes`, whose memory may be used anew: the value is a copy. `length` says how much of it counts. */
export function decodeRecord(bytes: Buffer, length: number): LogRecord {
  const head = decodeHead(bytes);
  const end = recordHead + bytes.readUInt16BE(17);
  const key = bytes.toString('latin1', recordHead, end);
  return { ...head, key, value: new Uint8Array(bytes.subarray(end, length - sumBytes)) };
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

/** Whether a record without a check sum, as version 1 wrote it, can be read at all. */
export const isPlainRecordWhole = (bytes: Buffer): boolean =>
  bytes.length >= recordHead && bytes.readUInt8(0) < types.length && recordHead + bytes.readUInt16BE(17) <= bytes.length;

export function encodeEntry(key: string, entry: Entry): Buffer {
  const bytes = Buffer.allocUnsafe(20 + sumBytes);
  bytes.writeDoubleBE(entry.revision, 0);
  bytes.writeDoubleBE(entry.createRevision, 8);
  bytes.writeUInt32BE(entry.bytes, 16);
  return seal(bytes, crc32OfText(key));
}

/** Throws {@link DamagedRecordError}. */
export function decodeEntry(key: string, bytes: Buffer): Entry {
  checkSealed(bytes, crc32OfText(key), `the entry of the key "${key}"`);
  return decodePlainEntry(bytes);
}

export function decodePlainEntry(bytes: Buffer): Entry {
  return { revision: bytes.readDoubleBE(0), createRevision: bytes.readDoubleBE(8), bytes: bytes.readUInt32BE(16) };
}

/** What the entry gives to the sum over all keys. */
export const entrySum = (key: string, entry: Entry): number => sumOf(encodeEntry(key, entry));

/** The check sum at the end of a record. */
export const sumOf = (bytes: Buffer): number => bytes.readUInt32BE(bytes.length - sumBytes);

const stateNumbers = ['revision', 'compacted', 'historyBytes', 'keys', 'keysSum'] as const;
const stateSeed = crc32OfText('state');

export function encodeState(state: StoreState): Buffer {
  const bytes = Buffer.allocUnsafe(8 * stateNumbers.length + sumBytes);
  for (const [at, name] of stateNumbers.entries()) bytes.writeDoubleBE(state[name], 8 * at);
  return seal(bytes, stateSeed);
}

/** Throws {@link DamagedRecordError}. */
export function decodeState(bytes: Buffer): StoreState {
  checkSealed(bytes, stateSeed, 'the state record');
  const [revision = 0, compacted = 0, historyBytes = 0, keys = 0, keysSum = 0] = stateNumbers.map((_, at) => bytes.readDoubleBE(8 * at));
  return { revision, compacted, historyBytes, keys, keysSum };
}

/** As version 1 wrote it. */
export function decodePlainState(bytes: Buffer): Pick<StoreState, 'revision' | 'compacted' | 'historyBytes'> {
  return { revision: bytes.readDoubleBE(0), compacted: bytes.readDoubleBE(8), historyBytes: bytes.readDoubleBE(16) };
}

export function encodeMark(timeMs: number, revision: Revision): Buffer {
  return seal(Buffer.concat([encodeNumber(revision), Buffer.alloc(sumBytes)]), seedOf(timeMs));
}

/** Throws {@link DamagedRecordError}. */
export function decodeMark(timeMs: number, bytes: Buffer): Revision {
  checkSealed(bytes, seedOf(timeMs), `the mark of time ${timeMs}`);
  return decodeNumber(bytes);
}

const expirySeed = (timeMs: number, revision: Revision): number => (seedOf(timeMs) ^ seedOf(revision)) >>> 0;

/** The key that expires, as it is found under its time and revision. */
export function encodeExpiring(timeMs: number, revision: Revision, key: string): Buffer {
  return seal(Buffer.concat([encodeKey(key), Buffer.alloc(sumBytes)]), expirySeed(timeMs, revision));
}

/** Throws {@link DamagedRecordError}. */
export function decodeExpiring(timeMs: number, revision: Revision, bytes: Buffer): string {
  checkSealed(bytes, expirySeed(timeMs, revision), `the expiry of revision ${revision}`);
  return bytes.toString('latin1', 0, bytes.length - sumBytes);
}
