// Which keys a list gives: the range of its prefix in the index, with what has changed since the snapshot undone.
import { assert, type SortedMap } from '../base/mod.ts';
import type { ListOptions } from './store.ts';

/** Keys longer than this are a bug of the caller: etcd and LMDB have limits of this order. */
export const keyMaxBytes = 1900;
const printableAscii = /^[\x20-\x7e]+$/;

export function assertKey(key: string): void {
  assert(key.length <= keyMaxBytes && printableAscii.test(key), `a key is 1 to ${keyMaxBytes} printable ASCII characters, got "${key}"`);
}

export interface Selection<V> {
  readonly entries: readonly (readonly [key: string, value: V])[];
  readonly remaining: number;
}

/** How the keys that have changed since the snapshot stood in it: undefined for one that did not exist. */
export type Undo<V> = ReadonlyMap<string, V | undefined>;

/** The page of `index` that the options ask for, as the index stood before what `undo` takes back. */
export function selectPage<V>(index: SortedMap<V>, prefix: string, options: ListOptions, undo: Undo<V> = new Map()): Selection<V> {
  const { from, to } = rangeOf(prefix, options.after);
  if (to !== undefined && from >= to) return { entries: [], remaining: 0 };
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const undone = [...undo].filter(([key]) => key >= from && (to === undefined || key < to));
  const total = undone.reduce((sum, [key, was]) => sum + (was ? 1 : 0) - (index.get(key) ? 1 : 0), index.count(from, to));
  const restored = undone.filter((entry): entry is [string, V] => entry[1] !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  const entries: (readonly [string, V])[] = [];
  let next = 0;
  const restoreBefore = (key: string | undefined) => {
    for (let entry = restored[next]; entry && (key === undefined || entry[0] < key); entry = restored[++next]) {
      if (entries.length >= limit) return;
      entries.push(entry);
    }
  };
  index.visit(from, to, (key, value) => {
    restoreBefore(key);
    if (entries.length >= limit) return false;
    if (!undo.has(key)) entries.push([key, value]);
    return true;
  });
  restoreBefore(undefined);
  return { entries, remaining: total - entries.length };
}

/** The keys that begin with `prefix` and come after `after`, as [from, to). */
function rangeOf(prefix: string, after: string | undefined): { from: string; to: string | undefined } {
  const from = after !== undefined && after >= prefix ? `${after}\0` : prefix;
  const last = prefix.length - 1;
  // Keys are ASCII: the first string after all that begin with the prefix has its last character raised by one.
  const to = last < 0 ? undefined : prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
  return { from, to };
}
