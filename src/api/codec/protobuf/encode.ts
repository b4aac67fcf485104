// From objects as they stand in JSON to protobuf messages, by the plans of their types. What is absent is not written.
import { parseTime } from '../../meta/time.ts';
import { stringifyJson } from '../encode.ts';
import type { FieldPlan, Form, MessagePlan } from './plan.ts';
import { Writer } from './writer.ts';

type Json = Readonly<Record<string, unknown>>;

/** One for all: nothing is written in turns. */
const shared = new Writer();

/** The message's bytes, without any frame. Fields that the type does not have (kind, apiVersion) are left out. */
export function encodeMessage(object: object, plan: MessagePlan): Buffer {
  try {
    writeMessage(shared, object as Json, plan);
    return shared.finish();
  } finally {
    shared.reset();
  }
}

function writeMessage(writer: Writer, object: Json, plan: MessagePlan): void {
  const { byName } = plan;
  let inlined = false;
  for (const key in object) {
    const field = byName.get(key);
    if (field === undefined) continue;
    if (field.inline) {
      inlined = true;
      continue;
    }
    const value = object[key];
    if (value !== undefined && value !== null) writeField(writer, field, value);
  }
  if (!inlined) return;
  for (const field of plan.inlined) {
    const before = writer.size;
    writeMessage(writer, object, field.message);
    if (writer.size > before) endMessage(writer, field.tag, before);
  }
}

function writeField(writer: Writer, field: FieldPlan, value: unknown): void {
  if (field.many === 'one') writeValue(writer, field, field.tag, value);
  else if (field.many === 'list') {
    const list = value as readonly unknown[];
    // From the last to the first, because the writer goes backwards.
    for (let i = list.length - 1; i >= 0; i--) writeValue(writer, field, field.tag, list[i] ?? zeroOf(field.form));
  } else writeMap(writer, field, value as Json);
}

/** What a null in a list or map is in Go. */
const zeroOf = (form: Form): unknown =>
  form === 'string' || form === 'bytes' || form === 'quantity' ? '' : form === 'bool' ? false : form === 'message' ? {} : undefined;

const keyTag = 0x0a;

function writeMap(writer: Writer, field: FieldPlan, map: Json): void {
  const valueTag = (2 << 3) | field.wireType;
  const keys = Object.keys(map);
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i] as string;
    const before = writer.size;
    writeValue(writer, field, valueTag, map[key] ?? zeroOf(field.form));
    writer.text(key);
    writer.small(keyTag);
    endMessage(writer, field.tag, before);
  }
}

/** Puts the length and tag before what was written since `before`. */
function endMessage(writer: Writer, tag: number, before: number): void {
  writer.small(writer.size - before);
  writer.small(tag);
}

function writeValue(writer: Writer, field: FieldPlan, tag: number, value: unknown): void {
  switch (field.form) {
    case 'string':
      writer.text(String(value));
      break;
    case 'message': {
      const before = writer.size;
      writeMessage(writer, value as Json, field.message);
      writer.small(writer.size - before);
      break;
    }
    case 'bool':
      writer.small(value === true ? 1 : 0);
      break;
    case 'int32':
    case 'int64':
      writer.integer(value as number | bigint);
      break;
    case 'double':
      writer.double(Number(value));
      break;
    case 'bytes':
      writer.chunk(Buffer.from(String(value), 'base64'));
      break;
    default: {
      const before = writer.size;
      writeSpecial(writer, field, field.form, value);
      writer.small(writer.size - before);
    }
  }
  writer.small(tag);
}

const first = 0x0a;
const firstInteger = 0x08;
const second = 0x12;
const secondInteger = 0x10;
const third = 0x1a;

/** The content of a message that JSON shows as something else. */
function writeSpecial(writer: Writer, field: FieldPlan, form: Form, value: unknown): void {
  switch (form) {
    case 'quantity':
      writer.text(String(value));
      writer.small(first);
      return;
    case 'time':
    case 'micro-time':
      writeTime(writer, value);
      return;
    case 'int-or-string':
      writeIntOrString(writer, value);
      return;
    case 'json':
      if (value === undefined) return;
      writer.text(stringifyJson(value));
      writer.small(first);
      return;
    case 'strings':
      writeTexts(writer, first, value);
      return;
    case 'schema-or-bool':
    case 'schema-or-list':
    case 'schema-or-strings':
      writeSchemaOr(writer, field, value);
      return;
    default:
      return;
  }
}

function writeTexts(writer: Writer, tag: number, value: unknown): void {
  const texts = Array.isArray(value) ? value : [];
  for (let i = texts.length - 1; i >= 0; i--) {
    writer.text(String(texts[i]));
    writer.small(tag);
  }
}

/** An unreadable time is written as one that is not set. */
function writeTime(writer: Writer, value: unknown): void {
  const ms = typeof value === 'string' ? timeOf(value) : undefined;
  if (ms === undefined) return;
  const micros = Math.round(ms * 1000);
  const seconds = Math.floor(micros / 1_000_000);
  writer.small((micros - seconds * 1_000_000) * 1000);
  writer.small(secondInteger);
  writer.integer(seconds);
  writer.small(firstInteger);
}

/** The engine's own parser is quickest at the form that times mostly have. */
function timeOf(text: string): number | undefined {
  const quick = text.length === 20 && text.endsWith('Z') ? Date.parse(text) : Number.NaN;
  return Number.isNaN(quick) ? parseTime(text) : quick;
}

function writeIntOrString(writer: Writer, value: unknown): void {
  const isText = typeof value === 'string';
  writer.text(isText ? value : '');
  writer.small(third);
  writer.integer(isText || value === undefined ? 0 : (value as number | bigint));
  writer.small(secondInteger);
  writer.small(isText ? 1 : 0);
  writer.small(firstInteger);
}

function writeSchemaOr(writer: Writer, field: FieldPlan, value: unknown): void {
  const message = (tag: number, schema: unknown): void => {
    const before = writer.size;
    writeMessage(writer, schema as Json, field.message);
    endMessage(writer, tag, before);
  };
  if (Array.isArray(value)) {
    if (field.form === 'schema-or-strings') writeTexts(writer, second, value);
    else for (let i = value.length - 1; i >= 0; i--) message(second, value[i]);
  } else if (field.form === 'schema-or-bool') {
    const isSchema = typeof value === 'object' && value !== null;
    if (isSchema) message(second, value);
    writer.small(isSchema || value === true ? 1 : 0);
    writer.small(firstInteger);
  } else if (typeof value === 'object' && value !== null) message(first, value);
}
