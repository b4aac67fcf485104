// The OpenAPI v2 document in protobuf, the only form that kubectl before 1.27 asks for.
// Source: https://github.com/google/gnostic/blob/main/openapiv2/OpenAPIv2.proto (message and field numbers)
import type { Json } from './definitions.ts';

/** What the answer is labelled with. */
export const openApiV2ProtobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** What clients ask for. The older name is no valid media type by Go's parser: answer with the one above. */
export const openApiV2ProtobufAccepted: readonly string[] = [
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  openApiV2ProtobufType,
];

/** Field number and how the field is written. `named` is a JSON object as a list of (name, value) pairs. */
type Rule = readonly [number: number, write: Write];
type Write = (out: Writer, number: number, value: unknown) => void;
type Message = Readonly<Record<string, Rule>>;

const object = (value: unknown): Json => value as Json;
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

/** The most bytes that a 32-bit number takes. */
const varintMax = 5;

/** Grows as it is written; lengths are put in front when a message is done. */
class Writer {
  #bytes = Buffer.allocUnsafe(4096);
  #length = 0;

  #room(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + count));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }

  varint(value: number): void {
    this.#room(varintMax);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  text(number: number, value: string): void {
    const size = Buffer.byteLength(value);
    this.varint((number << 3) | 2);
    this.varint(size);
    this.#room(size);
    this.#length += this.#bytes.write(value, this.#length, 'utf8');
  }

  /** A message inside: written behind, then moved up for its length. */
  message(number: number, write: () => void): void {
    this.varint((number << 3) | 2);
    const start = this.#length;
    write();
    const size = this.#length - start;
    let lengthSize = 1;
    for (let rest = size; rest > 0x7f; rest >>>= 7) lengthSize++;
    // Room for a whole varint: growing keeps only what lies before #length, and that is set back below.
    this.#room(lengthSize + varintMax);
    this.#bytes.copyWithin(start + lengthSize, start, start + size);
    this.#length = start;
    this.varint(size);
    this.#length = start + lengthSize + size;
  }

  done(): Uint8Array {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }
}

const string: Write = (out, number, value) => out.text(number, String(value));
const strings: Write = (out, number, value) => {
  for (const item of list(value)) out.text(number, String(item));
};
const bool: Write = (out, number, value) => {
  out.varint(number << 3);
  out.varint(value === true ? 1 : 0);
};
/** Any JSON, as the YAML text that it is as well. */
const any: Write = (out, number, value) => out.message(number, () => out.text(2, JSON.stringify(value)));
const message =
  (of: () => Message): Write =>
  (out, number, value) =>
    out.message(number, () => writeMessage(out, of(), object(value)));
/** A message that holds one of several: the field in it that is set. */
const inside =
  (number: number, write: Write): Write =>
  (out, outer, value) =>
    out.message(outer, () => write(out, number, value));
const repeated =
  (write: Write): Write =>
  (out, number, value) => {
    for (const item of list(value)) write(out, number, item);
  };
const pairs =
  (write: Write, names = (_name: string): boolean => true): Write =>
  (out, number, value) => {
    for (const [name, member] of Object.entries(object(value))) {
      if (!names(name)) continue;
      out.message(number, () => {
        out.text(1, name);
        write(out, 2, member);
      });
    }
  };

const infoMessage: Message = { title: [1, string], version: [2, string] };

const schemaMessage: Message = {
  $ref: [1, string],
  format: [2, string],
  description: [4, string],
  default: [5, any],
  required: [19, strings],
  additionalProperties: [
    21,
    inside(
      1,
      message(() => schemaMessage),
    ),
  ],
  // TypeItem and ItemsItem hold lists; one entry is written.
  type: [22, inside(1, string)],
  items: [
    23,
    inside(
      1,
      message(() => schemaMessage),
    ),
  ],
  properties: [25, inside(1, (out, number, value) => pairs(message(() => schemaMessage))(out, number, value))],
};

const bodyParameter: Message = {
  description: [1, string],
  name: [2, string],
  in: [3, string],
  required: [4, bool],
  schema: [5, message(() => schemaMessage)],
};
const queryParameter: Message = {
  required: [1, bool],
  in: [2, string],
  description: [3, string],
  name: [4, string],
  type: [6, string],
  uniqueItems: [20, bool],
};
const pathParameter: Message = {
  required: [1, bool],
  in: [2, string],
  description: [3, string],
  name: [4, string],
  type: [5, string],
  uniqueItems: [19, bool],
};

/** ParametersItem > Parameter > BodyParameter, or NonBodyParameter > Query- or PathParameterSubSchema. */
const parameter: Write = (out, number, value) => {
  const place = object(value).in;
  const write: Write =
    place === 'body'
      ? inside(
          1,
          message(() => bodyParameter),
        )
      : inside(
          2,
          place === 'path'
            ? inside(
                4,
                message(() => pathParameter),
              )
            : inside(
                3,
                message(() => queryParameter),
              ),
        );
  inside(1, write)(out, number, value);
};

/** ResponseValue > Response > SchemaItem > Schema. */
const response: Message = {
  description: [1, string],
  schema: [
    2,
    inside(
      1,
      message(() => schemaMessage),
    ),
  ],
};
const responseValue: Write = inside(
  1,
  message(() => response),
);

const operationMessage: Message = {
  tags: [1, strings],
  description: [3, string],
  operationId: [5, string],
  produces: [6, strings],
  consumes: [7, strings],
  parameters: [8, repeated(parameter)],
  responses: [9, inside(1, (out, number, value) => pairs(responseValue)(out, number, value))],
  schemes: [10, strings],
};

const operation: Write = message(() => operationMessage);
const pathItem: Message = {
  get: [2, operation],
  put: [3, operation],
  post: [4, operation],
  delete: [5, operation],
  options: [6, operation],
  head: [7, operation],
  patch: [8, operation],
  parameters: [9, repeated(parameter)],
};

const headMessage: Message = { swagger: [1, string], info: [2, message(() => infoMessage)] };

/** Where a part of the document goes: its number, the number of one named entry in it, and what that holds. */
const sections = {
  paths: { number: 8, entry: 2, of: pathItem },
  definitions: { number: 9, entry: 1, of: schemaMessage },
};

/** Where `x-...` members go, by message. */
const extensionNumber = new Map<Message, number>([
  [schemaMessage, 31],
  [operationMessage, 13],
]);

const isExtension = (name: string): boolean => name.startsWith('x-');

function writeMessage(out: Writer, of: Message, value: Json): void {
  for (const [name, member] of Object.entries(value)) {
    const rule = of[name];
    if (rule && member !== undefined) rule[1](out, rule[0], member);
  }
  const extension = extensionNumber.get(of);
  if (extension !== undefined) pairs(any, isExtension)(out, extension, value);
}

/** The beginning of a document. */
export function encodeHead(head: Json): Uint8Array {
  const out = new Writer();
  writeMessage(out, headMessage, head);
  return out.done();
}

/** One path or definition. */
export function encodeEntry(section: keyof typeof sections, name: string, value: Json): Uint8Array {
  const out = new Writer();
  const { entry, of } = sections[section];
  pairs(message(() => of))(out, entry, { [name]: value });
  return out.done();
}

/** A part of the document, of its entries. */
export function encodeSection(section: keyof typeof sections, entries: readonly Uint8Array[]): Uint8Array {
  const out = new Writer();
  out.varint((sections[section].number << 3) | 2);
  out.varint(entries.reduce((sum, entry) => sum + entry.length, 0));
  return Buffer.concat([out.done(), ...entries]);
}
