// /openapi/v2 and /openapi/v3: documents made from the schema, lazily, once; clients keep them by hash.
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
import type { KindDefinition } from '../../api/mod.ts';
import type { Clock } from '../../base/mod.ts';
import type { Json } from '../aggregation/merge-openapi.ts';
import type { RemoteOpenApi } from '../aggregation/remote-openapi.ts';
import { type HeavyTasks, heavyTasks, type MadeDocument as Made, madeOf } from '../heavy/mod.ts';
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
  others?: { readonly remote: RemoteOpenApi; readonly heavy?: HeavyTasks | undefined } | undefined,
): OpenApi {
  const remote = others?.remote;
  const mergedV2 = others && createMergedV2(others.remote, others.heavy);
  let documents: { readonly from: readonly KindDefinition[]; readonly of: Documents } | undefined;
  let versions: VersionDocuments = new Map();
  const current = (): Documents => {
    const now = kinds();
    if (documents?.from !== now) {
      versions = stillValid(versions, now);
      documents = { from: now, of: createDocuments(sourceOf(now), versions) };
    }
    return documents.of;
  };
  return {
    async serve(request, path, query) {
      if (path === '/openapi/v2') {
        const protobuf = wantsProtobuf(headerOf(request.headers, 'accept'));
        const own = () => (protobuf ? current().v2Protobuf() : current().v2());
        const made = remote?.any() && mergedV2 ? await mergedV2(await current().v2(), protobuf) : await own();
        return tagged(request, made, { type: protobuf ? protobufType : jsonType });
      }
      if (path === '/openapi/v3' || path === '/openapi/v3/') {
        const own = await current().index();
        return tagged(request, remote?.any() ? await mergedIndex(own, remote) : own, { type: jsonType });
      }
      if (!path.startsWith('/openapi/v3/')) return undefined;
      const made = await current().v3(path.slice('/openapi/v3/'.length));
      return made && tagged(request, made, { type: jsonType, askedHash: firstOf(query, 'hash') });
    },
  };
}

const parse = ({ bytes }: Made): Json => JSON.parse(Buffer.from(bytes).toString('utf8')) as Json;

async function mergedIndex(own: Made, remote: RemoteOpenApi): Promise<Made> {
  const index = parse(own);
  return madeOf(Buffer.from(JSON.stringify({ ...index, paths: { ...(index.paths as Json), ...(await remote.index()) } })));
}

/** The merged document, made anew when one of its parts has changed. */
function createMergedV2(remote: RemoteOpenApi, heavy = heavyTasks): (own: Made, protobuf: boolean) => Promise<Made> {
  const kept = new Map<boolean, { readonly from: string; readonly made: Promise<Made> }>();
  return async (own, protobuf) => {
    const parts = JSON.stringify(await remote.v2());
    const from = `${own.hash} ${parts}`;
    const before = kept.get(protobuf);
    if (before?.from === from) return before.made;
    const made = heavy.mergeOpenApi({ own: own.bytes, parts, protobuf });
    kept.set(protobuf, { from, made });
    // Whoever waits for this one gets its error; the next request tries again.
    made.catch(() => kept.delete(protobuf));
    return made;
  };
}

interface Documents {
  v2(): Promise<Made>;
  v2Protobuf(): Promise<Made>;
  index(): Promise<Made>;
  v3(path: string): Promise<Made | undefined>;
}

/** The OpenAPI 3.0 documents of the group versions, by path: each stands as long as the kinds of its group version do. */
type VersionDocuments = Map<string, { readonly kinds: readonly KindDefinition[]; made: Promise<Made> | undefined }>;

const pathOf = ({ group, version }: KindDefinition): string => (group === '' ? `api/${version}` : `apis/${group}/${version}`);

/** For other kinds: with the documents of the group versions whose kinds are the same. */
function stillValid(before: VersionDocuments, kinds: readonly KindDefinition[]): VersionDocuments {
  const byPath = new Map<string, KindDefinition[]>();
  for (const kind of kinds) {
    const path = pathOf(kind);
    const standing = byPath.get(path);
    if (standing) standing.push(kind);
    else byPath.set(path, [kind]);
  }
  const next: VersionDocuments = new Map();
  for (const [path, own] of byPath) {
    const known = before.get(path);
    const same = known?.kinds.length === own.length && own.every((kind, at) => kind === known.kinds[at]);
    next.set(path, same && known ? known : { kinds: own, made: undefined });
  }
  return next;
}

/** Each document once, also when it is asked for while it is being made. */
function createDocuments(source: OpenApiSource, versions: VersionDocuments): Documents {
  const made = new Map<string, Promise<Made>>();
  const once = (key: string, make: () => Promise<Uint8Array>): Promise<Made> => {
    const known = made.get(key);
    if (known) return known;
    const fresh = make().then(madeOf);
    made.set(key, fresh);
    // One that failed is tried again by the next request; whoever waits for this one gets its error.
    fresh.catch(() => made.delete(key));
    return fresh;
  };
  const v3 = (path: string): Promise<Made> => {
    const version = versions.get(path);
    if (!version) return once(`v3/${path}`, () => source.v3(path));
    if (version.made) return version.made;
    const fresh = source.v3(path).then(madeOf);
    version.made = fresh;
    fresh.catch(() => {
      if (version.made === fresh) version.made = undefined;
    });
    return fresh;
  };
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
