// The API server without its socket: watch cache, registry, verbs and admission put together over a store.
import { setMaxListeners } from 'node:events';
import {
  builtinKinds,
  formatTime,
  type GroupVersionResource,
  ipaddresses,
  type KindDefinition,
  managedFieldsEngine,
  servicecidrs,
  services as servicesKind,
} from '../api/mod.ts';
import { type Clock, errorText, type Logger, type Metrics, onAbort, type Random, Tasks } from '../base/mod.ts';
import type { HttpClient } from '../base/ports/http-client.ts';
import {
  type ApiHandler,
  createClient,
  createEventRecorder,
  createInProcessTransport,
  type EventRecorder,
  referenceTo,
} from '../client/mod.ts';
import type { Store } from '../store/mod.ts';
import { type Access, type AuthorizationModes, createAccess } from './access.ts';
import { type AdmissionPlugin, type AdmissionSettings, createAdmissionChain, defaultAdmission, inOrder } from './admission/mod.ts';
import { admissionPolicies, createPolicyMetrics } from './admission/policies/mod.ts';
import type { CallAudit } from './audit/calls.ts';
import type { TokenAuthenticator } from './authn/authenticate.ts';
import type { TokenKey } from './authn/service-account/jwt.ts';
import type { Authorizer } from './authz/authorizer.ts';
import { allKinds, createServedResources, definitionHooks, definitionsName, startCustomResources } from './customresources/mod.ts';
import type { HeavyTasks } from './heavy/mod.ts';
import type { NodeUsageSource } from './metrics-api/node-usage-source.ts';
import type { BootstrapOptions } from './registry/bootstrap.ts';
import { createHandler } from './registry/handler.ts';
import type { ServerHooks } from './registry/hooks.ts';
import { firstBootstrap, keepBootstrapped } from './registry/keep-bootstrapped.ts';
import { certificateRequestHooks, cronJobHooks } from './registry/machine-checks.ts';
import { namespaceHooks } from './registry/namespace-hooks.ts';
import { createRegistry, type Registry, resourceKey } from './registry/registry.ts';
import { cachedResourceOf } from './registry/resource.ts';
import { createServiceIps, type ServiceIps } from './registry/service-ips.ts';
import { createServiceRepair } from './registry/service-repair.ts';
import type { RequestContext, ResourceRequest, Result } from './request.ts';
import {
  admitConnect,
  type ConnectRequest,
  decodeChanged,
  decodeJsonBody,
  execute,
  type ManagedFields,
  type PatchEngine,
  patchEngine,
  type Services,
} from './verbs/mod.ts';
import { isUnreadable, type RingLimits, UnreadableError, WatchCache } from './watch-cache/mod.ts';
import { admissionWebhooks, webhookClientOf } from './webhooks/mod.ts';

export interface ApiCoreOptions {
  readonly store: Store;
  /** All that is served, in discovery order: stored kinds, other versions of these, and kinds of which nothing is stored. */
  readonly kinds: readonly KindDefinition[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Default: the patches of `api/merge`. */
  readonly patchEngine?: PatchEngine;
  /** Default: that of `api/merge`. */
  readonly managedFields?: ManagedFields;
  /** How webhooks are called; closed when the core stops. Default: over the machine's network. */
  readonly http?: HttpClient | undefined;
  /** Counts what admission does. Default: nobody does. */
  readonly metrics?: Metrics | undefined;
  /** Further plugins, after the built-in ones. */
  readonly admission?: readonly AdmissionPlugin[];
  /** `10.96.0.0/16`: the range of cluster IPs, or one of each family with a comma between. */
  readonly serviceCidr: string;
  /** Both included. Default 30000 to 32767. */
  readonly nodePortRange?: { readonly first: number; readonly last: number };
  /** Where pods reach the API server. */
  readonly advertise?: { readonly address: string; readonly port: number };
  /** Tokens besides those of service accounts, for TokenReviews. Default: none. */
  readonly tokens?: readonly TokenAuthenticator[];
  /** Tokens that somebody else is asked about. */
  readonly externalTokens?: readonly TokenAuthenticator[] | undefined;
  /** Whether Secrets of type bootstrap.kubernetes.io/token say who somebody is. Default false. */
  readonly bootstrapTokens?: boolean | undefined;
  /** Signs service account tokens. Absent: there are none. */
  readonly serviceAccountKey?: TokenKey | undefined;
  /** Who decides at the HTTP edge. Default: Node, RBAC. */
  readonly authorizationModes?: AuthorizationModes | undefined;
  /** Names of admission plugins that run only where they are named. */
  readonly enabledAdmission?: readonly string[];
  /** What an AdmissionConfiguration says of the plugins. */
  readonly admissionSettings?: AdmissionSettings | undefined;
  /** Names of admission plugins that do not run. */
  readonly disabledAdmission?: readonly string[];
  /** Asked by `handler` for every call; the HTTP edge has its own. Default: everything is allowed. */
  readonly authorizer?: Authorizer;
  /** Records the calls of `handler`. Default: nobody does. */
  readonly callAudit?: CallAudit | undefined;
  /** True when other servers write to the same store. Default false. */
  readonly sharedStore?: boolean;
  /** How long events stand. Default one hour. */
  readonly eventTtlSeconds?: number | undefined;
  readonly ringLimits?: RingLimits;
  /** What nodes and their pods use, for the kinds of metrics.k8s.io. */
  readonly nodeUsage?: NodeUsageSource;
  /** Work that would hold the event loop for long. Default: it is done here, in steps as far as it goes. */
  readonly heavy?: HeavyTasks | undefined;
  /** Stops the core: watches end, the cache lets go of the store. */
  readonly signal: AbortSignal;
}

export interface ApiCore {
  readonly kinds: readonly KindDefinition[];
  readonly registry: Registry;
  find(of: GroupVersionResource): KindDefinition | undefined;
  /** Carries out one verb, for someone who has been authenticated and authorized. Throws StatusError. */
  execute(request: ResourceRequest, context: RequestContext): Promise<Result>;
  /** Asks admission about what a proxy is about to connect to. Throws StatusError. */
  admitConnect(request: ConnectRequest, context: RequestContext): Promise<void>;
  /** Who may do what, and whose a token is: for the HTTP edge. */
  readonly access: Access;
  /** The names of all admission plugins, also of those that do not run. */
  readonly admissionPlugins: readonly string[];
  /** For components of the same process: they are trusted, unless an authorizer is given. */
  readonly handler: ApiHandler;
  /** Resolves when what every cluster has is there. */
  readonly ready: Promise<void>;
  /** True when the default roles stand: they are made after {@link ApiCore.ready}, for those who need them. */
  rolesReady(): boolean;
  /** Resolves when everything has stopped, after the signal has fired. */
  stopped(): Promise<void>;
}

const addressKinds = builtinKinds.filter(({ resource }) => resource === servicecidrs.resource || resource === ipaddresses.resource);
const defaultNodePorts = { first: 30_000, last: 32_767 };

/** Resolves when the caches are filled and the bootstrap objects stand. */
export async function createApiCore(options: ApiCoreOptions): Promise<ApiCore> {
  const { store, kinds, clock, random, log, signal, authorizer, eventTtlSeconds } = options;
  // Every request and watch without a signal of its own listens to this one.
  setMaxListeners(0, signal);
  const { stored, hasServices } = storedKindsOf(kinds);
  const converted = kinds.filter((kind) => kind.storage !== undefined);
  const cache = new WatchCache({ store, clock, log, signal, resources: stored.map(cachedResourceOf), ringLimits: options.ringLimits });
  await cache.start();
  const serviceIps = serviceIpsOf(options, () => registry);
  const hooks = new Map<string, ServerHooks>([
    ['services', serviceIps.hooks],
    ['namespaces', namespaceHooks],
    ['certificatesigningrequests.certificates.k8s.io', certificateRequestHooks],
    ['cronjobs.batch', cronJobHooks],
    [definitionsName, definitionHooks],
  ]);
  const custom = createServedResources(cache, stored, { ...options, random: random.child('conversion'), registry: () => registry });
  const registry: Registry = createRegistry({ kinds: stored, converted, cache, hooks, dynamic: custom, eventTtlSeconds });
  const access = accessOf(options, registry);
  const plugins = pluginsOf(options, registry, access);
  const services = servicesOf(options, { registry, plugins, access });
  const run = (request: ResourceRequest, context: RequestContext) => access.answer(request, context) ?? execute(services, request, context);
  const byName = new Map(kinds.map((kind) => [resourceKey(kind), kind]));
  const find = (of: GroupVersionResource) => byName.get(resourceKey(of)) ?? custom?.findKind(of);
  const core = registry.find(servicesKind);
  const readable = core?.cache.page({}).entries.filter((entry) => !isUnreadable(entry)) ?? [];
  serviceIps.takePorts(readable.map((entry) => entry.object));
  const handler = createHandler({ find, execute: run, authorizer, audit: options.callAudit, clock, random, log, signal });
  const context: RequestContext = { user: serverUser, clock, random, log, signal, userAgent: 'minke', warn: () => {} };
  const wanted: BootstrapOptions = {
    registry,
    execute: run,
    context,
    serviceIp: core && serviceIps.firstIp,
    serviceCidrs: serviceIps.cidrs,
    advertise: options.advertise,
  };
  const events = recorderOnDemand(options, handler);
  const repairNow = hasServices ? repairOf(options, { registry, serviceIps, events }) : async () => {};
  const ready = firstBootstrap(wanted, repairNow);
  await ready;
  const tasks = new Tasks(log);
  if (custom) await startCustomResources({ services, registry, served: custom, execute: run, context, tasks });
  const kept = keepBootstrapped(wanted, repairNow, tasks);
  const allServed = allKinds(kinds, custom);
  return {
    get kinds() {
      return allServed();
    },
    registry,
    find,
    access,
    admissionPlugins: plugins.map((plugin) => plugin.name),
    execute: run,
    admitConnect: (request, context) => admitConnect(services, request, context),
    handler,
    ready,
    rolesReady: kept.rolesReady,
    async stopped() {
      await Promise.all([cache.stopped(), tasks.settled(), events.stopped()]);
    },
  };
}

/** What has a cache: also what is served in another version alone. */
function storedKindsOf(kinds: readonly KindDefinition[]): { readonly stored: readonly KindDefinition[]; readonly hasServices: boolean } {
  const served = kinds.filter((kind) => kind.virtual !== true).map((kind) => kind.storage?.kind ?? kind);
  const hasServices = served.some((kind) => resourceKey(kind) === resourceKey(servicesKind));
  // Services get their addresses by these, whether anybody can see them or not.
  return { stored: [...new Set([...served, ...(hasServices ? addressKinds : [])])], hasServices };
}

function repairOf(
  options: ApiCoreOptions,
  { registry, serviceIps, events }: { registry: Registry; serviceIps: ServiceIps; events: OnDemand },
) {
  const { clock, random, log } = options;
  const repair = createServiceRepair({
    registry,
    serviceIps,
    random: random.child('service-repair'),
    report: ({ about, object, reason, message }) =>
      events.of().record(referenceTo(about === 'service' ? servicesKind : ipaddresses, object), 'Warning', reason, message),
  });
  return async () => {
    try {
      await repair({ nowMs: clock.nowMs(), nowTime: formatTime(clock.nowMs()) });
    } catch (error) {
      // An address whose owner cannot be read must not be taken from it.
      if (!(error instanceof UnreadableError)) throw error;
      log.error('Addresses of services are not put right while one of them cannot be read', { error: errorText(error) });
    }
  };
}

interface OnDemand {
  of(): EventRecorder;
  stopped(): Promise<void>;
}

/** The server seldom has to tell of something: the recorder is made when it does. */
function recorderOnDemand(options: ApiCoreOptions, handler: ApiHandler): OnDemand {
  const { clock, random, log, signal } = options;
  let made: EventRecorder | undefined;
  return {
    of() {
      const client = createClient(createInProcessTransport({ handler, user: serverUser }), { clock, userAgent: serverUser.name });
      made ??= createEventRecorder({
        client,
        clock,
        random: random.child('events'),
        log,
        signal,
        component: 'ipallocator-repair-controller',
      });
      return made;
    },
    async stopped() {
      await made?.stopped;
    },
  };
}

function serviceIpsOf({ serviceCidr, nodePortRange = defaultNodePorts, random }: ApiCoreOptions, registry: () => Registry): ServiceIps {
  return createServiceIps({ serviceCidr, nodePortRange, random, registry });
}

function accessOf(options: ApiCoreOptions, registry: Registry): Access {
  const { tokens = [], serviceAccountKey } = options;
  return createAccess({ ...options, registry, decodeBody: decodeJsonBody, tokens, serviceAccountKey });
}

/** Every admission plugin there is, in the order in which they run. */
function pluginsOf(options: ApiCoreOptions, registry: Registry, access: Access): readonly AdmissionPlugin[] {
  const { clock, random, log, metrics, http, signal, serviceAccountKey } = options;
  const tokens = serviceAccountKey !== undefined;
  const { authorizer } = access;
  const client = webhookClientOf({ registry, clock, random: random.child('webhook client'), http });
  onAbort(signal, () => client.close());
  const namespaces = registry.find({ group: '', version: 'v1', resource: 'namespaces' });
  const namespace = (name: string) => namespaces?.get(undefined, name)?.object;
  const judging = { registry, authorizer, namespace, decode: decodeChanged };
  const webhooks = admissionWebhooks({ ...judging, client, clock, random: random.child('webhooks'), log, metrics });
  return inOrder([
    ...defaultAdmission({ registry, authorizer, clock, random: random.child('admission'), tokens, settings: options.admissionSettings }),
    ...access.admission,
    ...admissionPolicies({ ...judging, observe: createPolicyMetrics(metrics) }),
    webhooks.mutating,
    webhooks.validating,
    ...(options.admission ?? []),
  ]);
}

interface Parts {
  readonly registry: Registry;
  readonly plugins: readonly AdmissionPlugin[];
  readonly access: Access;
}

function servicesOf(options: ApiCoreOptions, { registry, plugins, access }: Parts): Services {
  const { enabledAdmission = [], disabledAdmission = [] } = options;
  const runs = ({ name, optional }: AdmissionPlugin): boolean =>
    !disabledAdmission.includes(name) && (optional !== true || enabledAdmission.includes(name));
  return {
    registry,
    admission: createAdmissionChain(plugins.filter(runs)),
    authorizer: access.authorizer,
    patchEngine: options.patchEngine ?? patchEngine,
    managedFields: options.managedFields ?? managedFieldsEngine,
    decodeBody: decodeJsonBody,
    sharedStore: options.sharedStore ?? false,
    nodeUsage: options.nodeUsage,
    heavy: options.heavy,
  };
}

/** The server itself, writing what it needs. */
const serverUser = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };
