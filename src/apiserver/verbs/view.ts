// Another version of stored objects: what a client of it sends, as the stored kind has it, and what it is shown in place of what is stored.
import { encodeObject } from '../../api/codec/mod.ts';
import { type Draft, deepFreeze, type KindDefinition, type KubeObject, type StorageConversion } from '../../api/mod.ts';
import type { Encoded, Result, WatchFrame } from '../request.ts';

type Conversion = StorageConversion<KubeObject, KubeObject>;

/** A decoded draft in the form that is stored; itself where that is its own. */
export function inStoredForm(kind: KindDefinition, draft: Draft<KubeObject>): Draft<KubeObject> {
  const { storage } = kind;
  if (!storage) return draft;
  kind.setDefaults?.(draft);
  const stored: Draft<KubeObject> = storage.toStorage(draft);
  stored.metadata ??= {};
  return stored;
}

/** A draft as it was decoded, in the form that is stored, where another process converts it; all others are in that form already. */
export async function convertedDraft(kind: KindDefinition, draft: Draft<KubeObject>): Promise<Draft<KubeObject>> {
  const ahead = kind.storage?.ahead;
  if (!ahead) return draft;
  kind.setDefaults?.(draft);
  await ahead.stored(draft);
  return inStoredForm(kind, draft);
}

/** Has an entry, or a draft, converted before it is looked into. */
export async function showAhead(view: KindDefinition | undefined, of: { readonly object: KubeObject } | undefined): Promise<void> {
  if (of) await view?.storage?.ahead?.shown([of.object]);
}

/** An object as `view` shows it; itself where there is no other view. Not frozen, and not kept. */
export const inServedForm = (view: KindDefinition | undefined, object: KubeObject): KubeObject =>
  view?.storage ? (view.storage as Conversion).fromStorage(object) : object;

/** The kind of a request, where objects are stored as those of another kind. */
export const viewOf = (kind: KindDefinition): KindDefinition | undefined => (kind.storage ? kind : undefined);

/** A stored entry in another version: converted when somebody looks into it, serialized when somebody is sent it, each once. */
class ViewEntry implements Encoded {
  readonly #of: Encoded;
  readonly #storage: Conversion;
  #object: KubeObject | undefined;
  #bytes: Uint8Array | undefined;

  constructor(of: Encoded, storage: Conversion) {
    this.#of = of;
    this.#storage = storage;
  }

  /** What another process made is all that columns can read. */
  get stored(): KubeObject {
    return this.#storage.ahead ? this.object : this.#of.object;
  }

  get object(): KubeObject {
    this.#object ??= deepFreeze(this.#storage.fromStorage(this.#of.object));
    return this.#object;
  }

  get bytes(): Uint8Array {
    this.#bytes ??= Buffer.from(encodeObject(this.object));
    return this.#bytes;
  }
}

/** What one kind shows of entries and frames. Each is kept as long as what it shows, so that all its readers share it. */
interface View {
  entry(of: Encoded): Encoded;
  frame(of: WatchFrame): WatchFrame;
}

const views = new WeakMap<KindDefinition, View>();

function viewBy(kind: KindDefinition, storage: Conversion): View {
  const known = views.get(kind);
  if (known) return known;
  const entries = new WeakMap<Encoded, Encoded>();
  const frames = new WeakMap<WatchFrame, WatchFrame>();
  const entry = (of: Encoded): Encoded => remembered(entries, of, () => new ViewEntry(of, storage));
  const frame = (of: WatchFrame): WatchFrame =>
    of.type === 'BOOKMARK' || of.type === 'ERROR' ? of : remembered(frames, of, () => ({ type: of.type, entry: entry(of.entry) }));
  const made: View = { entry, frame };
  views.set(kind, made);
  return made;
}

function remembered<K extends object, V>(map: WeakMap<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/** One entry as `view` shows it. */
export const shownEntry = <E extends Encoded>(view: KindDefinition | undefined, entry: E): Encoded =>
  view?.storage ? viewBy(view, view.storage).entry(entry) : entry;

/** Has all that a result holds converted before it is looked into. */
export async function resultAhead({ storage }: KindDefinition, result: Result): Promise<void> {
  const entries = result.as === 'object' ? [result.entry] : result.as === 'list' ? result.entries : [];
  await storage?.ahead?.shown(entries.map((entry) => entry.object));
}

/** The result of a verb on stored objects, as the kind that was asked for shows it. */
export function shownAs(kind: KindDefinition, result: Result): Result {
  const { storage } = kind;
  if (!storage) return result;
  const view = viewBy(kind, storage);
  switch (result.as) {
    case 'object':
      return { ...result, kind, entry: view.entry(result.entry) };
    case 'list':
      return { ...result, kind, entries: result.entries.map(view.entry) };
    case 'watch':
      return { ...result, kind, frames: shownFrames(view, storage, result.frames) };
    case 'other':
      return result;
  }
}

async function* shownFrames(
  view: View,
  { ahead }: Conversion,
  frames: AsyncIterable<readonly WatchFrame[]>,
): AsyncGenerator<readonly WatchFrame[]> {
  for await (const batch of frames) {
    await ahead?.shown(batch.flatMap((frame) => ('entry' in frame ? [frame.entry.object] : [])));
    yield batch.map(view.frame);
  }
}
