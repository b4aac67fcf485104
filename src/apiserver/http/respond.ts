// From a verb's result to an HTTP answer: bytes as they are, lists joined from the bytes of their items, other forms made on the way.
import { apiVersionOf, badRequest } from '../../api/mod.ts';
import type { Encoded, Result } from '../request.ts';
import { bytesResponse, type EdgeResponse } from './exchange.ts';
import { type Forms, type IncludeObject, listMetadataOf, metadataList, tableObject } from './forms.ts';
import { gzipBatches, gzipBytes } from './gzip.ts';
import type { Output } from './negotiate.ts';
import { firstOf, type Query } from './request-info.ts';

/** Smaller answers are not worth compressing. */
const gzipMinBytes = 128 * 1024;
/** Lists up to this size are sent at once; larger ones in batches. */
const listAtOnceBytes = 256 * 1024;
const batchBytes = 128 * 1024;

export interface RespondOptions {
  readonly output: Output;
  readonly gzip: boolean;
  readonly query: Query;
  readonly nowMs: number;
  readonly forms: Forms;
}

type ObjectResult = Extract<Result, { as: 'object' }>;
type ListResult = Extract<Result, { as: 'list' }>;

const comma = Buffer.from(',');
const listEnd = Buffer.from(']}\n');
const newline = Buffer.from('\n');

/** Everything but watches. */
export function respond(result: Exclude<Result, { as: 'watch' }>, options: RespondOptions): EdgeResponse | Promise<EdgeResponse> {
  switch (result.as) {
    case 'object':
      return respondObject(result, options);
    case 'list':
      return respondList(result, options);
    case 'other':
      return encode(result.code, result.object, options);
  }
}

function respondObject(result: ObjectResult, options: RespondOptions): EdgeResponse | Promise<EdgeResponse> {
  const { output, forms } = options;
  const { code, entry } = result;
  if (output.form === 'table') {
    const parts = forms.table(result.kind, [entry.stored ?? entry.object], {
      nowMs: options.nowMs,
      includeObject: includeObjectOf(options.query),
    });
    return encode(code, tableObject({ resourceVersion: entry.object.metadata?.resourceVersion ?? '' }, parts), options);
  }
  if (output.form === 'metadata') return encode(code, forms.metadataOnly(entry.object), options);
  if (output.mediaType === 'application/yaml') return encode(code, entry.object, options);
  const size = entry.bytes.length + 1;
  if (options.gzip && size > gzipMinBytes) return sendBytes(code, entry.bytes, options);
  return {
    status: code,
    headers: { 'content-type': 'application/json', 'content-length': size },
    body: { as: 'bytes', bytes: Buffer.concat([entry.bytes, newline], size) },
  };
}

function respondList(result: ListResult, options: RespondOptions): EdgeResponse | Promise<EdgeResponse> {
  const { output, forms, nowMs } = options;
  const metadata = listMetadataOf(result);
  if (output.form === 'table') {
    const objects = result.entries.map((entry) => entry.stored ?? entry.object);
    const parts = forms.table(result.kind, objects, { nowMs, includeObject: includeObjectOf(options.query) });
    return encode(200, tableObject(metadata, parts), options);
  }
  if (output.form === 'metadata') {
    return encode(
      200,
      metadataList(
        metadata,
        result.entries.map((entry) => forms.metadataOnly(entry.object)),
      ),
      options,
    );
  }
  const head = { kind: `${result.kind.kind}List`, apiVersion: apiVersionOf(result.kind), metadata };
  if (output.mediaType === 'application/yaml') {
    return encode(200, { ...head, items: result.entries.map((entry) => entry.object) }, options);
  }
  return joinList(Buffer.from(`${JSON.stringify(head).slice(0, -1)},"items":[`), result.entries, options.gzip);
}

function joinList(head: Uint8Array, entries: readonly Encoded[], gzip: boolean): EdgeResponse {
  if (isWithin(gzip ? gzipMinBytes : listAtOnceBytes, head, entries)) {
    return bytesResponse(200, 'application/json', Buffer.concat([...listBatches(head, entries)].flat()));
  }
  const batches = async function* () {
    yield* listBatches(head, entries);
  };
  if (!gzip) return { status: 200, headers: { 'content-type': 'application/json' }, body: { as: 'stream', batches: batches() } };
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip', vary: 'Accept-Encoding' },
    body: { as: 'stream', batches: gzipBatches(batches()) },
  };
}

/** Looks no further than it must: the text of an item may be made only when it is asked for. */
function isWithin(bytesMax: number, head: Uint8Array, entries: readonly Encoded[]): boolean {
  let size = head.length + Math.max(0, entries.length - 1) + listEnd.length;
  for (const entry of entries) {
    if (size > bytesMax) return false;
    size += entry.bytes.length;
  }
  return size <= bytesMax;
}

/** The list's text in batches of about {@link batchBytes}, made of the items' own bytes. */
function* listBatches(head: Uint8Array, entries: readonly Encoded[]): Generator<Uint8Array[]> {
  let batch: Uint8Array[] = [head];
  let size = head.length;
  for (const [at, entry] of entries.entries()) {
    if (at > 0) batch.push(comma);
    batch.push(entry.bytes);
    size += entry.bytes.length + 1;
    if (size < batchBytes) continue;
    yield batch;
    batch = [];
    size = 0;
  }
  batch.push(listEnd);
  yield batch;
}

/** Serializes an object that has no bytes yet. */
function encode(code: number, object: unknown, options: RespondOptions): EdgeResponse | Promise<EdgeResponse> {
  if (options.output.mediaType === 'application/yaml') return encodeYaml(code, object, options.forms);
  return sendBytes(code, Buffer.from(JSON.stringify(object)), options);
}

async function encodeYaml(code: number, object: unknown, forms: Forms): Promise<EdgeResponse> {
  return bytesResponse(code, 'application/yaml', Buffer.from(await forms.yaml(object)));
}

function sendBytes(code: number, bytes: Uint8Array, options: RespondOptions): EdgeResponse | Promise<EdgeResponse> {
  const text = Buffer.concat([bytes, newline]);
  if (!options.gzip || text.length <= gzipMinBytes) return bytesResponse(code, 'application/json', text);
  return gzipBytes(text).then((zipped) => {
    const plain = bytesResponse(code, 'application/json', zipped);
    return { ...plain, headers: { ...plain.headers, 'content-encoding': 'gzip', vary: 'Accept-Encoding' } };
  });
}

/** The `includeObject` parameter of a Table request. Default Metadata. */
export function includeObjectOf(query: Query): IncludeObject {
  const value = firstOf(query, 'includeObject') ?? '';
  if (value === '' || value === 'Metadata') return 'Metadata';
  if (value === 'None' || value === 'Object') return value;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(value)}`);
}
