// Writes the wire format of protocol buffers from the end to the beginning: a message's length is known when its content is written, so nothing is measured twice.
// Source: https://protobuf.dev/programming-guides/encoding/

const startBytes = 64 * 1024;
/** A larger buffer is not kept for the next object. */
const keepBytes = 1024 * 1024;
const asciiMax = 48;

export class Writer {
  #buffer: Buffer = Buffer.allocUnsafeSlow(startBytes);
  /** Everything from here on is written. */
  #at: number = startBytes;

  /** Bytes written so far. The length of a nested message is what this has grown by. */
  get size(): number {
    return this.#buffer.length - this.#at;
  }

  /** What was written; the writer is empty again. For bytes that are kept: a slice of the shared pool would keep its neighbours alive. */
  finish(): Buffer {
    return this.#finishInto(Buffer.allocUnsafeSlow(this.size));
  }

  /** The same for bytes that are soon gone. */
  finishBriefly(): Buffer {
    return this.#finishInto(Buffer.allocUnsafe(this.size));
  }

  #finishInto(bytes: Buffer): Buffer {
    this.#buffer.copy(bytes, 0, this.#at);
    this.reset();
    return bytes;
  }

  reset(): void {
    if (this.#buffer.length > keepBytes) this.#buffer = Buffer.allocUnsafeSlow(startBytes);
    this.#at = this.#buffer.length;
  }

  #reserve(bytes: number): void {
    if (this.#at >= bytes) return;
    const { size } = this;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, size + bytes));
    this.#buffer.copy(larger, larger.length - size, this.#at);
    this.#buffer = larger;
    this.#at = larger.length - size;
  }

  /** A tag, length or other integer from 0 to 2^31-1. */
  small(value: number): void {
    this.#reserve(5);
    if (value < 0x80) {
      this.#buffer[--this.#at] = value;
      return;
    }
    let length = 1;
    for (let rest = value >>> 7; rest > 0; rest >>>= 7) length++;
    this.#at -= length;
    let at = this.#at;
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) this.#buffer[at++] = (rest & 0x7f) | 0x80;
    this.#buffer[at] = rest;
  }

  /** Any integer of 64 bits, negative ones in two's complement. */
  integer(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value <= 0x7fffffff) {
      this.small(value);
      return;
    }
    this.#reserve(10);
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.#at -= bytes.length;
    this.#buffer.set(bytes, this.#at);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at -= 8;
    this.#buffer.writeDoubleLE(value, this.#at);
  }

  /** The text's bytes with their length before them. */
  text(value: string): void {
    const { length } = value;
    if (length <= asciiMax) {
      this.#reserve(length + 5);
      const buffer = this.#buffer;
      const start = this.#at - length;
      let i = length - 1;
      for (; i >= 0; i--) {
        const code = value.charCodeAt(i);
        if (code > 0x7f) break;
        buffer[start + i] = code;
      }
      if (i < 0) {
        this.#at = start;
        this.small(length);
        return;
      }
    }
    const size = Buffer.byteLength(value);
    this.#reserve(size + 5);
    this.#at -= size;
    this.#buffer.write(value, this.#at, size, 'utf8');
    this.small(size);
  }

  /** Bytes with their length before them. */
  chunk(bytes: Uint8Array): void {
    this.raw(bytes);
    this.small(bytes.length);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#at -= bytes.length;
    this.#buffer.set(bytes, this.#at);
  }
}
