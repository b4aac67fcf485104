// Objects to JSON and back: as clients see them, and as the store holds them (without the resourceVersion, which the store gives).
//
// The stored form is `{"kind":K,"apiVersion":V,"metadata":{...},...}`. The resourceVersion goes to one fixed place, the
// front of metadata, so that the bytes for clients are one copy of the stored bytes: no object is serialized twice.
import { assert } from '../../base/mod.ts';
import { sharedSet } from '../merge/apply/entries.ts';
import type { FieldSet } from '../merge/apply/field-set.ts';
import { deepFreeze, type KubeObject } from '../meta/object.ts';
import { parseExactJson, settleNumbers } from './json-exact.ts';

/** The end of stored bytes whose object has integers that only an exact parser keeps. White space: no client minds. */
const exactMark = 0x0a;
const metadataStart = Buffer.from('"metadata":{');
const closingBrace = 0x7d;

/** JSON text, also of bigints. Throws nothing for JSON values; undefined fields are left out. */
export function stringifyJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // A bigint is the only JSON value that the engine refuses.
    if (!(error instanceof TypeError)) throw error;
    return stringifyExact(value);
  }
}

function stringifyExact(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(stringifyExact).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${stringifyExact(member)}`).join(',')}}`;
}

/** The object's JSON text: kind, apiVersion, metadata with the resourceVersion in front, and the rest in its order. */
export function encodeObject(object: KubeObject): string {
  const { resourceVersion, ...metadata } = object.metadata ?? {};
  return stringifyJson(inOrder(object, object.metadata && { ...(resourceVersion === undefined ? {} : { resourceVersion }), ...metadata }));
}

/** The bytes for the store: `encodeObject` without the resourceVersion. The object must have metadata. */
export function encodeForStore(object: KubeObject): Uint8Array {
  assert(object.metadata, `cannot store a ${object.kind ?? 'object'} without metadata`);
  const { resourceVersion: _resourceVersion, ...metadata } = object.metadata;
  const ordered = inOrder(object, metadata);
  try {
    return exactSize(JSON.stringify(ordered));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return exactSize(`${stringifyExact(ordered)}\n`);
  }
}

/** A buffer of its own: a slice of the shared pool would keep its neighbours alive for as long as it is cached. */
function exactSize(text: string): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text, 'utf8');
  return bytes;
}

function inOrder(object: KubeObject, metadata: object | undefined): object {
  const { kind, apiVersion, metadata: _metadata, ...rest } = object;
  return { kind, apiVersion, ...(metadata ? { metadata } : {}), ...rest };
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The bytes for clients: `stored` with `"resourceVersion":"N"` at the front of metadata. One copy. */
export function spliceRevision(stored: Uint8Array, revision: number | bigint): Uint8Array {
  const source = asBuffer(stored);
  const found = source.indexOf(metadataStart);
  assert(found >= 0, 'stored bytes have no metadata');
  const at = found + metadataStart.length;
  const text = `"resourceVersion":"${revision}"${source[at] === closingBrace ? '' : ','}`;
  const bytes = Buffer.allocUnsafeSlow(source.length + text.length);
  source.copy(bytes, 0, 0, at);
  bytes.write(text, at, 'latin1');
  source.copy(bytes, at + text.length, at);
  return bytes;
}

/** The object that `stored` is, frozen, with `revision` as its resourceVersion. */
export function decodeStored<T extends KubeObject>(stored: Uint8Array, revision: number | bigint): T {
  return deepFreeze(withRevision(parseStored(asBuffer(stored)) as T, revision));
}

function parseStored(bytes: Buffer): unknown {
  if (bytes.at(-1) === exactMark) return settleNumbers(parseExactJson(bytes).value);
  const object = JSON.parse(bytes.toString('utf8')) as KubeObject;
  shareFieldSets(object);
  return object;
}

/** Most objects of one controller have the same field sets, which are half of what a parsed pod takes: they hold each set once. */
function shareFieldSets(object: KubeObject): void {
  const entries = object.metadata?.managedFields;
  if (!Array.isArray(entries)) return;
  for (const entry of entries as { fieldsV1?: unknown }[]) {
    const { fieldsV1 } = entry;
    if (typeof fieldsV1 === 'object' && fieldsV1 !== null) entry.fieldsV1 = sharedSet(fieldsV1 as FieldSet);
  }
}

/**
 * `object` with `revision` as its resourceVersion, in the order of `encodeObject`. The object itself is not changed.
 * What a write hands to the watch cache: freeze it there.
 */
export function withRevision<T extends KubeObject>(object: T, revision: number | bigint): T {
  const { resourceVersion: _old, ...metadata } = object.metadata ?? {};
  return inOrder(object, { resourceVersion: String(revision), ...metadata }) as T;
}
