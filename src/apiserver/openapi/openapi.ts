// /openapi/v2 and /openapi/v3: documents made from the schema, lazily, once; clients keep them by hash.
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
import { createHash } from 'node:crypto';
import type { KindDefinition } from '../../api/mod.ts';
import type { Clock } from '../../base/mod.ts';
import { bytesResponse, type EdgeRequest, type EdgeResponse, headerOf, jsonType } from '../http/exchange.ts';
import { parseAccept } from '../http/negotiate.ts';
import { firstOf, type Query } from '../http/request-info.ts';

/** The documents of one list of kinds. Making one may be costly: each is asked for once. */
export interface OpenApiSource {
  /** Swagger 2.0 of everything. */
  v2(): Promise<Uint8Array>;
  /** The same in protobuf, which is all that kubectl before 1.27 asks for. */
  v2Protobuf(): Promise<Uint8Array>;
  /** The paths that have a document: `api/v1`, `apis/apps/v1`. */
  v3Paths(): Promise<readonly string[]>;
  /** OpenAPI 3.0 of one of those paths. */
  v3(path: string): Promise<Uint8Array>;
}

export interface OpenApi {
  /** Undefined when the path is none of OpenAPI's. */
  serve(request: EdgeRequest, path: string, query: Query): Promise<EdgeResponse | undefined>;
}

interface Made {
  readonly bytes: Uint8Array;
  readonly hash: string;
}

const protobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** The older name is no valid media type, but asked for all the same. */
const protobufNames: readonly string[] = [protobufType, 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'];

/** So many small pieces, paths or definitions, are made in one go: a few milliseconds. */
const sliceSize = 16;

/** The documents of api/, which is loaded when first asked for. They are made in slices: other requests run between. */
export function apiOpenApi(kinds: readonly KindDefinition[], clock: Pick<Clock, 'yield'>): OpenApiSource {
  const load = () => import('../../api/schema/openapi/mod.ts');
  const written = async (pieces: Iterable<string | Uint8Array>): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    let steps = 0;
    for (const piece of pieces) {
      if (piece.length > 0) parts.push(typeof piece === 'string' ? Buffer.from(piece) : piece);
      if (++steps % sliceSize === 0) await clock.yield();
    }
    return Buffer.concat(parts);
  };
  return {
    v2: async () => written((await load()).openApiV2Text(kinds)),
    v2Protobuf: async () => written((await load()).openApiV2Protobuf(kinds)),
    v3Paths: async () => (await load()).openApiV3Paths(kinds),
    v3: async (path) => written((await load()).openApiV3Text(path, kinds)),
  };
}

/** `kinds` is asked on every request; documents are made anew when the list is another one. */
export function createOpenApi(
  kinds: () => readonly KindDefinition[],
  sourceOf: (kinds: readonly KindDefinition[]) => OpenApiSource,
): OpenApi {
  let documents: { readonly from: readonly KindDefinition[]; readonly of: Documents } | undefined;
  const current = (): Documents => {
    const now = kinds();
    if (documents?.from !== now) documents = { from: now, of: createDocuments(sourceOf(now)) };
    return documents.of;
  };
  return {
    async serve(request, path, query) {
      if (path === '/openapi/v2') {
        const protobuf = wantsProtobuf(headerOf(request.headers, 'accept'));
        return tagged(request, await (protobuf ? current().v2Protobuf() : current().v2()), { type: protobuf ? protobufType : jsonType });
      }
      if (path === '/openapi/v3' || path === '/openapi/v3/') return tagged(request, await current().index(), { type: jsonType });
      if (!path.startsWith('/openapi/v3/')) return undefined;
      const made = await current().v3(path.slice('/openapi/v3/'.length));
      return made && tagged(request, made, { type: jsonType, askedHash: firstOf(query, 'hash') });
    },
  };
}

interface Documents {
  v2(): Promise<Made>;
  v2Protobuf(): Promise<Made>;
  index(): Promise<Made>;
  v3(path: string): Promise<Made | undefined>;
}

/** Each document once, also when it is asked for while it is being made. */
function createDocuments(source: OpenApiSource): Documents {
  const made = new Map<string, Promise<Made>>();
  const once = (key: string, make: () => Promise<Uint8Array>): Promise<Made> => {
    const known = made.get(key);
    if (known) return known;
    const fresh = make().then((bytes) => ({ bytes, hash: createHash('sha512').update(bytes).digest('hex').toUpperCase() }));
    made.set(key, fresh);
    // One that failed is tried again by the next request; whoever waits for this one gets its error.
    fresh.catch(() => made.delete(key));
    return fresh;
  };
  const v3 = (path: string) => once(`v3/${path}`, () => source.v3(path));
  return {
    v2: () => once('v2', () => source.v2()),
    v2Protobuf: () => once('v2.protobuf', () => source.v2Protobuf()),
    v3: async (path) => ((await source.v3Paths()).includes(path) ? v3(path) : undefined),
    index: () =>
      once('v3', async () => {
        const paths: Record<string, object> = {};
        for (const path of await source.v3Paths()) paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${(await v3(path)).hash}` };
        return Buffer.from(JSON.stringify({ paths }));
      }),
  };
}

/** The first clause that can be served decides. */
function wantsProtobuf(accept: string | undefined): boolean {
  for (const { type } of parseAccept(accept ?? '')) {
    if (protobufNames.includes(type)) return true;
    if (type === jsonType || type === '*/*') return false;
  }
  return false;
}

/** A document asked for by its own hash never changes: it may be kept for good. */
function tagged(
  request: EdgeRequest,
  { bytes, hash }: Made,
  { type, askedHash }: { type: string; askedHash?: string | undefined },
): EdgeResponse {
  const etag = `"${hash}"`;
  const headers = { etag, vary: 'Accept', 'cache-control': askedHash === hash ? 'public, immutable' : 'no-cache, private' };
  if (headerOf(request.headers, 'if-none-match') === etag) return { status: 304, headers, body: { as: 'none' } };
  const response = bytesResponse(200, type, bytes);
  return { ...response, headers: { ...response.headers, ...headers } };
}
