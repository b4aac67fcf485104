// Protocol buffers (proto3), as much as Minke's own peers need: messages are described by tables, which give the types too.
// https://protobuf.dev/programming-guides/encoding/
import { Buffer } from 'node:buffer';
import { assert } from '../mod.ts';

const wireVarint = 0;
const wireFixed64 = 1;
const wireBytes = 2;
const wireFixed32 = 5;

/** Malformed bytes. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

/** How one value is read and written. `Out` is what decoding gives, `In` what encoding takes. */
export interface Kind<Out, In = Out> {
  readonly wire: typeof wireVarint | typeof wireBytes;
  readonly zero: Out;
  isZero(value: In): boolean;
  read(reader: Reader): Out;
  write(writer: Writer, value: In): void;
}

/** One field of a message. `add` folds one more occurrence into what has been read before. */
export interface Field<Out, In> {
  readonly number: number;
  initial(): Out;
  add(before: Out, reader: Reader, wire: number): Out;
  write(writer: Writer, value: In): void;
}

// biome-ignore lint/suspicious/noExplicitAny: a table of fields holds fields of any types; the types come back out below.
export type Fields = Readonly<Record<string, Field<any, any>>>;
export type Decoded<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer Out, infer _In> ? Out : never };
export type Encodable<F extends Fields> = { readonly [K in keyof F]?: (F[K] extends Field<infer _Out, infer In> ? In : never) | undefined };

/** A message: absent fields decode to their zero value (undefined for a message), unknown ones are skipped. */
export interface Message<F extends Fields> extends Kind<Decoded<F> | undefined, Encodable<F>> {
  encode(value: Encodable<F>): Buffer;
  decode(bytes: Uint8Array): Decoded<F>;
}

export type DecodedOf<M> = M extends Message<infer F> ? Decoded<F> : never;
export type EncodableOf<M> = M extends Message<infer F> ? Encodable<F> : never;

export const string: Kind<string> = {
  wire: wireBytes,
  zero: '',
  isZero: (value) => value === '',
  read: (reader) => reader.bytes().toString('utf8'),
  write: (writer, value) => writer.bytes(Buffer.from(value, 'utf8')),
};

export const bytes: Kind<Uint8Array> = {
  wire: wireBytes,
  zero: new Uint8Array(0),
  isZero: (value) => value.length === 0,
  // A copy, so that a small value does not keep the whole answer alive.
  read: (reader) => Uint8Array.from(reader.bytes()),
  write: (writer, value) => writer.bytes(value),
};

export const bool: Kind<boolean> = {
  wire: wireVarint,
  zero: false,
  isZero: (value) => !value,
  read: (reader) => reader.varint() !== 0n,
  write: (writer, value) => writer.varint(value ? 1n : 0n),
};

/** int32, uint32 and enums, as a number. */
export const int32: Kind<number> = {
  wire: wireVarint,
  zero: 0,
  isZero: (value) => value === 0,
  read: (reader) => Number(BigInt.asIntN(32, reader.varint())),
  write: (writer, value) => writer.varint(toBigInt(value)),
};

/** int64, as a bigint: nanoseconds since the epoch are beyond what a number holds exactly. */
export const int64: Kind<bigint, bigint | number> = {
  wire: wireVarint,
  zero: 0n,
  isZero: (value) => value === 0 || value === 0n,
  read: (reader) => BigInt.asIntN(64, reader.varint()),
  write: (writer, value) => writer.varint(toBigInt(value)),
};

export const uint64: Kind<bigint, bigint | number> = { ...int64, read: (reader) => reader.varint() };

export function field<Out, In>(number: number, kind: Kind<Out, In>): Field<Out, In> {
  return {
    number,
    initial: () => kind.zero,
    add: (_before, reader) => kind.read(reader),
    write: (writer, value) => {
      if (kind.isZero(value)) return;
      writer.tag(number, kind.wire);
      kind.write(writer, value);
    },
  };
}

export function repeated<Out, In>(
  number: number,
  kind: Kind<Out, In>,
): Field<readonly Exclude<Out, undefined>[], readonly Exclude<In, undefined>[]> {
  type Items = readonly Exclude<Out, undefined>[];
  return {
    number,
    initial: () => [],
    add: (before, reader, wire) => {
      const items = before as Exclude<Out, undefined>[];
      // Scalars may come packed, several in one block.
      if (kind.wire === wireVarint && wire === wireBytes) {
        const block = new Reader(reader.bytes());
        while (!block.done) items.push(kind.read(block) as Exclude<Out, undefined>);
      } else items.push(kind.read(reader) as Exclude<Out, undefined>);
      return items as Items;
    },
    write: (writer, values) => {
      for (const value of values) {
        writer.tag(number, kind.wire);
        kind.write(writer, value);
      }
    },
  };
}

/** `map<string, string>`. */
export function stringMap(number: number): Field<Readonly<Record<string, string>>, Readonly<Record<string, string>>> {
  const entry = message({ key: field(1, string), value: field(2, string) });
  return {
    number,
    initial: () => ({}),
    add: (before, reader) => {
      const { key, value } = entry.decode(reader.bytes());
      // A plain assignment of "__proto__" would set the prototype.
      return Object.defineProperty(before, key, { value, enumerable: true, writable: true, configurable: true });
    },
    write: (writer, values) => {
      for (const [key, value] of Object.entries(values)) {
        writer.tag(number, wireBytes);
        writer.bytes(entry.encode({ key, value }));
      }
    },
  };
}

export function message<F extends Fields>(fields: F): Message<F> {
  const names = Object.keys(fields);
  const byNumber = new Map(names.map((name) => [fieldOf(fields, name).number, name]));
  assert(byNumber.size === names.length, 'two fields of a message have the same number');
  const decode = (input: Uint8Array): Decoded<F> => {
    const value: Record<string, unknown> = {};
    for (const name of names) value[name] = fieldOf(fields, name).initial();
    const reader = new Reader(input);
    while (!reader.done) {
      const tag = Number(reader.varint());
      const name = byNumber.get(tag >>> 3);
      if (name === undefined) reader.skip(tag & 7);
      else value[name] = fieldOf(fields, name).add(value[name], reader, tag & 7);
    }
    return value as Decoded<F>;
  };
  const encode = (value: Encodable<F>): Buffer => {
    const writer = new Writer();
    for (const name of names) {
      const given = value[name];
      if (given !== undefined) fieldOf(fields, name).write(writer, given);
    }
    return writer.finish();
  };
  return {
    wire: wireBytes,
    zero: undefined,
    // An empty message that is given is still written: its presence has a meaning.
    isZero: () => false,
    read: (reader) => decode(reader.bytes()),
    write: (writer, value) => writer.bytes(encode(value)),
    encode,
    decode,
  };
}

function fieldOf(fields: Fields, name: string): Field<unknown, unknown> {
  const found = fields[name];
  assert(found, `no field ${name}`);
  return found;
}

function toBigInt(value: bigint | number): bigint {
  return typeof value === 'bigint' ? value : BigInt(Math.trunc(value));
}

export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(input: Uint8Array) {
    this.#bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** An unsigned integer of at most 64 bits. */
  varint(): bigint {
    let low = 0;
    // The common short case without bigints in the loop.
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new ProtobufError('a varint has more than 10 bytes');
  }

  bytes(): Buffer {
    return this.#take(Number(this.varint()));
  }

  skip(wire: number): void {
    if (wire === wireVarint) this.varint();
    else if (wire === wireBytes) this.bytes();
    else if (wire === wireFixed64) this.#take(8);
    else if (wire === wireFixed32) this.#take(4);
    else throw new ProtobufError(`unknown wire type ${wire}`);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new ProtobufError('the message ends inside a value');
    return byte;
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new ProtobufError(`a value of ${length} bytes goes beyond the end of the message`);
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}

export class Writer {
  readonly #parts: Uint8Array[] = [];

  tag(number: number, wire: number): void {
    this.varint(BigInt((number << 3) | wire));
  }

  /** Negative numbers are written as 64-bit two's complement, as proto3 says for int32 too. */
  varint(value: bigint): void {
    const out: number[] = [];
    let left = BigInt.asUintN(64, value);
    while (left > 0x7fn) {
      out.push(Number(left & 0x7fn) | 0x80);
      left >>= 7n;
    }
    out.push(Number(left));
    this.#parts.push(Uint8Array.from(out));
  }

  bytes(value: Uint8Array): void {
    this.varint(BigInt(value.length));
    this.#parts.push(value);
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
