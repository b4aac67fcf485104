// Which events are worth writing: aggregation of similar ones, counting of equal ones, and a spam filter, as upstream does.
// Source: client-go's event correlator. Pure but for the memory that it keeps.
import type { V1ObjectReference } from '../api/mod.ts';

/** Events that differ only in their message, within this time, ... */
const similarWithinMs = 600_000;
/** ... are combined from this many different messages on. */
const similarMax = 10;
/** A token bucket for each source and object. */
const spamBurst = 25;
const spamRefillPerMs = 1 / 300_000;
/** How many keys each memory holds; the least recently used is forgotten. */
const remembered = 4096;

export const combinedPrefix = '(combined from similar events): ';

export interface EventFacts {
  readonly object: V1ObjectReference;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What is known of an event that has been written. */
export interface Written {
  readonly namespace: string;
  readonly name: string;
  readonly firstTimestamp: string;
  readonly count: number;
}

export type Correlated =
  | { readonly do: 'drop' }
  | { readonly do: 'create'; readonly key: string; readonly message: string }
  /** The same event again: `last` is counted up. */
  | { readonly do: 'count'; readonly key: string; readonly message: string; readonly last: Written };

export interface Correlator {
  observe(event: EventFacts, nowMs: number): Correlated;
  /** To be called once an event has been written under `key`. */
  wrote(key: string, written: Written): void;
}

export function createCorrelator(): Correlator {
  const similar = createMemory<{ readonly messages: readonly string[]; readonly lastMs: number }>(remembered);
  const equal = createMemory<Written>(remembered);
  const buckets = createMemory<{ readonly tokens: number; readonly atMs: number }>(remembered);

  function combined(event: EventFacts, nowMs: number): { key: string; message: string } {
    const group = keyOf(event.object, event.type, event.reason);
    const known = similar.get(group);
    const earlier = known && nowMs - known.lastMs <= similarWithinMs ? known.messages : [];
    const messages = earlier.includes(event.message) ? earlier : [...earlier, event.message];
    const tooMany = messages.length >= similarMax;
    // One is taken out again, so that they stay bounded.
    similar.set(group, { messages: tooMany ? messages.slice(1) : messages, lastMs: nowMs });
    if (tooMany) return { key: group, message: combinedPrefix + event.message };
    return { key: `${group}\0${event.object.fieldPath ?? ''}\0${event.message}`, message: event.message };
  }

  function allowed(event: EventFacts, nowMs: number): boolean {
    const key = keyOf(event.object);
    const bucket = buckets.get(key) ?? { tokens: spamBurst, atMs: nowMs };
    const tokens = Math.min(spamBurst, bucket.tokens + (nowMs - bucket.atMs) * spamRefillPerMs);
    buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    return tokens >= 1;
  }

  return {
    observe(event, nowMs) {
      const { key, message } = combined(event, nowMs);
      if (!allowed(event, nowMs)) return { do: 'drop' };
      const last = equal.get(key);
      return last ? { do: 'count', key, message, last } : { do: 'create', key, message };
    },
    wrote: (key, written) => equal.set(key, written),
  };
}

/** The uid alone says which object it is. */
function keyOf({ kind, namespace, name, uid, apiVersion }: V1ObjectReference, ...more: string[]): string {
  const parts = uid === undefined ? [kind, namespace, name, apiVersion, ...more] : [kind, uid, ...more];
  return parts.map((part) => part ?? '').join('\0');
}

/** A map that forgets what was used least recently. */
function createMemory<V>(max: number) {
  const entries = new Map<string, V>();
  return {
    get(key: string): V | undefined {
      const value = entries.get(key);
      if (value === undefined) return undefined;
      entries.delete(key);
      entries.set(key, value);
      return value;
    },
    set(key: string, value: V): void {
      entries.delete(key);
      entries.set(key, value);
      if (entries.size <= max) return;
      const [oldest] = entries.keys();
      if (oldest !== undefined) entries.delete(oldest);
    },
  };
}
