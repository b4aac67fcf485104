// What stands around an object: four magic bytes and a message that tells the kind and holds the object's own bytes; and the frames of watches.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
import { ProtobufError, Reader } from './reader.ts';
import { Writer } from './writer.ts';

export const magic = Buffer.from('k8s\0');

export interface Envelope {
  /** Empty when the sender left it out. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty: a protobuf message. */
  readonly contentType: string;
  readonly raw: Buffer;
}

/** Throws ProtobufError. */
export function readEnvelope(body: Uint8Array): Envelope {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!bytes.subarray(0, magic.length).equals(magic))
    throw new ProtobufError(`provided data does not appear to be a protobuf message, expected prefix [${magic.join(' ')}]`);
  const found = { apiVersion: '', kind: '', contentType: '', raw: Buffer.alloc(0) as Buffer };
  const reader = new Reader(bytes.subarray(magic.length));
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x0a) {
      const outer = reader.enter();
      while (reader.more) {
        const inner = reader.tag();
        if (inner === 0x0a) found.apiVersion = reader.text();
        else if (inner === 0x12) found.kind = reader.text();
        else reader.skip(inner & 7);
      }
      reader.leave(outer);
    } else if (tag === 0x12) found.raw = reader.chunk();
    else if (tag === 0x22) found.contentType = reader.text();
    else reader.skip(tag & 7);
  }
  return found;
}

/** contentEncoding and contentType, both empty, as upstream ends its envelopes. */
const envelopeEnd = Buffer.from([0x1a, 0, 0x22, 0]);

export interface EnvelopeParts {
  /** Goes before the object's bytes. */
  readonly head: Buffer;
  /** Goes after them. */
  readonly end: Buffer;
}

const writer = new Writer();

/** The envelope of an object whose own message has `rawBytes` bytes. */
export function envelopeParts(of: { readonly apiVersion: string; readonly kind: string; readonly rawBytes: number }): EnvelopeParts {
  writer.small(of.rawBytes);
  writer.small(0x12);
  const before = writer.size;
  writer.text(of.kind);
  writer.small(0x12);
  writer.text(of.apiVersion);
  writer.small(0x0a);
  writer.small(writer.size - before);
  writer.small(0x0a);
  writer.raw(magic);
  return { head: writer.finishBriefly(), end: envelopeEnd };
}

/** A whole object from its own message. */
export function inEnvelope(of: { readonly apiVersion: string; readonly kind: string; readonly raw: Uint8Array }): Buffer {
  const { head, end } = envelopeParts({ ...of, rawBytes: of.raw.length });
  return Buffer.concat([head, of.raw, end]);
}

/** What goes before an item in a list: the item's message comes right after it. */
export function itemHead(itemBytes: number): Buffer {
  writer.small(itemBytes);
  writer.small(0x12);
  return writer.finishBriefly();
}

/**
 * One event of a watch: four bytes of length, the highest first, then a WatchEvent message whose object is in an envelope
 * of its own (`object` as {@link inEnvelope} makes it).
 */
export function watchFrame(type: string, object: Uint8Array): Buffer {
  writer.chunk(object);
  writer.small(0x0a);
  writer.small(writer.size);
  writer.small(0x12);
  writer.text(type);
  writer.small(0x0a);
  const { size } = writer;
  writer.raw(Buffer.from([size >>> 24, (size >>> 16) & 0xff, (size >>> 8) & 0xff, size & 0xff]));
  return writer.finish();
}
