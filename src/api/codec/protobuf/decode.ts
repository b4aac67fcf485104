// From protobuf messages to objects as they stand in JSON, by the plans of their types.
//
// Go's encoders write every field that is no pointer, zeros included. What comes out here is what the same client would
// have sent as JSON: zeros of optional fields that are no pointers are dropped, as `omitempty` does.
import { canonicalQuantity, QuantityError } from '../../meta/quantity.ts';
import { JsonSyntaxError, parseExactJson, settleNumbers } from '../json-exact.ts';
import { jsonDepthMax, scanJson } from '../json-scan.ts';
import { type FieldPlan, type Form, type MessagePlan, wireBytes } from './plan.ts';
import { ProtobufError, type Reader } from './reader.ts';

/** Messages inside messages. Only JSON schemas nest at all; the deepest of other kinds has about 15. */
const depthMax = 200;

type Json = Record<string, unknown>;

/** Reads the rest of the reader's message as one of this type. Throws ProtobufError. */
export const readMessage = (reader: Reader, plan: MessagePlan): Json => readInto({}, reader, plan, 0);

function readInto(object: Json, reader: Reader, plan: MessagePlan, depth: number): Json {
  if (depth > depthMax) throw new ProtobufError('exceeded max depth');
  const { byNumber } = plan;
  while (reader.at < reader.end) {
    const tag = reader.tag();
    const number = tag >>> 3;
    const field = number < byNumber.length ? byNumber[number] : undefined;
    if (field === undefined) reader.skip(tag & 7);
    else if (field.many === 'one') readOne(object, field, reader, tag & 7, depth);
    else if (field.many === 'list') readItem(object, field, reader, tag & 7, depth);
    else readEntry(object, field, reader, tag & 7, depth);
  }
  return object;
}

function readOne(object: Json, field: FieldPlan, reader: Reader, wireType: number, depth: number): void {
  if (wireType !== field.wireType) throw wrongWireType(field, wireType);
  const { name, form } = field;
  if (form === 'message') {
    const outer = reader.enter();
    // A field that comes twice adds to what came before.
    if (field.inline) readInto(object, reader, field.message, depth + 1);
    else object[name] = readInto((object[name] as Json | undefined) ?? {}, reader, field.message, depth + 1);
    reader.leave(outer);
    return;
  }
  const value = readValue(field, form, reader, depth);
  if (value === undefined || (!field.keepsZero && (value === '' || value === 0 || value === false) && omitted(form))) {
    // The last one counts, and this one says: not set.
    if (object[name] !== undefined) Reflect.deleteProperty(object, name);
  } else object[name] = value;
}

/** Forms of which a zero is not sent in JSON. The others are messages, and there when they are there. */
const omitted = (form: Form): boolean => form === 'string' || form === 'int32' || form === 'int64' || form === 'bool' || form === 'double';

function readItem(object: Json, field: FieldPlan, reader: Reader, wireType: number, depth: number): void {
  let list = object[field.name] as unknown[] | undefined;
  if (list === undefined) {
    list = [];
    object[field.name] = list;
  }
  if (wireType === wireBytes && field.wireType !== wireBytes) {
    // Several numbers packed into one field.
    const outer = reader.enter();
    while (reader.more) list.push(readValue(field, field.form, reader, depth));
    reader.leave(outer);
    return;
  }
  if (wireType !== field.wireType) throw wrongWireType(field, wireType);
  list.push(readElement(field, reader, depth));
}

function readElement(field: FieldPlan, reader: Reader, depth: number): unknown {
  if (field.form !== 'message') return readValue(field, field.form, reader, depth) ?? null;
  const outer = reader.enter();
  const value = readInto({}, reader, field.message, depth + 1);
  reader.leave(outer);
  return value;
}

/** Entries without a value: what a map's missing value stands for. */
function emptyElement(form: Form): unknown {
  switch (form) {
    case 'message':
      return {};
    case 'strings':
      return [];
    case 'quantity':
      return '0';
    case 'time':
    case 'micro-time':
    case 'json':
    case 'schema-or-bool':
    case 'schema-or-list':
    case 'schema-or-strings':
      return null;
    default:
      return '';
  }
}

function readEntry(object: Json, field: FieldPlan, reader: Reader, wireType: number, depth: number): void {
  if (wireType !== wireBytes) throw wrongWireType(field, wireType);
  const outer = reader.enter();
  let key = '';
  let value: unknown;
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x0a) key = reader.text();
    else if (tag >>> 3 === 2) {
      if ((tag & 7) !== field.wireType) throw wrongWireType(field, tag & 7);
      value = readElement(field, reader, depth);
    } else reader.skip(tag & 7);
  }
  reader.leave(outer);
  const map = (object[field.name] as Json | undefined) ?? {};
  object[field.name] = map;
  const given = value ?? emptyElement(field.form);
  if (key === '__proto__') Object.defineProperty(map, key, { value: given, enumerable: true, configurable: true, writable: true });
  else map[key] = given;
}

/** undefined for a time that is not set. */
function readValue(field: FieldPlan, form: Form, reader: Reader, depth: number): unknown {
  switch (form) {
    case 'string':
      return reader.text();
    case 'bool':
      return reader.bool();
    case 'int32':
      return reader.int32();
    case 'int64':
      return reader.int64();
    case 'double':
      return reader.double();
    case 'bytes':
      return reader.chunk().toString('base64');
    default:
      return readSpecial(field, form, reader, depth);
  }
}

function readSpecial(field: FieldPlan, form: Form, reader: Reader, depth: number): unknown {
  const outer = reader.enter();
  const value = special(field, form, reader, depth);
  reader.leave(outer);
  return value;
}

function special(field: FieldPlan, form: Form, reader: Reader, depth: number): unknown {
  switch (form) {
    case 'quantity':
      return readQuantity(reader);
    case 'time':
      return readTime(reader, false);
    case 'micro-time':
      return readTime(reader, true);
    case 'int-or-string':
      return readIntOrString(reader);
    case 'json':
      return readJson(reader);
    case 'strings':
      return fieldsOf(reader, { 1: () => reader.text() }).get(1) ?? [];
    case 'empty':
      return {};
    default:
      return readSchemaOr(field, form, reader, depth);
  }
}

/** All values of a message's length-delimited or varint fields, by number; others are passed over. */
function fieldsOf(reader: Reader, read: Readonly<Record<number, () => unknown>>): Map<number, unknown[]> {
  const found = new Map<number, unknown[]>();
  while (reader.more) {
    const tag = reader.tag();
    const one = read[tag >>> 3];
    if (!one) {
      reader.skip(tag & 7);
      continue;
    }
    const values = found.get(tag >>> 3) ?? [];
    values.push(one());
    found.set(tag >>> 3, values);
  }
  return found;
}

const shortQuantity = /^[1-9]\d{0,2}(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?$/;

function readQuantity(reader: Reader): string {
  let text = '';
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x0a) text = reader.text();
    else reader.skip(tag & 7);
  }
  if (shortQuantity.test(text)) return text;
  if (text === '') return '0';
  try {
    return canonicalQuantity(text);
  } catch (error) {
    throw error instanceof QuantityError ? new ProtobufError(error.message) : error;
  }
}

/** Seconds of the years 1 to 9999, which is what times in JSON can be. */
const secondsMin = -62_135_596_800;
const secondsMax = 253_402_300_799;

function readTime(reader: Reader, micro: boolean): string | undefined {
  if (!reader.more) return undefined;
  let seconds: number | bigint = 0;
  let nanos = 0;
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x08) seconds = reader.int64();
    else if (tag === 0x10) nanos = reader.int32();
    else reader.skip(tag & 7);
  }
  if (typeof seconds === 'bigint' || seconds < secondsMin || seconds > secondsMax)
    throw new ProtobufError('Time: year outside of range [0,9999]');
  const whole = secondText(seconds);
  if (!micro) return `${whole}Z`;
  const micros = Math.floor(Math.min(Math.max(nanos, 0), 999_999_999) / 1000);
  return `${whole}.${String(micros).padStart(6, '0')}Z`;
}

const twoDigits = Array.from({ length: 60 }, (_, i) => String(i).padStart(2, '0'));
const dayStart = { day: 0, text: '1970-01-01T' };

/** `2026-11-20T08:36:42`. The times in an object are mostly of one day, which is what costs most to put into words. */
function secondText(seconds: number): string {
  const day = Math.floor(seconds / 86_400);
  if (day !== dayStart.day) {
    dayStart.day = day;
    dayStart.text = new Date(day * 86_400_000).toISOString().slice(0, 11);
  }
  const rest = seconds - day * 86_400;
  const hour = Math.floor(rest / 3600);
  const minute = Math.floor(rest / 60) % 60;
  return `${dayStart.text}${twoDigits[hour]}:${twoDigits[minute]}:${twoDigits[rest % 60]}`;
}

function readIntOrString(reader: Reader): number | string {
  let type: number | bigint = 0;
  let number = 0;
  let text = '';
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x08) type = reader.int64();
    else if (tag === 0x10) number = reader.int32();
    else if (tag === 0x1a) text = reader.text();
    else reader.skip(tag & 7);
  }
  return type === 1 ? text : number;
}

function readJson(reader: Reader): unknown {
  let bytes: Buffer | undefined;
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 0x0a) bytes = reader.chunk();
    else reader.skip(tag & 7);
  }
  return bytes === undefined || bytes.length === 0 ? undefined : (parseJsonChunk(bytes) ?? undefined);
}

/** JSON inside a message. Throws ProtobufError. */
export function parseJsonChunk(bytes: Buffer): unknown {
  try {
    const scan = scanJson(bytes);
    if (!scan.exactNumbers && scan.depth <= jsonDepthMax) return JSON.parse(bytes.toString('utf8'));
    return settleNumbers(parseExactJson(bytes).value);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof JsonSyntaxError)
      throw new ProtobufError(`json parse error: ${error.message}`, { cause: error });
    throw error;
  }
}

function readSchemaOr(field: FieldPlan, form: Form, reader: Reader, depth: number): unknown {
  const message = (): Json => {
    const outer = reader.enter();
    const value = readInto({}, reader, field.message, depth + 1);
    reader.leave(outer);
    return value;
  };
  if (form === 'schema-or-bool') {
    const found = fieldsOf(reader, { 1: () => reader.bool(), 2: message });
    return found.get(2)?.at(-1) ?? found.get(1)?.at(-1) ?? false;
  }
  const found = fieldsOf(reader, { 1: message, 2: form === 'schema-or-list' ? message : () => reader.text() });
  return found.get(2) ?? found.get(1)?.at(-1);
}

const wrongWireType = (field: FieldPlan, wireType: number): ProtobufError =>
  new ProtobufError(`proto: wrong wireType = ${wireType} for field ${field.name.charAt(0).toUpperCase()}${field.name.slice(1)}`);
