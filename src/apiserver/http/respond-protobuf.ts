// From a verb's result to an HTTP answer in the protobuf form.
import { type KubeObject, StatusError, type V1Status } from '../../api/mod.ts';
import type { Clock } from '../../base/mod.ts';
import type { Result } from '../request.ts';
import { bytesResponse, type EdgeRequest, type EdgeResponse, headerOf, statusResponse } from './exchange.ts';
import { listMetadataOf } from './forms.ts';
import { gzipBatches, gzipBytes } from './gzip.ts';
import { negotiate } from './negotiate.ts';
import { protobufType } from './protobuf-body.ts';
import { listTypeOf, loadProtobufForms, type ProtobufForms } from './protobuf-forms.ts';

/** Smaller answers are not worth compressing. */
const gzipMinBytes = 128 * 1024;
/** Lists up to this size are sent at once; larger ones in batches. */
const listAtOnceBytes = 256 * 1024;
const batchBytes = 128 * 1024;
/** Objects turned into messages before others get their turn: a few milliseconds' work. */
const encodeAtOnce = 200;

export interface RespondProtobufOptions {
  readonly metadataOnly: boolean;
  readonly gzip: boolean;
  readonly clock: Clock;
}

type ListResult = Extract<Result, { as: 'list' }>;

/** Undefined for an object whose kind has no protobuf form: it goes out as JSON. */
export async function respondProtobuf(
  result: Exclude<Result, { as: 'watch' }>,
  options: RespondProtobufOptions,
): Promise<EdgeResponse | undefined> {
  const forms = await loadProtobufForms();
  switch (result.as) {
    case 'object':
      return send(result.code, forms.entry(result.entry.object, result.kind, options.metadataOnly), options.gzip);
    case 'list':
      return respondList(forms, result, options);
    case 'other': {
      const bytes = forms.object(result.object as KubeObject);
      return bytes && send(result.code, bytes, options.gzip);
    }
  }
}

/** An error as its client reads errors: in the protobuf form where that is what it asks for. */
export async function errorResponse(request: EdgeRequest, status: V1Status): Promise<EdgeResponse> {
  const json = statusResponse(status);
  if (!wantsProtobuf(headerOf(request.headers, 'accept'))) return json;
  const bytes = (await loadProtobufForms()).object(status);
  if (!bytes) return json;
  const { headers, ...answer } = bytesResponse(json.status, protobufType, bytes);
  return { ...answer, headers: { ...json.headers, ...headers } };
}

/** A client whose wishes cannot be met at all is told so in JSON. */
function wantsProtobuf(accept: string | undefined): boolean {
  if (accept?.includes(protobufType) !== true) return false;
  try {
    return negotiate(accept, { forms: ['object'], protobuf: true }).mediaType === protobufType;
  } catch (error) {
    if (error instanceof StatusError) return false;
    throw error;
  }
}

async function send(code: number, bytes: Uint8Array, gzip: boolean): Promise<EdgeResponse> {
  if (!gzip || bytes.length <= gzipMinBytes) return bytesResponse(code, protobufType, bytes);
  const plain = bytesResponse(code, protobufType, await gzipBytes(bytes));
  return { ...plain, headers: { ...plain.headers, ...gzipHeaders } };
}

const gzipHeaders = { 'content-encoding': 'gzip', vary: 'Accept-Encoding' };

async function respondList(forms: ProtobufForms, result: ListResult, options: RespondProtobufOptions): Promise<EdgeResponse> {
  const { kind, entries } = result;
  const metadata = listMetadataOf(result);
  const { codec } = forms;
  const pieces: Uint8Array[] = [codec.listHead(metadata)];
  let rawBytes = pieces[0]?.length ?? 0;
  for (const [at, entry] of entries.entries()) {
    if (at > 0 && at % encodeAtOnce === 0) await options.clock.yield();
    const message = forms.message(entry.object, kind, options.metadataOnly);
    const head = codec.itemHead(message.length);
    pieces.push(head, message);
    rawBytes += head.length + message.length;
  }
  // The length stands before the content, so all of it must be there before the first byte goes out.
  const { head, end } = codec.envelopeParts({ ...listTypeOf(kind, options.metadataOnly), rawBytes });
  const all = [head, ...pieces, end];
  const size = head.length + rawBytes + end.length;
  if (size <= listAtOnceBytes) return send(200, Buffer.concat(all, size), options.gzip);
  const batches = inBatches(all);
  const headers = { 'content-type': protobufType };
  if (!options.gzip) return { status: 200, headers, body: { as: 'stream', batches } };
  return { status: 200, headers: { ...headers, ...gzipHeaders }, body: { as: 'stream', batches: gzipBatches(batches) } };
}

async function* inBatches(pieces: readonly Uint8Array[]): AsyncGenerator<readonly Uint8Array[]> {
  let batch: Uint8Array[] = [];
  let size = 0;
  for (const piece of pieces) {
    batch.push(piece);
    size += piece.length;
    if (size < batchBytes) continue;
    yield batch;
    batch = [];
    size = 0;
  }
  if (batch.length > 0) yield batch;
}
