// A store whose values are encrypted beneath: those of the keys that a rule names. The rest passes through as it is.
import { Buffer } from 'node:buffer';
import { errorText } from '../../base/mod.ts';
import { type Revision, RevisionMismatchError, type Store, type Stored, type StoreEvent, type WriteOp } from '../store.ts';
import { identity, type Provider } from './providers.ts';

/** The providers for a key: the first one writes, all read. Undefined for keys that no rule names. */
export type Rules = (key: string) => readonly Provider[] | undefined;

const plain: readonly Provider[] = [identity];

export function encryptedStore(store: Store, rules: Rules): Store {
  /** Where values stand that another provider than the first one wrote: an update without a change writes them anew. */
  const stale = new Map<string, Revision>();
  const note = (key: string, revision: Revision, isStale: boolean) => {
    if (isStale) stale.set(key, revision);
    else if ((stale.get(key) ?? revision) < revision) stale.delete(key);
  };
  const readable = (stored: Stored): Stored => {
    const { key, revision } = stored;
    if (stored.unreadable !== undefined) return stored;
    const providers = rules(key) ?? plain;
    const { value, by, problem } = decrypt(stored, providers);
    note(key, revision, by !== undefined && by !== providers[0]);
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
      return found && readable(found);
    },
    async list(prefix, options) {
      const page = await store.list(prefix, options);
      return { ...page, items: page.items.map(readable) };
    },
    async write(op) {
      try {
        const stored = await store.write(encrypted(op));
        return op.do === 'delete' ? readable(stored) : { ...stored, value: op.value };
      } catch (error) {
        if (!(error instanceof RevisionMismatchError)) throw error;
        throw new RevisionMismatchError(op.key, error.current && readable(error.current));
      }
    },
    watch: (prefix, after, signal) => mapped(store.watch(prefix, after, signal), eventOf),
    compact: (revision) => store.compact(revision),
    revision: () => store.revision(),
    isStale: (key, revision) => stale.get(key) === revision,
    close: () => store.close(),
  };
}

interface Decrypted {
  readonly value: Uint8Array;
  /** Who had written it. */
  readonly by: Provider | undefined;
  /** Why it cannot be read. */
  readonly problem: string | undefined;
}

/** Several keys may have one name: one that fails does not keep the next one from being tried. */
function decrypt({ key, value }: Stored, providers: readonly Provider[]): Decrypted {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
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

function mapped(events: AsyncIterable<StoreEvent>, map: (event: StoreEvent) => StoreEvent): AsyncIterable<StoreEvent> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = events[Symbol.asyncIterator]();
      return {
        async next() {
          const result = await iterator.next();
          return result.done ? result : { done: false, value: map(result.value) };
        },
        return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}
