// Decides a group of writes: which of them stand, in the order of their submission, and what that makes of the store. Pure.
import { type Revision, RevisionMismatchError, type Stored, type WriteOp } from '../store.ts';
import { type Entry, encodeRecord, entrySum, type StoreState } from './layout.ts';

/** A write that stands. */
export interface Accepted {
  readonly key: string;
  readonly type: 'put' | 'delete';
  readonly revision: Revision;
  /** The encoded log record. */
  readonly record: Buffer;
  readonly previous: Entry | undefined;
  /** How the key stands after the write; undefined when it is gone. */
  readonly entry: Entry | undefined;
  readonly createRevision: Revision;
  /** The value put; undefined for a delete. */
  readonly value: Uint8Array | undefined;
  /** How long the key may stand; undefined for good. */
  readonly ttlSeconds: number | undefined;
}

/** A write whose compare failed. `current` is how the key stood at its turn, other writes of the group counted. */
export interface Refused {
  readonly key: string;
  readonly current: Entry | undefined;
}

export type Verdict = { readonly is: 'accepted'; readonly write: Accepted } | { readonly is: 'refused'; readonly refusal: Refused };

export interface GroupPlan {
  /** One for each write, in order. */
  readonly verdicts: readonly Verdict[];
  readonly accepted: readonly Accepted[];
  /** How the keys stand that the group touches. */
  readonly entries: ReadonlyMap<string, Entry | undefined>;
  readonly state: StoreState;
}

export function planGroup(ops: readonly WriteOp[], state: StoreState, lookUp: (key: string) => Entry | undefined): GroupPlan {
  const entries = new Map<string, Entry | undefined>();
  const accepted: Accepted[] = [];
  let { revision, historyBytes, keys, keysSum } = state;
  const verdicts = ops.map((op): Verdict => {
    const current = entries.has(op.key) ? entries.get(op.key) : lookUp(op.key);
    const stands = op.do === 'create' ? current === undefined : current?.revision === op.ifRevision;
    if (!stands) return { is: 'refused', refusal: { key: op.key, current } };
    const write = accept(op, current, ++revision);
    entries.set(op.key, write.entry);
    accepted.push(write);
    keys += (write.entry ? 1 : 0) - (current ? 1 : 0);
    keysSum ^= sumOf(op.key, current) ^ sumOf(op.key, write.entry);
    historyBytes += (current?.bytes ?? 0) + (write.type === 'delete' ? write.record.length : 0);
    return { is: 'accepted', write };
  });
  return { verdicts, accepted, entries, state: { revision, compacted: state.compacted, historyBytes, keys, keysSum: keysSum >>> 0 } };
}

const sumOf = (key: string, entry: Entry | undefined): number => (entry ? entrySum(key, entry) : 0);

function accept(op: WriteOp, previous: Entry | undefined, revision: Revision): Accepted {
  const { key } = op;
  const type = op.do === 'delete' ? 'delete' : 'put';
  const value = op.do === 'delete' ? undefined : op.value;
  const createRevision = previous?.createRevision ?? revision;
  const previousRevision = previous?.revision ?? 0;
  const record = encodeRecord(revision, { type, key, createRevision, previousRevision, value: value ?? new Uint8Array() });
  const entry = type === 'delete' ? undefined : { revision, createRevision, bytes: record.length };
  const ttlSeconds = op.do === 'delete' ? undefined : op.ttlSeconds;
  return { key, type, revision, record, previous, entry, createRevision, value, ttlSeconds };
}

/** The error for a refused write. */
export function refusalError(refusal: Refused, load: (key: string, entry: Entry) => Stored): RevisionMismatchError {
  return new RevisionMismatchError(refusal.key, refusal.current && load(refusal.key, refusal.current));
}
