// One write as an etcd transaction: compare, swap, and what to make of its answer. Pure.
import { assert } from '../../base/mod.ts';
import { type Revision, RevisionMismatchError, type Stored, StoreIoError, type WriteOp } from '../store.ts';
import { fromEtcdRevision, type KeySpace, toEtcdRevision } from './key-space.ts';
import { compareTargets, type TxnRequest, type TxnResponse } from './messages.ts';

export function txnOf(op: WriteOp, keys: KeySpace, lease: bigint | undefined): TxnRequest {
  const key = keys.toEtcd(op.key);
  // A key that does not exist has the revision 0.
  const modRevision = op.do === 'create' ? 0 : toEtcdRevision(op.ifRevision);
  const compare = [{ target: compareTargets.modRevision, key, modRevision }];
  const failure = [{ range: { key } }];
  if (op.do === 'delete') return { compare, success: [{ delete: { key, prevKv: true } }], failure };
  // Read back for its createRevision, without its value.
  return { compare, success: [{ put: { key, value: op.value, lease } }, { range: { key, keysOnly: true } }], failure };
}

export interface Circumstances {
  readonly keys: KeySpace;
  /** Somewhat before the write was begun. */
  readonly since: Revision;
  /** An attempt before this one may have had its effect. */
  readonly uncertain: boolean;
}

/** Throws RevisionMismatchError, and StoreIoError when nobody can tell whether the write has happened. */
export function storedOf(op: WriteOp, answer: TxnResponse, { keys, since, uncertain }: Circumstances): Stored {
  const [first, second] = answer.responses;
  if (answer.succeeded) {
    const revision = fromEtcdRevision(answer.header?.revision);
    if (op.do === 'delete') {
      const previous = first?.delete?.prevKvs[0];
      assert(previous, `etcd deleted "${op.key}" and did not give it`);
      return { ...keys.stored(previous), revision };
    }
    return { key: op.key, value: op.value, revision, createRevision: fromEtcdRevision(second?.range?.kvs[0]?.createRevision) };
  }
  const standing = first?.range?.kvs[0];
  const current = standing && keys.stored(standing);
  if (!uncertain) throw new RevisionMismatchError(op.key, current);
  if (op.do !== 'delete' && current && current.revision > since && Buffer.compare(current.value, op.value) === 0) return current;
  // Unchanged since before the write: no attempt can have had an effect.
  if (current && current.revision <= since) throw new RevisionMismatchError(op.key, current);
  throw new StoreIoError(`It is not known whether the ${op.do} of "${op.key}" has happened: etcd failed meanwhile`);
}
