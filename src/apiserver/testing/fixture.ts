// A core over the memory store with a few small kinds, for the tests of verbs, cache and registry.
import {
  apiVersionOf,
  namespaces as builtinNamespaces,
  services as builtinServices,
  type Draft,
  invalidValue,
  type KindDefinition,
  type KubeObject,
  StatusError,
} from '../../api/mod.ts';
import { SeededRandom, silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { openMemoryStore, type Store } from '../../store/mod.ts';
import { type ApiCore, type ApiCoreOptions, createApiCore } from '../core.ts';
import type { RequestContext, ResourceRequest, Result, WatchFrame } from '../request.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever they like.
export type Loose = KubeObject & { readonly spec?: any; readonly status?: any; readonly data?: any };
type LooseDraft = Draft<Loose>;

const plain = {
  group: '',
  version: 'v1',
  namespaced: true,
  hasGeneration: false,
  columns: [],
} as const;

// biome-ignore lint/suspicious/noExplicitAny: test kinds look at whatever they like.
const kind = (definition: KindDefinition<any>): KindDefinition => definition;

export const configMaps = kind({ ...plain, kind: 'ConfigMap', resource: 'configmaps', singular: 'configmap', schema: 'V1ConfigMap' });

export const namespaces = kind(builtinNamespaces);
export const services = kind(builtinServices);

export const pods = kind({
  ...plain,
  kind: 'Pod',
  resource: 'pods',
  singular: 'pod',
  schema: 'V1Pod',
  hasGeneration: true,
  deleteReturnsObject: true,
  selectableFields: {
    'spec.nodeName': (pod: Loose) => pod.spec?.nodeName ?? '',
    'status.phase': (pod: Loose) => pod.status?.phase ?? '',
  },
  prepareCreate: (draft: LooseDraft) => {
    draft.status = { phase: 'Pending' };
  },
  validateCreate: (pod: Loose) => (pod.spec?.hostname === 'bad!' ? [invalidValue('spec.hostname', 'bad!', 'is bad')] : []),
  update: {
    prepare: (draft: LooseDraft, old: Loose) => {
      draft.status = structuredClone(old.status);
    },
  },
  status: {},
  gracePeriodSeconds: (pod: Loose, options) =>
    pod.spec?.nodeName ? (options.gracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30) : 0,
});

export const deployments = kind({
  ...plain,
  group: 'apps',
  kind: 'Deployment',
  resource: 'deployments',
  singular: 'deployment',
  schema: 'V1Deployment',
  hasGeneration: true,
  setDefaults: (draft: LooseDraft) => {
    draft.spec.replicas ??= 1;
  },
  update: {
    prepare: (draft: LooseDraft, old: Loose) => {
      if (old.status === undefined) delete draft.status;
      else draft.status = structuredClone(old.status);
    },
  },
  status: {},
  scale: {
    read: (deployment: Loose) => ({
      specReplicas: deployment.spec.replicas,
      statusReplicas: deployment.status?.replicas ?? 0,
      selector: 'app=web',
    }),
    write: (draft: LooseDraft, replicas: number) => {
      draft.spec.replicas = replicas;
    },
  },
});

export const leases = kind({
  ...plain,
  group: 'coordination.k8s.io',
  kind: 'Lease',
  resource: 'leases',
  singular: 'lease',
  schema: 'V1Lease',
  createsOnUpdate: true,
  requiresResourceVersion: true,
});

export const testKinds = [namespaces, configMaps, pods, deployments, services, leases];

type Loosely<T> = { readonly [K in keyof T]?: T[K] | undefined };
export type TestRequest = Loosely<ResourceRequest> & Pick<ResourceRequest, 'verb' | 'kind'>;

export interface TestCore {
  readonly core: ApiCore;
  readonly store: Store;
  readonly clock: VirtualClock;
  readonly warnings: string[];
  run(request: TestRequest, signal?: AbortSignal): Promise<Result>;
  /** The object of the answer, whatever form it has. */
  call(request: TestRequest): Promise<Loose>;
  /** Creates with the namespace `default`, unless the object names one. */
  create(of: KindDefinition, object: Loose, query?: ResourceRequest['query']): Promise<Loose>;
  /** The error's status: code, reason, message, causes. Fails the test when the call succeeds. */
  fail(request: TestRequest): Promise<StatusError>;
  stop(): Promise<void>;
}

/** The default roles are made beside what a test does: it begins when they stand. */
const rolesTurnsMax = 1000;

export async function startTestCore(options: Partial<ApiCoreOptions> = {}): Promise<TestCore> {
  const store = options.store ?? openMemoryStore();
  const clock = new VirtualClock({ settle: turn });
  const stopping = new AbortController();
  const random = new SeededRandom(7);
  const base = { store, kinds: testKinds, clock, random, log: silentLogger, serviceCidr: '10.96.0.0/24', signal: stopping.signal };
  const core = await createApiCore({ ...base, ...options });
  for (let i = 0; i < rolesTurnsMax && !core.rolesReady(); i++) await turn();
  const warnings: string[] = [];
  const contextOf = (signal: AbortSignal): RequestContext => ({
    user: { name: 'admin', groups: ['system:masters'] },
    clock,
    random,
    log: silentLogger,
    signal,
    userAgent: 'test/1.0',
    warn: (text) => warnings.push(text),
  });
  const run: TestCore['run'] = (request, signal = stopping.signal) => core.execute(requestOf(request), contextOf(signal));
  const call: TestCore['call'] = async (request) => objectOf(await run(request));
  return {
    core,
    store,
    clock,
    warnings,
    run,
    call,
    create: (of, object, query) =>
      call({
        verb: 'create',
        kind: of,
        namespace: object.metadata?.namespace,
        body: { as: 'object', object },
        ...(query ? { query } : {}),
      }),
    async fail(request) {
      let result: Result;
      try {
        result = await run(request);
      } catch (error) {
        if (error instanceof StatusError) return error;
        throw error;
      }
      throw new Error(`expected an error, got ${JSON.stringify(objectOf(result))}`);
    },
    async stop() {
      stopping.abort();
      await core.stopped();
      if (!options.store) await store.close();
    },
  };
}

function requestOf(request: TestRequest): ResourceRequest {
  // `*` is every namespace, and nothing said is `default`.
  const namespace = request.namespace === '*' ? undefined : (request.namespace ?? 'default');
  const { query, patchType, ...rest } = request;
  return {
    ...rest,
    namespace: request.kind.namespaced ? namespace : undefined,
    ...(query ? { query } : {}),
    ...(patchType ? { patchType } : {}),
  };
}

export const bodyOf = (object: unknown): ResourceRequest['body'] => ({ as: 'object', object });
export const jsonBody = (object: unknown): ResourceRequest['body'] => ({
  as: 'bytes',
  bytes: Buffer.from(JSON.stringify(object)),
  mediaType: 'application/json',
});

function objectOf(result: Result): Loose {
  if (result.as === 'object') return result.entry.object as Loose;
  if (result.as === 'other') return result.object as Loose;
  throw new Error(`expected an object, got a ${result.as}`);
}

/** `ADDED default/web`, and `BOOKMARK` or `ERROR 410`. */
export function frameText(frame: WatchFrame): string {
  if (frame.type === 'BOOKMARK') return frame.initialEventsEnd ? 'BOOKMARK end' : 'BOOKMARK';
  if (frame.type === 'ERROR') return `ERROR ${frame.status.code}`;
  const { name, namespace } = frame.entry.object.metadata ?? {};
  return `${frame.type} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

export const podOf = (name: string, more: Loose = {}): Loose => ({
  apiVersion: 'v1',
  kind: 'Pod',
  ...more,
  metadata: { name, namespace: 'default', ...more.metadata },
  spec: { containers: [{ name: 'c', image: 'i' }], ...more.spec },
});

export const configMapOf = (name: string, data: Record<string, string> = {}, metadata: Loose['metadata'] = {}): Loose => ({
  apiVersion: apiVersionOf(configMaps),
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', ...metadata },
  data,
});
