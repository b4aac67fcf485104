// Whether the data of a durable store fits together: state, keys, log and expiry. Reads one snapshot, and writes nothing.
import { errorText } from '../../base/mod.ts';
import type { Revision } from '../store.ts';
import type { Expiring } from './expiry.ts';
import { DamagedRecordError, decodeRecord, type Entry, isRecordSound, type LogRecord, type StoreState } from './layout.ts';

/** No more than so many problems are told: one broken page may make thousands. */
const problemsMax = 50;

/** What is read of the file, all from one snapshot. */
export interface Checked {
  state(): StoreState;
  forEachEntry(visit: (key: string, entry: Entry, sum: number) => void, onDamage: (problem: string) => void): void;
  /** In ascending order of revisions. */
  forEachRecord(visit: (revision: Revision, bytes: Buffer) => void): void;
  expiring(untilMs: number, limit: number, onDamage: (problem: string) => void): readonly Expiring[];
  /** Whether each mark is sound. */
  checkMarks(onDamage: (problem: string) => void): void;
}

export interface CheckResult {
  readonly revision: Revision;
  readonly keys: number;
  readonly records: number;
  /** One sentence each; empty when all is well. */
  readonly problems: readonly string[];
}

export function checkStore(file: Checked): CheckResult {
  const problems: string[] = [];
  const report = (problem: string) => {
    if (problems.length < problemsMax) problems.push(problem);
  };
  const state = file.state();
  const { revision, compacted } = state;
  if (compacted > revision) report(`the state says that revision ${compacted} is compacted, and the newest is ${revision}`);
  const entries = new Map<string, Entry>();
  let sum = 0;
  file.forEachEntry((key, entry, ofEntry) => {
    entries.set(key, entry);
    sum ^= ofEntry;
  }, report);
  const areAll = entries.size === state.keys && sum >>> 0 === state.keysSum;
  if (!areAll) {
    report(`the keys that stand are not those that were written: there are ${entries.size}, and should be ${state.keys}`);
  }
  file.checkMarks(report);
  const records = readRecords(file, state, report);
  checkHistory(records, state, report);
  for (const [key, entry] of entries) checkEntry(key, entry, records.get(entry.revision), report);
  for (const [at, { key, type, newest }] of records) {
    // What a damaged record had superseded is left over when history goes: nobody asks for it.
    const isLeftOver = areAll && at <= compacted;
    if (newest && type === 'put' && entries.get(key)?.revision !== at && !isLeftOver)
      report(`the key "${key}" is missing: the log has it at revision ${at}`);
    if (newest && type === 'delete' && entries.has(key))
      report(`the key "${key}" stands, and the log says that it was deleted at revision ${at}`);
  }
  for (const { key, revision: at } of file.expiring(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, report)) {
    if (at > revision) report(`the expiry of "${key}" is of revision ${at}, and the newest is ${revision}`);
  }
  return { revision, keys: entries.size, records: records.size, problems };
}

type Report = (problem: string) => void;

/** A record without its value. */
interface Seen extends Omit<LogRecord, 'value'> {
  readonly bytes: number;
  /** The log has no later record of the key. */
  newest: boolean;
}

function readRecords(file: Checked, { revision: last }: StoreState, report: Report): Map<Revision, Seen> {
  const records = new Map<Revision, Seen>();
  const newest = new Map<string, Seen>();
  file.forEachRecord((revision, bytes) => {
    if (revision > last) report(`the log goes on to revision ${revision}, and the newest is ${last}`);
    try {
      if (!isRecordSound(revision, bytes, bytes.length)) throw new DamagedRecordError('its check sum is wrong');
      const { value: _, ...head } = decodeRecord(bytes, bytes.length);
      const seen: Seen = { ...head, bytes: bytes.length, newest: true };
      const before = newest.get(head.key);
      if (before) before.newest = false;
      newest.set(head.key, seen);
      records.set(revision, seen);
    } catch (error) {
      report(`the record of revision ${revision} cannot be read: ${errorText(error)}`);
    }
  });
  return records;
}

/** Every revision that is not compacted has its record, and each record what it superseded. */
function checkHistory(records: ReadonlyMap<Revision, Seen>, { revision: last, compacted }: StoreState, report: Report): void {
  for (let revision = compacted + 1; revision <= last; revision++) {
    const record = records.get(revision);
    if (!record) {
      report(`the record of revision ${revision} is missing`);
      continue;
    }
    const { key, previousRevision, createRevision } = record;
    if (previousRevision === 0) continue;
    const previous = records.get(previousRevision);
    if (!previous) report(`the record of revision ${previousRevision} is missing, which revision ${revision} of "${key}" superseded`);
    else if (previous.key !== key || previous.createRevision !== createRevision || previous.type !== 'put') {
      report(`revision ${revision} of "${key}" says that it superseded revision ${previousRevision}, which is of "${previous.key}"`);
    }
  }
}

function checkEntry(key: string, entry: Entry, record: Seen | undefined, report: Report): void {
  const { revision, createRevision, bytes } = entry;
  if (!record) report(`the value of "${key}" is missing: no record of revision ${revision}`);
  else if (record.key !== key || record.type !== 'put')
    report(`the key "${key}" points at revision ${revision}, which is a ${record.type} of "${record.key}"`);
  else if (record.createRevision !== createRevision || record.bytes !== bytes) {
    report(`the key "${key}" and its record of revision ${revision} do not agree on its creation or size`);
  }
}
