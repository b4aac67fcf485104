// The control plane of one process: API server core, controllers and scheduler over one store, joined by the in-process transport.
import { setMaxListeners } from 'node:events';
import { builtinKinds, metricsKinds, servedKinds } from '../api/mod.ts';
import {
  type ApiCore,
  type ApiCoreOptions,
  createApiCore,
  createNodeDirectory,
  createNodeUsage,
  type NodeDirectory,
  type NodeUsageDirectory,
  type TokenAuthenticator,
} from '../apiserver/mod.ts';
import type { Clock, Logger, Metrics, Random } from '../base/mod.ts';
import { generateSigningKeyPem, openSigningKey } from '../base/ports/signing-key.ts';
import {
  type Client,
  createClient,
  createInformers,
  createInProcessTransport,
  createWorkQueueMetrics,
  type OwnedInformers,
  programOf,
  type UserInfo,
} from '../client/mod.ts';
import { type CertificateSigner, runControllers } from '../controllers/mod.ts';
import { createSchedulerMetrics, type ExplainPod, runScheduler, type SchedulerConfiguration } from '../scheduler/mod.ts';
import type { Store } from '../store/mod.ts';
import { supervise } from './supervise.ts';

/** Which admission plugins run, and what they are told. */
type Admission = Pick<ApiCoreOptions, 'admissionSettings' | 'enabledAdmission' | 'disabledAdmission'>;

export interface ControlPlaneOptions extends Admission {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly serviceCidr: string;
  /** The range of all nodes' pods, of which each node gets a part. Default: nodes bring their own. */
  readonly clusterCidr?: string;
  /** Where pods reach the API server, where they can. */
  readonly advertise?: { readonly address: string; readonly port: number };
  /** Tokens besides those of service accounts, for TokenReviews. */
  readonly tokens?: readonly TokenAuthenticator[];
  /** Tokens that somebody else is asked about. */
  readonly externalTokens?: readonly TokenAuthenticator[] | undefined;
  /** Who decides, in order, after the cluster's owners. Default: Node, RBAC. */
  readonly authorizationModes?: ApiCoreOptions['authorizationModes'];
  /** Signs service account tokens, as PEM. Default: a key that ends with the process. */
  readonly serviceAccountKeyPem?: string;
  /** The CA of the API server, which every namespace gets as the config map "kube-root-ca.crt". */
  readonly rootCaPem?: string;
  /** Signs certificate requests that are approved. Default: nobody does. */
  readonly signer?: CertificateSigner | undefined;
  /** Counts what the API server's admission does. Default: nobody does. */
  readonly metrics?: Metrics;
  /** Records what the components of this process do. Default: nobody does. */
  readonly callAudit?: ApiCoreOptions['callAudit'];
  /** True when other servers write to the same store. Default false. */
  readonly sharedStore?: boolean;
  /** Profiles, plugins and their arguments. Default: upstream's. */
  readonly schedulerConfiguration?: SchedulerConfiguration | undefined;
  /** Work that would hold the event loop for long. Default: it is done in this thread. */
  readonly heavy?: ApiCoreOptions['heavy'];
  /** How long events stand. Default one hour. */
  readonly eventTtlSeconds?: number | undefined;
  readonly signal: AbortSignal;
}

export interface ControlPlane {
  readonly core: ApiCore;
  /** Nodes tell here what they use. */
  readonly nodeUsage: NodeUsageDirectory;
  /** The way to the nodes' kubelets; those of this process tell here how they are asked. */
  readonly nodes: NodeDirectory;
  /** The API as the server's socket gives it, with the groups that other servers answer: for controllers that need one of those. */
  connectAggregated(client: Client): void;
  /** Shared by every component of the process. */
  readonly informers: OwnedInformers;
  /** Why a pod is on its node, or on none; undefined where there is no such pod, or no scheduler yet. */
  readonly explainPod: ExplainPod;
  /** A client of this process that acts as `user`. */
  clientFor(user: UserInfo): Client;
  /** Resolves when the signal has fired and everything has ended. The store is the caller's to close, afterwards. */
  readonly stopped: Promise<void>;
}

const authenticated = 'system:authenticated';
/** The identities that upstream gives its components. */
export const componentUser = (name: string): UserInfo => ({ name: `system:${name}`, groups: [authenticated] });
export const nodeUser = (nodeName: string): UserInfo => ({ name: `system:node:${nodeName}`, groups: ['system:nodes', authenticated] });
/** Controllers that have an account of their own in kube-system. */
const accountUser = (name: string): UserInfo => ({
  name: `system:serviceaccount:kube-system:${name}`,
  groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', authenticated],
});
/** The provisioner of local-path volumes acts as the binder: it is a part of the same work. */
export const provisionerUser: UserInfo = accountUser('persistent-volume-binder');
export const adminUser: UserInfo = { name: 'kubernetes-admin', groups: ['system:masters', authenticated] };

/** Resolves when the API answers. Controllers and scheduler start right after. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { clock, random, log, signal, rootCaPem, clusterCidr } = options;
  // Every component listens to it: many listeners are no leak.
  setMaxListeners(0, signal);
  const nodeUsage = createNodeUsage(clock);
  const nodes = createNodeDirectory();
  nodeUsage.connect(nodes);
  const core = await createApiCore({
    ...options,
    nodeUsage,
    bootstrapTokens: true,
    random: random.child('apiserver'),
    log: log.with({ component: 'apiserver' }),
    kinds: [...servedKinds, ...metricsKinds],
    serviceAccountKey: openSigningKey(options.serviceAccountKeyPem ?? generateSigningKeyPem()),
  });
  const clientFor = (user: UserInfo) =>
    createClient(createInProcessTransport({ handler: core.handler, user }), { clock, userAgent: programOf(user) });
  const informers = createInformers({
    client: clientFor(componentUser('kube-controller-manager')),
    clock,
    random: random.child('informers'),
    log: log.with({ component: 'informers' }),
    signal,
  });
  const component = (name: string, run: (own: { client: Client; random: Random; log: Logger; signal: AbortSignal }) => Promise<void>) => {
    const own = { client: clientFor(componentUser(name)), random: random.child(name), log: log.with({ component: name }) };
    return supervise({ name, clock, signal, random: own.random, log: own.log, run: (stop) => run({ ...own, signal: stop }) });
  };
  const schedulerMetrics = options.metrics && createSchedulerMetrics(options.metrics);
  const queueMetrics = options.metrics && createWorkQueueMetrics(options.metrics);
  const accountClient = (account: string) => clientFor(accountUser(account));
  let explainer: ExplainPod | undefined;
  const explains = (next: ExplainPod) => {
    explainer = next;
  };
  let outside: Client | undefined;
  const aggregated: Pick<Client, 'call'> = { call: (request) => (outside ?? accountClient('horizontal-pod-autoscaler')).call(request) };
  const running = [
    component('kube-controller-manager', (own) =>
      runControllers({
        ...own,
        informers,
        clock,
        kinds: builtinKinds,
        signer: options.signer,
        queueMetrics,
        clientFor: accountClient,
        aggregated,
        clusterCidr,
        ...(rootCaPem === undefined ? {} : { rootCaPem }),
      }),
    ),
    component('kube-scheduler', (own) =>
      runScheduler({ ...own, informers, clock, configuration: options.schedulerConfiguration, metrics: schedulerMetrics, explains }),
    ),
  ];
  const stopped = Promise.all(running)
    .then(() => informers.stopped)
    .then(() => core.stopped());
  const connectAggregated = (client: Client) => {
    outside = client;
  };
  return { core, nodeUsage, nodes, connectAggregated, informers, explainPod: (pod) => explainer?.(pod), clientFor, stopped };
}
