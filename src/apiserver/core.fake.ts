// A core in memory for tests of the edge: objects by path, no rules.
import { alreadyExists, apiVersionOf, deepFreeze, type KindDefinition, type KubeObject, notFound, virtualKinds } from '../api/mod.ts';
import { SeededRandom, silentLogger, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import type { HttpClient } from '../base/ports/http-client.ts';
import { staticTokens } from './authn/static-tokens.ts';
import { createDefaultAuthorizer } from './authz/bootstrap/default-authorizer.ts';
import { versionInfo } from './health/health.ts';
import type { ResourceCore } from './http/core-port.ts';
import type { EdgeRequest, EdgeResponse } from './http/exchange.ts';
import type { Forms } from './http/forms.ts';
import { createPipeline, type PipelineOptions, type Serve } from './pipeline.ts';
import type { NodeConnection } from './proxy/node-connection.ts';
import type { Encoded, RequestContext, ResourceRequest, Result, WatchFrame } from './request.ts';
import { createRoutes, type RoutesOptions } from './routes.ts';

export const kindOf = (of: Partial<KindDefinition> & Pick<KindDefinition, 'kind' | 'resource'>): KindDefinition => ({
  group: '',
  version: 'v1',
  schema: `V1${of.kind}`,
  singular: of.kind.toLowerCase(),
  namespaced: true,
  hasGeneration: false,
  columns: [{ name: 'Name', type: 'string', format: 'name', cell: (object) => object.metadata?.name ?? '' }],
  ...of,
});

export const podKind = kindOf({ kind: 'Pod', resource: 'pods', shortNames: ['po'], categories: ['all'], status: {} });
export const nodeKind = kindOf({ kind: 'Node', resource: 'nodes', shortNames: ['no'], namespaced: false, status: {} });
export const namespaceKind = kindOf({
  kind: 'Namespace',
  resource: 'namespaces',
  shortNames: ['ns'],
  namespaced: false,
  status: {},
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
});
export const deploymentKind = kindOf({
  group: 'apps',
  kind: 'Deployment',
  resource: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  hasGeneration: true,
  status: {},
  scale: { read: () => ({ specReplicas: 0, statusReplicas: 0, selector: '' }), write: () => {} },
});
const reviewKinds = virtualKinds.filter(({ group }) => group !== '');
export const fakeKinds: readonly KindDefinition[] = [podKind, nodeKind, namespaceKind, deploymentKind, ...reviewKinds];

export const encoded = (object: KubeObject): Encoded => ({ object: deepFreeze(object), bytes: Buffer.from(JSON.stringify(object)) });

export interface FakeCore extends ResourceCore {
  readonly requests: { request: ResourceRequest; context: RequestContext }[];
  put(kind: KindDefinition, object: KubeObject): void;
  /** What a watch gives; it stays open until the request's signal fires, unless `endWatch` is set. */
  frames: readonly (readonly WatchFrame[])[];
  endWatch: boolean;
  /** Runs before each verb. */
  before: (request: ResourceRequest, context: RequestContext) => void | Promise<void>;
}

export function createFakeCore(kinds: readonly KindDefinition[] = fakeKinds): FakeCore {
  const objects = new Map<string, Encoded>();
  const keyOf = (kind: KindDefinition, namespace: string, name: string) => `${kind.resource}/${namespace}/${name}`;
  const core: FakeCore = {
    kinds,
    requests: [],
    frames: [],
    endWatch: false,
    before: () => {},
    find: (of) => kinds.find((kind) => kind.group === of.group && kind.version === of.version && kind.resource === of.resource),
    put(kind, object) {
      const typed = { kind: kind.kind, apiVersion: apiVersionOf(kind), ...object };
      objects.set(keyOf(kind, object.metadata?.namespace ?? '', object.metadata?.name ?? ''), encoded(typed));
    },
    async admitConnect() {},
    async execute(request, context): Promise<Result> {
      core.requests.push({ request, context });
      await core.before(request, context);
      const { kind, namespace = '', name = '', verb } = request;
      if (verb === 'list') {
        const prefix = keyOf(kind, namespace, '').slice(0, namespace === '' ? -1 : undefined);
        const entries = [...objects].filter(([key]) => key.startsWith(prefix)).map(([, entry]) => entry);
        return { as: 'list', kind, entries, resourceVersion: '7' };
      }
      if (verb === 'watch') return { as: 'watch', kind, frames: framesOf(core, context.signal) };
      if (verb === 'create') {
        const object = JSON.parse(Buffer.from(request.body?.as === 'bytes' ? request.body.bytes : []).toString('utf8')) as KubeObject;
        const key = keyOf(kind, namespace, object.metadata?.name ?? '');
        if (objects.has(key)) throw alreadyExists({ ...kind, name: object.metadata?.name });
        core.put(kind, object);
        return { as: 'object', code: 201, kind, entry: encoded(object) };
      }
      const entry = objects.get(keyOf(kind, namespace, name));
      if (!entry) throw notFound({ ...kind, name });
      return { as: 'object', code: 200, kind, entry };
    },
  };
  return core;
}

async function* framesOf(core: FakeCore, signal: AbortSignal): AsyncGenerator<readonly WatchFrame[]> {
  yield* core.frames;
  if (core.endWatch) return;
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
}

export const fakeForms: Forms = {
  table: (kind, objects, { includeObject }) => ({
    columnDefinitions: kind.columns.map(({ name, type }) => ({ name, type })),
    rows: objects.map((object) => ({
      cells: kind.columns.map((column) => column.cell(object, 0)),
      ...(includeObject === 'None' ? {} : { object: includeObject === 'Object' ? object : { metadata: object.metadata } }),
    })),
  }),
  metadataOnly: (object) => ({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata }),
  yaml: (object) => `yaml: ${JSON.stringify(object)}\n`,
};

export const refusingNodes: NodeConnection = {
  request: () => Promise.reject(new Error('connection refused')),
  upgrade: () => Promise.reject(new Error('connection refused')),
};

const refusingBackends: HttpClient = {
  request: () => Promise.reject(new Error('connection refused')),
  upgrade: () => Promise.reject(new Error('connection refused')),
  setTls: () => {},
  close: () => {},
};

export const adminToken = 'admin-token';
export const janeToken = 'jane-token';

export interface Edge {
  readonly serve: Serve;
  readonly core: FakeCore;
  readonly clock: VirtualClock;
  /** Options for a server of its own. */
  readonly options: RoutesOptions & PipelineOptions;
  /** Serves a request of the administrator. */
  ask(method: string, target: string, more?: Partial<EdgeRequest>): Promise<EdgeResponse>;
}

/** The whole edge over a fake core. */
export function createEdge(over: Partial<RoutesOptions & PipelineOptions> & { readonly core?: FakeCore } = {}): Edge {
  const core = over.core ?? createFakeCore();
  const clock = new VirtualClock({ settle: turn });
  const base = {
    core,
    forms: fakeForms,
    clock,
    random: new SeededRandom(1),
    log: silentLogger,
    authorizer: createDefaultAuthorizer(),
    nodes: refusingNodes,
    backends: refusingBackends,
    openApi: () => ({
      v2: async () => Buffer.from('{"swagger":"2.0"}'),
      v2Protobuf: async () => Buffer.from('protobuf'),
      v3Paths: async () => ['api/v1'],
      v3: async (path: string) => Buffer.from(`{"openapi":"3.0.0","path":"${path}"}`),
    }),
    health: [{ name: 'ping', check: () => {} }],
    version: versionInfo({ minke: '0.1.0', runtime: 'v20', platform: 'linux/amd64' }),
    serverAddress: '10.96.0.1:443',
    acceptWebSocket: () => undefined,
    tokens: [
      staticTokens([
        { token: adminToken, user: { name: 'admin', groups: ['system:masters'] } },
        { token: janeToken, user: { name: 'jane', groups: ['dev'] } },
      ]),
    ],
    ...over,
  };
  const options = { ...base, dispatch: createRoutes(base) };
  const serve = createPipeline(options);
  return {
    serve,
    core,
    clock,
    options,
    ask: (method, target, more = {}) =>
      serve(edgeRequest(method, target, { ...more, headers: { authorization: `Bearer ${adminToken}`, ...more.headers } })),
  };
}

export const edgeRequest = (method: string, target: string, more: Partial<EdgeRequest> = {}): EdgeRequest => ({
  method,
  target,
  headers: {},
  remoteAddress: '127.0.0.1',
  peerCertificate: undefined,
  signal: new AbortController().signal,
  readBody: async () => new Uint8Array(),
  ...more,
});

/** The whole body as text, a stream read to its end. */
export async function textOf(response: EdgeResponse): Promise<string> {
  return (await bytesOf(response)).toString('utf8');
}

export async function bytesOf({ body }: EdgeResponse): Promise<Buffer> {
  if (body.as === 'bytes') return Buffer.from(body.bytes);
  const chunks: Uint8Array[] = [];
  if (body.as === 'stream') for await (const batch of body.batches) chunks.push(...batch);
  return Buffer.concat(chunks);
}

export const jsonOf = async (response: EdgeResponse): Promise<Record<string, unknown>> =>
  JSON.parse(await textOf(response)) as Record<string, unknown>;
