// Brings a store of version 1 up to the present one: every record gets its check sum. In steps, each of which a crash may follow.
import type { Revision } from '../store.ts';
import {
  decodeNumber,
  decodePlainEntry,
  decodePlainState,
  type Entry,
  encodeEntry,
  encodeExpiring,
  encodeKey,
  encodeMark,
  encodeNumber,
  encodeState,
  entrySum,
  formatMarker,
  isPlainRecordWhole,
  sealRecord,
  sumBytes,
} from './layout.ts';

const earlierMarker = '{"format":"minke-store","version":1}';
/** What stands there on the way. Version 1 refuses it, as it must. */
const onTheWay = /^\{"format":"minke-store","version":2,"upgradedTo":(\d+)\}$/;
/** A step takes no more than this of memory. */
const stepBytes = 8 * 1024 * 1024;

interface Table {
  getRange(range: { readonly start: Buffer }): Iterable<{ readonly key: Buffer; readonly value: Buffer }>;
  get(key: Buffer): Buffer | undefined;
  put(key: Buffer, value: Buffer): unknown;
}

export interface Tables {
  readonly log: Table;
  readonly keys: Table;
  readonly marks: Table;
  readonly expiry: Table | undefined;
  readonly meta: Table;
}

export const isUpgradable = (marker: string | undefined): marker is string =>
  marker !== undefined && (marker === earlierMarker || onTheWay.test(marker));

/** `commit` makes what is put within it durable together. */
export async function upgrade(tables: Tables, marker: string, commit: (change: () => void) => Promise<void>): Promise<void> {
  const { log, meta } = tables;
  const formatKey = encodeKey('format');
  let done = Number(onTheWay.exec(marker)?.[1] ?? 0);
  for (;;) {
    const { records, upTo } = sealedAfter(log, done);
    if (upTo === undefined) break;
    done = upTo;
    await commit(() => {
      for (const [key, value] of records) log.put(key, value);
      meta.put(formatKey, encodeKey(`{"format":"minke-store","version":2,"upgradedTo":${upTo}}`));
    });
  }
  const small = smallTables(tables);
  await commit(() => {
    for (const { table, key, value } of small) table.put(key, value);
    meta.put(formatKey, encodeKey(formatMarker));
  });
}

/** The records of one step. One that cannot be read stays as it is, and is found damaged by who asks for it. */
function sealedAfter(log: Table, done: Revision): { records: readonly (readonly [Buffer, Buffer])[]; upTo: Revision | undefined } {
  const records: (readonly [Buffer, Buffer])[] = [];
  let upTo: Revision | undefined;
  let bytes = 0;
  for (const { key, value } of log.getRange({ start: encodeNumber(done + 1) })) {
    upTo = decodeNumber(key);
    if (isPlainRecordWhole(value)) records.push([encodeNumber(upTo), sealRecord(upTo, Buffer.concat([value, Buffer.alloc(sumBytes)]))]);
    bytes += value.length;
    if (bytes >= stepBytes) break;
  }
  return { records, upTo };
}

interface Put {
  readonly table: Table;
  readonly key: Buffer;
  readonly value: Buffer;
}

function smallTables({ keys, marks, expiry, meta }: Tables): readonly Put[] {
  const puts: Put[] = [];
  let [count, sum] = [0, 0];
  const all = { start: Buffer.from([0]) };
  for (const { key: name, value } of keys.getRange(all)) {
    const key = name.toString('latin1');
    const plain = decodePlainEntry(value);
    const entry: Entry = { ...plain, bytes: plain.bytes + sumBytes };
    count++;
    sum ^= entrySum(key, entry);
    puts.push({ table: keys, key: encodeKey(key), value: encodeEntry(key, entry) });
  }
  for (const { key, value } of marks.getRange(all)) {
    const timeMs = decodeNumber(key);
    puts.push({ table: marks, key: encodeNumber(timeMs), value: encodeMark(timeMs, decodeNumber(value)) });
  }
  if (expiry) {
    for (const { key, value } of expiry.getRange(all)) {
      const sealed = encodeExpiring(decodeNumber(key), decodeNumber(key.subarray(8)), value.toString('latin1'));
      puts.push({ table: expiry, key: Buffer.from(key), value: sealed });
    }
  }
  const stateKey = encodeKey('state');
  const state = decodePlainState(meta.get(stateKey) ?? Buffer.alloc(24));
  puts.push({ table: meta, key: stateKey, value: encodeState({ ...state, keys: count, keysSum: sum >>> 0 }) });
  return puts;
}
