// Reads the wire format of protocol buffers: never past the end of what it was given, and never more than 64 bits of an integer.
// Source: https://protobuf.dev/programming-guides/encoding/
import { wireBytes, wireFixed32, wireFixed64, wireVarint } from './plan.ts';

/** Bytes that are no message. The texts are those of upstream's decoder. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

const truncated = (): ProtobufError => new ProtobufError('unexpected EOF');

export class Reader {
  readonly bytes: Buffer;
  at: number;
  /** Where the message that is being read ends. */
  end: number;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.at = 0;
    this.end = bytes.length;
  }

  get more(): boolean {
    return this.at < this.end;
  }

  /** A field's number and wire type, as they stand. */
  tag(): number {
    const tag = this.#small();
    if (tag >>> 3 === 0) throw new ProtobufError(`proto: illegal tag ${tag >>> 3} (wire type ${tag & 7})`);
    return tag;
  }

  /** As Go reads an int32: what does not fit is cut off. */
  int32(): number {
    const { bytes } = this;
    let value = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      if (this.at >= this.end) throw truncated();
      const byte = bytes[this.at++] as number;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new ProtobufError('proto: integer overflow');
  }

  /** Beyond 2^53 a bigint. */
  int64(): number | bigint {
    const start = this.at;
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      if (this.at >= this.end) throw truncated();
      const byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    this.at = start;
    const exact = this.#bigint();
    const number = Number(exact);
    return Number.isSafeInteger(number) ? number : exact;
  }

  bool(): boolean {
    return this.int64() !== 0;
  }

  double(): number {
    const at = this.#take(8);
    return this.bytes.readDoubleLE(at);
  }

  text(): string {
    const length = this.length();
    const at = this.#take(length);
    // Short texts are mostly ASCII, and faster so than by a call into the engine.
    if (length < 16) {
      let text = '';
      let i = at;
      for (; i < at + length; i++) {
        const byte = this.bytes[i] as number;
        if (byte > 0x7f) break;
        text += String.fromCharCode(byte);
      }
      if (i === at + length) return text;
    }
    return this.bytes.toString('utf8', at, at + length);
  }

  chunk(): Buffer {
    const length = this.length();
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** Enters a nested message; give the result to {@link leave}. */
  enter(): number {
    const length = this.length();
    const outer = this.end;
    if (this.at + length > outer) throw truncated();
    this.end = this.at + length;
    return outer;
  }

  leave(outer: number): void {
    this.at = this.end;
    this.end = outer;
  }

  skip(wireType: number): void {
    switch (wireType) {
      case wireVarint:
        this.int64();
        return;
      case wireFixed64:
        this.#take(8);
        return;
      case wireBytes:
        this.#take(this.length());
        return;
      case wireFixed32:
        this.#take(4);
        return;
      default:
        throw new ProtobufError(`proto: illegal wireType ${wireType}`);
    }
  }

  length(): number {
    const length = this.int64();
    if (length < 0) throw new ProtobufError('proto: negative length found during unmarshaling');
    if (length > this.end - this.at) throw truncated();
    return Number(length);
  }

  #take(length: number): number {
    const { at } = this;
    if (at + length > this.end) throw truncated();
    this.at = at + length;
    return at;
  }

  #small(): number {
    if (this.at >= this.end) throw truncated();
    const byte = this.bytes[this.at] as number;
    if (byte < 0x80) {
      this.at++;
      return byte;
    }
    const value = this.int64();
    if (value < 0 || value > 0x7fffffff) throw new ProtobufError('proto: illegal tag');
    return Number(value);
  }

  #bigint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= this.end) throw truncated();
      const byte = this.bytes[this.at++] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new ProtobufError('proto: integer overflow');
  }
}
