// Compaction of etcd by one server at a time: a key says which revision comes next, and whoever swaps it compacts.
// Source: k8s.io/apiserver/pkg/storage/etcd3/compact.go. kube-apiserver uses the same key: both on one etcd do not disturb each other.
import { Buffer } from 'node:buffer';
import { type Clock, errorText, type Logger, sleep } from '../../base/mod.ts';
import { codes, type EtcdConnection, EtcdError } from './connection.ts';
import { compareTargets, methods } from './messages.ts';

const turnKey = Buffer.from('compact_rev_key');

/** How the key stood when it was last seen. */
interface Turn {
  readonly version: number;
  /** etcd's revision at that time, which is what the next turn compacts. */
  readonly revision: number;
}

export interface CompactorOptions {
  readonly connection: EtcdConnection;
  readonly clock: Clock;
  readonly log: Logger;
  readonly intervalMs: number;
}

/** Compacts what is older than one to two intervals, until the signal fires. */
export async function keepCompacting({ connection, clock, log, intervalMs }: CompactorOptions, signal: AbortSignal): Promise<void> {
  let turn: Turn = { version: 0, revision: 0 };
  for (;;) {
    await sleep(clock, intervalMs, signal);
    try {
      turn = await takeTurn(connection, turn);
    } catch (error) {
      if (signal.aborted) return;
      log.warn('Compaction of etcd failed', { error: errorText(error) });
    }
  }
}

/** Compacts up to the revision that the last turn left, when no other server has had its turn since. */
export async function takeTurn(connection: EtcdConnection, last: Turn): Promise<Turn> {
  const now = await connection.call(methods.range, { key: turnKey, countOnly: true });
  const revision = Number(now.header?.revision ?? 0n);
  const { succeeded, responses } = await connection.call(methods.txn, {
    compare: [{ target: compareTargets.version, key: turnKey, version: last.version }],
    success: [{ put: { key: turnKey, value: Buffer.from(String(revision)) } }],
    failure: [{ range: { key: turnKey } }],
  });
  if (!succeeded) {
    const standing = responses[0]?.range?.kvs[0];
    return { version: Number(standing?.version ?? 0n), revision: Number(Buffer.from(standing?.value ?? []).toString()) };
  }
  if (last.revision > 0) await compactTo(connection, last.revision);
  return { version: last.version + 1, revision };
}

/** No error when it has been compacted already. Takes etcd's revision. */
export async function compactTo(connection: EtcdConnection, revision: number): Promise<void> {
  try {
    await connection.call(methods.compact, { revision });
  } catch (error) {
    if (!isCompacted(error)) throw error;
  }
}

export const isCompacted = (error: unknown): boolean =>
  error instanceof EtcdError && error.code === codes.outOfRange && error.message.includes('compacted');
export const isFuture = (error: unknown): boolean =>
  error instanceof EtcdError && error.code === codes.outOfRange && error.message.includes('future revision');
