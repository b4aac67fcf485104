// Watch events as text: newline-delimited JSON made from the bytes that all watchers of an event share.
import { apiVersionOf, type KindDefinition, type KubeObject } from '../../api/mod.ts';
import { type Clock, Slices } from '../../base/mod.ts';
import type { WatchFrame } from '../request.ts';
import { type Forms, type IncludeObject, tableObject } from './forms.ts';
import type { Form } from './negotiate.ts';
import type { ProtobufForms } from './protobuf-forms.ts';

/** Events whose text is kept for the next watcher. Watchers of one write ask for it within the same few turns. */
const cachedFramesMax = 256;
const cachedBytesMax = 8 * 1024 * 1024;
/** Chunks are joined up to this size, so that a thousand small events are not a thousand writes. */
const joinBytes = 64 * 1024;

type ObjectFrame = Extract<WatchFrame, { entry: unknown }>;

const end = Buffer.from('}\n');
const heads = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};

/** The texts made lately, oldest out first. One per server and form. */
class RecentTexts {
  readonly #texts = new Map<WatchFrame, { readonly second: number; readonly bytes: Uint8Array }>();
  #bytes = 0;

  /** `second` is part of the key where the text shows ages. */
  get(frame: WatchFrame, second: number, make: () => Uint8Array): Uint8Array {
    const known = this.#texts.get(frame);
    if (known?.second === second) return known.bytes;
    const bytes = make();
    this.#texts.set(frame, { second, bytes });
    this.#bytes += bytes.length - (known?.bytes.length ?? 0);
    for (const [oldest, text] of this.#texts) {
      if (this.#texts.size <= cachedFramesMax && this.#bytes <= cachedBytesMax) break;
      this.#texts.delete(oldest);
      this.#bytes -= text.bytes.length;
    }
    return bytes;
  }
}

export interface FrameEncodersOptions {
  readonly clock: Clock;
  readonly forms: Forms;
}

export interface WatchForm {
  readonly kind: KindDefinition;
  readonly form: Form;
  readonly includeObject: IncludeObject;
  /** The watch is in the protobuf form: not for tables. */
  readonly protobuf?: ProtobufForms | undefined;
}

/** Encodes the frames of one watch: the first Table carries the columns, later ones do not. */
export interface FrameEncoder {
  (frame: WatchFrame): Uint8Array;
  /** The same text in pieces that are there already; undefined where it has to be made. For many frames that become one piece anyway. */
  readonly piecesOf?: (frame: WatchFrame) => readonly Uint8Array[] | undefined;
}

/** Makes encoders that share their texts. One per server. */
export function createFrameEncoders({ clock, forms }: FrameEncodersOptions): (watch: WatchForm) => FrameEncoder {
  const recent = new Map<string, RecentTexts>();
  const recentOf = (key: string): RecentTexts => {
    const known = recent.get(key);
    if (known) return known;
    const made = new RecentTexts();
    recent.set(key, made);
    return made;
  };
  return ({ kind, form, includeObject, protobuf }) => {
    if (protobuf) {
      const frames = recentOf(`protobuf/${form}`);
      return (frame) => frames.get(frame, 0, () => protobufFrame(protobuf, frame, kind, form));
    }
    const shown = recentOf(form === 'table' ? `table/${includeObject}` : form);
    if (form === 'object') return Object.assign((frame: WatchFrame) => plainFrame(shown, frame, kind), { piecesOf: plainPieces });
    if (form === 'metadata') {
      return (frame) =>
        isObjectFrame(frame)
          ? shown.get(frame, 0, () => frameText(frame.type, forms.metadataOnly(frame.entry.object)))
          : controlText(frame, (object) => forms.metadataOnly(object), kind);
    }
    const table = (object: KubeObject, first: boolean, nowMs: number): object => {
      const parts = forms.table(kind, [object], { nowMs, includeObject });
      const metadata = { resourceVersion: object.metadata?.resourceVersion ?? '' };
      return tableObject(metadata, first ? parts : { columnDefinitions: [], rows: parts.rows });
    };
    let first = true;
    return (frame) => {
      const nowMs = clock.nowMs();
      const isFirst = first;
      if (frame.type !== 'ERROR') first = false;
      if (!isObjectFrame(frame)) return controlText(frame, (object) => table(object, isFirst, nowMs), kind);
      if (isFirst) return frameText(frame.type, table(frame.entry.stored ?? frame.entry.object, true, nowMs));
      return shown.get(frame, Math.floor(nowMs / 1000), () =>
        frameText(frame.type, table(frame.entry.stored ?? frame.entry.object, false, nowMs)),
      );
    };
  };
}

const isObjectFrame = (frame: WatchFrame): frame is ObjectFrame => frame.type !== 'BOOKMARK' && frame.type !== 'ERROR';

function protobufFrame(forms: ProtobufForms, frame: WatchFrame, kind: KindDefinition, form: Form): Uint8Array {
  if (frame.type === 'ERROR') return forms.event(frame.type, forms.object(frame.status) ?? new Uint8Array());
  const object = isObjectFrame(frame) ? frame.entry.object : bookmarkObject(frame, kind);
  return forms.event(frame.type, forms.entry(object, kind, form === 'metadata'));
}

function plainFrame(shown: RecentTexts, frame: WatchFrame, kind: KindDefinition): Uint8Array {
  if (!isObjectFrame(frame)) return controlText(frame, (object) => object, kind);
  return shown.get(frame, 0, () => Buffer.concat(piecesOf(frame)));
}

const piecesOf = (frame: ObjectFrame): Uint8Array[] => [heads[frame.type], frame.entry.bytes, end];
const plainPieces = (frame: WatchFrame): readonly Uint8Array[] | undefined => (isObjectFrame(frame) ? piecesOf(frame) : undefined);

const frameText = (type: string, object: object): Uint8Array => Buffer.from(`{"type":"${type}","object":${JSON.stringify(object)}}\n`);

function controlText(frame: Exclude<WatchFrame, ObjectFrame>, shape: (object: KubeObject) => object, kind: KindDefinition): Uint8Array {
  return frame.type === 'ERROR' ? frameText('ERROR', frame.status) : frameText('BOOKMARK', shape(bookmarkObject(frame, kind)));
}

/** A bookmark's object is empty but for its revision, and for the mark that the initial events are complete. */
function bookmarkObject(frame: Extract<WatchFrame, { type: 'BOOKMARK' }>, kind: KindDefinition): KubeObject {
  return {
    kind: kind.kind,
    apiVersion: apiVersionOf(kind),
    metadata: {
      resourceVersion: frame.resourceVersion,
      ...(frame.initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    },
  };
}

/** Watchers that go on in one turn of the event loop: what a thousand watch would be one turn's work for all of them, 20 us and more for each. */
const inTurnMax = 150;
/** Sending costs a system call and an encryption, and from here on in proportion to the bytes. */
const unitBytes = 16 * 1024;
/** So many events cost as much to join. */
const unitEvents = 16;

/** Shares out turns of the event loop among the watches of a server: one unit for each that goes on, and more for those that are sent much. */
export const watchSlices = (clock: Clock): Slices => new Slices(clock, inTurnMax);

/** The watch's text in pieces of about {@link joinBytes}, small events joined. What is much waits until its turn comes, to be joined and to be sent. */
export async function* watchBatches(
  frames: AsyncIterable<readonly WatchFrame[]>,
  encode: FrameEncoder,
  slices: Slices,
): AsyncGenerator<readonly Uint8Array[]> {
  // The head goes out before the first event: clients wait for it.
  yield [];
  for await (const batch of frames) {
    if (batch.length >= unitEvents) await slices.enter(Math.floor(batch.length / unitEvents));
    for (const piece of joined(batch, encode)) {
      if (piece.length >= unitBytes) await slices.enter(Math.floor(piece.length / unitBytes));
      yield [piece];
    }
  }
}

function* joined(batch: readonly WatchFrame[], encode: FrameEncoder): Generator<Uint8Array> {
  if (batch.length === 1) return yield encode(batch[0] as WatchFrame);
  let pieces: Uint8Array[] = [];
  let size = 0;
  for (const frame of batch) {
    for (const piece of encode.piecesOf?.(frame) ?? [encode(frame)]) {
      pieces.push(piece);
      size += piece.length;
    }
    if (size < joinBytes) continue;
    yield Buffer.concat(pieces, size);
    pieces = [];
    size = 0;
  }
  if (pieces.length > 0) yield Buffer.concat(pieces, size);
}
