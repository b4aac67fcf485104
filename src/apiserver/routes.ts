// The last step of the pipeline: which part of the server answers a path, and the resources' requests on to the verbs.
import { type KindDefinition, methodNotAllowed, StatusError, type Subresource, subresourcesOf, verbsOf } from '../api/mod.ts';
import { type Clock, type Logger, metricsContentType, type Random, type Slices } from '../base/mod.ts';
import type { HttpClient } from '../base/ports/http-client.ts';
import type { PatchType } from '../client/mod.ts';
import type { Aggregator } from './aggregation/aggregator.ts';
import { type ExplainPod, serveWhy, whyTarget } from './debug-why.ts';
import { createDiscovery } from './discovery/serve.ts';
import { type HealthCheck, serveHealth, serveVersion, type VersionInfo } from './health/health.ts';
import type { HeavyTasks } from './heavy/mod.ts';
import type { ResourceCore } from './http/core-port.ts';
import { bytesResponse, type EdgeRequest, type EdgeResponse, headerOf, jsonResponse, notFoundPage } from './http/exchange.ts';
import type { Forms } from './http/forms.ts';
import { acceptsGzip, negotiate, notAcceptable, type Output } from './http/negotiate.ts';
import { type AcceptWebSocket, asksForWebSocket, watchOverWebSocket } from './http/over-websocket.ts';
import { hasProtobuf, protobufType, readProtobufBody } from './http/protobuf-body.ts';
import { loadProtobufForms } from './http/protobuf-forms.ts';
import type { PathInfo, ResourceInfo } from './http/request-info.ts';
import { includeObjectOf, respond } from './http/respond.ts';
import { respondProtobuf } from './http/respond-protobuf.ts';
import { createFrameEncoders, type FrameEncoder, type WatchForm, watchBatches, watchSlices } from './http/watch-frames.ts';
import { createOpenApi, type OpenApiSource } from './openapi/openapi.ts';
import { type Answer, addWarning, bodyBytesMax, type Exchange } from './pipeline.ts';
import { connectThrough } from './proxy/connect-routes.ts';
import type { NodeConnection } from './proxy/node-connection.ts';
import type { RequestBody, RequestContext, ResourceRequest, Result, WatchFrame } from './request.ts';

type WatchFrames = AsyncIterable<readonly WatchFrame[]>;

export interface RoutesOptions {
  readonly core: ResourceCore;
  readonly forms: Forms;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly nodes: NodeConnection;
  /** To what listens in pods and services. */
  readonly backends: HttpClient;
  readonly openApi: (kinds: readonly KindDefinition[], clock: Clock) => OpenApiSource;
  readonly health: readonly HealthCheck[];
  readonly version: VersionInfo;
  /** The text of /metrics. */
  readonly metrics?: (() => string) | undefined;
  /** Counts what watches are sent. */
  readonly watched?: ((kind: KindDefinition, frames: WatchFrames) => WatchFrames) | undefined;
  /** Where clients inside the cluster find the server: `10.96.0.1:443`. */
  readonly serverAddress: string;
  readonly acceptWebSocket: AcceptWebSocket;
  /** Group versions that other servers answer. */
  readonly aggregator?: Aggregator | undefined;
  /** Why a pod is on its node, or on none. */
  readonly explainPod?: ExplainPod | undefined;
  /** Merges the documents of several servers. Default: here. */
  readonly heavy?: HeavyTasks | undefined;
  /** Further paths that are documents. */
  readonly documents?: ((path: string) => EdgeResponse | undefined) | undefined;
}

const patchTypes: readonly PatchType[] = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
/** In which forms objects are taken. The first is what no Content-Type stands for; custom resources have no protobuf form. */
const textBodyTypes: readonly string[] = ['application/json', 'application/yaml'];
const bodyTypes: readonly string[] = [...textBodyTypes, protobufType];
const userAgentMaxLength = 128;

/** What is fixed about a kind's requests, looked up once. */
interface KindRoutes {
  readonly verbs: ReadonlySet<string>;
  readonly subresources: ReadonlyMap<string, Subresource>;
}

export function createRoutes(options: RoutesOptions): (exchange: Exchange) => Answer {
  const { core, aggregator } = options;
  const parts: Parts = {
    options,
    discovery: createDiscovery({ kinds: () => core.kinds, serverAddress: options.serverAddress, remotes: aggregator?.versions }),
    openApi: createOpenApi(
      () => core.kinds,
      (kinds) => options.openApi(kinds, options.clock),
      aggregator && { remote: aggregator.openApi, heavy: options.heavy },
    ),
    encoderOf: createFrameEncoders({ clock: options.clock, forms: options.forms }),
    slices: watchSlices(options.clock),
    routesOf: createKindRoutes(),
  };
  return (exchange) =>
    aggregator?.serve(exchange) ??
    (exchange.info.as === 'path' ? servePath(parts, exchange, exchange.info) : serveResource(parts, exchange, exchange.info));
}

interface Parts {
  readonly options: RoutesOptions;
  readonly discovery: ReturnType<typeof createDiscovery>;
  readonly openApi: ReturnType<typeof createOpenApi>;
  readonly encoderOf: (watch: WatchForm) => FrameEncoder;
  /** Of all watches of the server together. */
  readonly slices: Slices;
  readonly routesOf: (kind: KindDefinition) => KindRoutes;
}

function createKindRoutes(): (kind: KindDefinition) => KindRoutes {
  const known = new WeakMap<KindDefinition, KindRoutes>();
  return (kind) => {
    const before = known.get(kind);
    if (before) return before;
    const made = { verbs: new Set(verbsOf(kind)), subresources: new Map(subresourcesOf(kind).map((one) => [one.name, one])) };
    known.set(kind, made);
    return made;
  };
}

async function servePath(parts: Parts, { request }: Exchange, info: PathInfo): Promise<EdgeResponse> {
  const { options } = parts;
  const { path } = info;
  if (path === '/version' || path === '/version/') return serveVersion(options.version);
  if (path === '/metrics' && options.metrics) return bytesResponse(200, metricsContentType, Buffer.from(options.metrics()));
  if (path === '/')
    return jsonResponse(200, {
      paths: ['/api', '/apis', '/healthz', '/livez', '/metrics', '/openapi/v2', '/openapi/v3', '/readyz', '/version'],
    });
  const asked = whyTarget(info);
  if (asked) return serveWhy(options.explainPod, asked);
  const found = serveHealth(options.health, path, info.query) ?? options.documents?.(path) ?? (await parts.discovery.serve(request, path));
  return found ?? (await parts.openApi.serve(request, path, info.query)) ?? notFoundPage();
}

const resourceNotFound = (): StatusError =>
  new StatusError({ code: 404, reason: 'NotFound', message: 'the server could not find the requested resource', details: {} });

const methodNotSupported = (): StatusError =>
  new StatusError({
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
    details: {},
  });

async function serveResource(parts: Parts, exchange: Exchange, info: ResourceInfo): Promise<EdgeResponse> {
  const { core } = parts.options;
  const kind = core.find(info);
  if (!kind) {
    if (parts.discovery.hasVersion(info.group, info.version)) throw resourceNotFound();
    return notFoundPage();
  }
  const subresource = checkRoute(parts.routesOf(kind), kind, info);
  if (subresource?.connects) return connectThrough(parts.options, exchange, { info, context: contextOf(parts, exchange) });
  const output = outputOf(exchange.request, info, kind);
  const reading = readBody(exchange, info, kind);
  const request = resourceRequest(exchange, { info, kind, body: reading && (await reading) });
  if (request.body) await exchange.audit?.tookBody(request.body);
  const result = await core.execute(request, contextOf(parts, exchange));
  exchange.audit?.gave(result);
  return answer(parts, exchange, { info, output, result });
}

/** Throws 404 for a path that no route has, and 405 for a method that the path does not take. */
function checkRoute(routes: KindRoutes, kind: KindDefinition, info: ResourceInfo): Subresource | undefined {
  const namespaceGiven = info.namespace !== '' && !(info.group === '' && info.resource === 'namespaces');
  if (namespaceGiven && !kind.namespaced) throw resourceNotFound();
  if (kind.namespaced && !namespaceGiven && (info.name !== '' || info.subresource !== '')) throw resourceNotFound();
  const subresource = info.subresource === '' ? undefined : routes.subresources.get(info.subresource);
  if (info.subresource !== '' && !subresource) throw resourceNotFound();
  if (subresource?.passesOn && (info.verb !== '' || info.method === 'OPTIONS')) return subresource;
  if (info.rest.length > 0) throw resourceNotFound();
  if (info.method === 'HEAD' || info.verb === '') throw methodNotSupported();
  if (subresource) {
    if (!subresource.verbs.includes(info.verb)) throw methodNotSupported();
    return subresource;
  }
  const onObject = info.verb === 'get' || info.verb === 'update' || info.verb === 'patch' || info.verb === 'delete';
  if (onObject !== (info.name !== '')) throw methodNotSupported();
  const needsNamespace = info.verb === 'create' || info.verb === 'deletecollection';
  if (needsNamespace && kind.namespaced && !namespaceGiven) throw methodNotSupported();
  if (!routes.verbs.has(info.verb)) throw methodNotAllowed({ group: info.group, resource: info.resource }, info.verb);
  return undefined;
}

const protobufWatchType = `${protobufType};stream=watch`;

const onlyObjects = ['object'] as const;

function outputOf(request: EdgeRequest, info: ResourceInfo, kind: KindDefinition): Output {
  const protobuf = hasProtobuf(kind);
  // What is only ever posted, a review, has no other form.
  const forms = kind.verbs?.every((verb) => verb === 'create') ? onlyObjects : undefined;
  const output = negotiate(headerOf(request.headers, 'accept'), { protobuf, ...(forms ? { forms } : {}) });
  if (info.verb === 'watch' && output.mediaType === 'application/yaml')
    throw notAcceptable(['application/json', 'application/json;stream=watch', ...(protobuf ? [protobufType, protobufWatchType] : [])]);
  return output;
}

interface Asked {
  readonly info: ResourceInfo;
  readonly kind: KindDefinition;
  readonly body: RequestBody | undefined;
}

function resourceRequest(exchange: Exchange, { info, kind, body }: Asked): ResourceRequest {
  return {
    verb: info.verb === '' ? 'get' : info.verb,
    kind,
    ...(kind.namespaced && info.namespace !== '' ? { namespace: info.namespace } : {}),
    ...(info.name === '' ? {} : { name: info.name }),
    ...(info.subresource === '' ? {} : { subresource: info.subresource }),
    query: info.query,
    ...(body ? { body } : {}),
    ...(info.verb === 'patch' ? { patchType: patchTypeOf(exchange.request) } : {}),
  };
}

/** Reads the body where the verb takes one. */
const readBody = (exchange: Exchange, info: ResourceInfo, kind: KindDefinition): Promise<RequestBody | undefined> | undefined =>
  info.verb === 'get' || info.verb === 'list' || info.verb === 'watch' ? undefined : bodyOf(exchange, info, kind);

/** An empty one is none. */
async function bodyOf(exchange: Exchange, info: ResourceInfo, kind: KindDefinition): Promise<RequestBody | undefined> {
  const mediaType = contentTypeOf(exchange.request) || 'application/json';
  // Options to delete are of the same kind everywhere.
  const taken = hasProtobuf(kind) || info.verb.startsWith('delete') ? bodyTypes : textBodyTypes;
  if (info.verb !== 'patch' && !taken.includes(mediaType)) throw unsupportedMediaType(taken);
  const bytes = await exchange.request.readBody(bodyBytesMax);
  if (bytes.length === 0) return undefined;
  return mediaType === protobufType ? readProtobufBody(bytes, kind, info) : { as: 'bytes', bytes, mediaType };
}

const contentTypeOf = (request: EdgeRequest): string | undefined =>
  headerOf(request.headers, 'content-type')?.split(';')[0]?.trim().toLowerCase();

function patchTypeOf(request: EdgeRequest): PatchType {
  const sent = contentTypeOf(request);
  const patchType = patchTypes.find((one) => one === sent);
  if (patchType) return patchType;
  throw unsupportedMediaType(patchTypes);
}

const unsupportedMediaType = (accepted: readonly string[]): StatusError =>
  new StatusError({
    code: 415,
    reason: 'UnsupportedMediaType',
    message: `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  });

const contextOf = (parts: Parts, exchange: Exchange): RequestContext =>
  new ExchangeContext(parts, exchange, (text) => addWarning(exchange, text));

/**
 * A class, for its getter: V8 puts the getter of an object literal, and a function that is assigned to a property where it is written, straight into
 * the old generation, as what stays. There it would hold the whole request until the next full collection.
 */
class ExchangeContext implements RequestContext {
  readonly #exchange: Exchange;
  readonly user: RequestContext['user'];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly warn: RequestContext['warn'];
  readonly annotate: RequestContext['annotate'];
  readonly slices: Slices;

  constructor({ options: { clock, random, log }, slices }: Parts, exchange: Exchange, warn: RequestContext['warn']) {
    this.#exchange = exchange;
    this.user = exchange.user;
    this.clock = clock;
    this.random = random;
    this.log = log;
    this.warn = warn;
    this.annotate = exchange.audit?.annotate;
    this.slices = slices;
  }

  /** Only writes ask for it. */
  get userAgent(): string {
    return fieldManagerOf(headerOf(this.#exchange.request.headers, 'user-agent'));
  }

  /** Most requests never ask for it. */
  get signal(): AbortSignal {
    return this.#exchange.deadline.signal;
  }
}

/** The User-Agent up to the first slash, printable and not longer than a manager's name may be. */
export const fieldManagerOf = (userAgent: string | undefined): string =>
  (userAgent?.split('/')[0] ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, userAgentMaxLength) || 'unknown';

interface Given {
  readonly info: ResourceInfo;
  readonly output: Output;
  readonly result: Result;
}

function answer(parts: Parts, exchange: Exchange, { info, output, result }: Given): Answer {
  const { forms, clock } = parts.options;
  if (result.as === 'watch') return answerWatch(parts, exchange, { info, output, result });
  const gzip = acceptsGzip(headerOf(exchange.request.headers, 'accept-encoding'));
  const plain = () => respond(result, { output, gzip, query: info.query, nowMs: clock.nowMs(), forms });
  if (output.mediaType !== protobufType) return plain();
  return respondProtobuf(result, { metadataOnly: output.form === 'metadata', gzip, clock }).then((answered) => answered ?? plain());
}

type WatchResult = Extract<Result, { as: 'watch' }>;

async function answerWatch(
  parts: Parts,
  { request }: Exchange,
  { info, output, result }: Given & { readonly result: WatchResult },
): Promise<EdgeResponse> {
  const { acceptWebSocket: accept, watched } = parts.options;
  const isProtobuf = output.mediaType === protobufType;
  const frames = watched ? watched(result.kind, result.frames) : result.frames;
  const encode = parts.encoderOf({
    kind: result.kind,
    form: output.form,
    includeObject: includeObjectOf(info.query),
    protobuf: isProtobuf ? await loadProtobufForms() : undefined,
  });
  if (asksForWebSocket(request)) {
    return watchOverWebSocket({ request, frames, encode, accept, binary: isProtobuf });
  }
  return {
    status: 200,
    headers: { 'content-type': isProtobuf ? protobufWatchType : 'application/json' },
    body: { as: 'stream', batches: watchBatches(frames, encode, parts.slices) },
  };
}
