// A store whose values are encrypted beneath: those of the keys that a rule names. The rest passes through as it is.
import { Buffer } from 'node:buffer';
import { errorText } from '../../base/mod.ts';
import { type Revision, RevisionMismatchError, type Store, type Stored, type StoreEvent, type WriteOp } from '../store.ts';
import { identity, type Provider } from './providers.ts';

/** The providers for a key: the first one writes, all read. Undefined for keys that no rule names. */
export type Rules = (key: string) => readonly Provider[] | undefined;

const plain: readonly Provider[] = [identity];

export function encryptedStore(store: Store, rules: Rules): Store {
  /** Where values stand that would be written otherwise now: an update without a change writes them anew. */
  const stale = new Map<string, { readonly revision: Revision; readonly is: () => boolean }>();
  const note = (key: string, revision: Revision, is: (() => boolean) | undefined) => {
    if (is) stale.set(key, { revision, is });
    else if ((stale.get(key)?.revision ?? revision) < revision) stale.delete(key);
  };
  const readable = (stored: Stored): Stored => {
    const { key, revision } = stored;
    if (stored.unreadable !== undefined) return stored;
    const providers = rules(key) ?? plain;
    const { value, by, problem } = decrypt(stored, providers);
    note(key, revision, stalenessOf(stored.value, by, providers));
    if (problem === undefined) return value === stored.value ? stored : { ...stored, value };
    return { ...stored, value: new Uint8Array(), unreadable: `unable to transform key "${key}": ${problem}` };
  };
  const eventOf = (event: StoreEvent): StoreEvent => {
    if (event.type === 'progress') return event;
    const previous = event.previous && readable(event.previous);
    if (event.type === 'put') return { type: 'put', ...readable(event), previous };
    stale.delete(event.key);
    return { ...event, previous: previous as Stored };
  };
  const encrypted = (op: WriteOp): WriteOp => {
    const [first] = op.do === 'delete' ? [] : (rules(op.key) ?? []);
    return op.do === 'delete' || !first ? op : { ...op, value: first.encrypt(op.value, op.key) };
  };
  return {
    async read(key) {
      const found = await store.read(key);
      if (!found) return undefined;
      await keysOf([found], rules);
      return readable(found);
    },
    async list(prefix, options) {
      const page = await store.list(prefix, options);
      await keysOf(page.items, rules);
      return { ...page, items: page.items.map(readable) };
    },
    async write(op) {
      try {
        const made = encrypted(op);
        const stored = await store.write(made);
        if (made.do !== 'delete' && op.do !== 'delete') {
          const [first] = rules(op.key) ?? plain;
          note(op.key, stored.revision, first?.staleness?.(afterPrefix(made.value, first)));
          return { ...stored, value: op.value };
        }
        await keysOf([stored], rules);
        return readable(stored);
      } catch (error) {
        if (!(error instanceof RevisionMismatchError)) throw error;
        if (error.current) await keysOf([error.current], rules);
        throw new RevisionMismatchError(op.key, error.current && readable(error.current));
      }
    },
    watch: (prefix, after, signal) => mapped(store.watch(prefix, after, signal), (event) => keysOf(valuesOf(event), rules), eventOf),
    compact: (revision) => store.compact(revision),
    revision: () => store.revision(),
    isStale(key, revision) {
      const found = stale.get(key);
      return found?.revision === revision && found.is();
    },
    close: () => store.close(),
  };
}

const bufferOf = (value: Uint8Array): Buffer => Buffer.from(value.buffer, value.byteOffset, value.byteLength);
const afterPrefix = (value: Uint8Array, { prefix }: Provider): Buffer => bufferOf(value).subarray(prefix.length);

const always = (): boolean => true;

function stalenessOf(value: Uint8Array, by: Provider | undefined, providers: readonly Provider[]): (() => boolean) | undefined {
  if (by === undefined) return undefined;
  return by === providers[0] ? by.staleness?.(afterPrefix(value, by)) : always;
}

/** Has the keys of these values fetched, where a provider has to ask elsewhere; undefined where nothing needs to be. */
function keysOf(values: readonly Stored[], rules: Rules): Promise<unknown> | undefined {
  const asked: Promise<void>[] = [];
  for (const { key, value } of values) {
    for (const provider of rules(key) ?? plain) {
      if (!provider.ready || !startsWith(bufferOf(value), provider.prefix)) continue;
      const ready = provider.ready(afterPrefix(value, provider));
      if (ready) asked.push(ready);
    }
  }
  return asked.length === 0 ? undefined : Promise.all(asked);
}

const valuesOf = (event: StoreEvent): readonly Stored[] => {
  if (event.type === 'progress') return [];
  const { previous } = event;
  return [...(event.type === 'put' ? [event] : []), ...(previous ? [previous] : [])];
};

interface Decrypted {
  readonly value: Uint8Array;
  /** Who had written it. */
  readonly by: Provider | undefined;
  /** Why it cannot be read. */
  readonly problem: string | undefined;
}

/** Several keys may have one name: one that fails does not keep the next one from being tried. */
function decrypt({ key, value }: Stored, providers: readonly Provider[]): Decrypted {
  const bytes = bufferOf(value);
  let problem = 'no matching prefix found';
  for (const provider of providers) {
    const { prefix, family } = provider;
    if (!startsWith(bytes, prefix)) {
      if (startsWith(bytes, family)) problem = `no matching key was found for the provided ${familyName(family)} transformer`;
      continue;
    }
    try {
      const { buffer, byteOffset, byteLength } = provider.decrypt(bytes.subarray(prefix.length), key);
      return { value: provider === identity ? value : new Uint8Array(buffer, byteOffset, byteLength), by: provider, problem: undefined };
    } catch (error) {
      if (provider !== identity || providers.length === 1) problem = errorText(error);
    }
  }
  return { value, by: undefined, problem };
}

const startsWith = (bytes: Buffer, prefix: Buffer): boolean =>
  bytes.length >= prefix.length && bytes.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
const familyName = (family: Buffer): string => (family.includes('secretbox') ? 'Secretbox' : 'AES');

function mapped(
  events: AsyncIterable<StoreEvent>,
  ahead: (event: StoreEvent) => Promise<unknown> | undefined,
  map: (event: StoreEvent) => StoreEvent,
): AsyncIterable<StoreEvent> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = events[Symbol.asyncIterator]();
      return {
        async next() {
          const result = await iterator.next();
          if (result.done) return result;
          const keys = ahead(result.value);
          if (keys) await keys;
          return { done: false, value: map(result.value) };
        },
        return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}
