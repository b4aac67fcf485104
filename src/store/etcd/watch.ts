// One watch of the store: from the feed's log and live where that reaches back far enough, from etcd's history before.
import { CompactedError, type Revision, type StoreEvent } from '../store.ts';

export interface Sources {
  /** Undefined when the log does not reach back to `after`, or not so far ahead. */
  open(after: Revision): AsyncIterable<StoreEvent> | undefined;
  /** What comes between `after` and where the log is. Ends when the log is worth another look. */
  past(after: Revision): AsyncIterable<StoreEvent>;
}

export function resumable(after: Revision, signal: AbortSignal, sources: Sources): AsyncIterable<StoreEvent> {
  let cursor = after;
  // Now and not when it is first read: a live watch has a bound from the call on.
  let live = sources.open(after)?.[Symbol.asyncIterator]();
  let past: AsyncIterator<StoreEvent> | undefined;
  const next = async (): Promise<IteratorResult<StoreEvent, undefined>> => {
    for (;;) {
      if (!live && !past) live = sources.open(cursor)?.[Symbol.asyncIterator]();
      if (!live) past ??= sources.past(cursor)[Symbol.asyncIterator]();
      try {
        const result = await (live ?? (past as AsyncIterator<StoreEvent>)).next();
        if (!result.done) {
          cursor = result.value.revision;
          return result;
        }
        if (live || signal.aborted) return { value: undefined, done: true };
        past = undefined;
      } catch (error) {
        // The log has moved on while this reader was replaying it: etcd has the rest, or says that it is gone.
        if (!live || !(error instanceof CompactedError)) throw error;
        live = undefined;
      }
    }
  };
  const end = async (): Promise<IteratorResult<StoreEvent, undefined>> => {
    await (live ?? past)?.return?.();
    return { value: undefined, done: true };
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
}
