// What every cluster has from the first moment: the system namespaces, and the Service by which pods reach the API server.
import {
  formatTime,
  getCondition,
  hasReason,
  type KindDefinition,
  type KubeObject,
  StatusError,
  serviceCidrProtection,
  serviceNameLabel,
  systemPriorityClasses,
  type V1FlowSchema,
  type V1ServiceCIDR,
} from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { danglingStatus, isKeptByServer } from '../fairness/bootstrap.ts';
import { defaultLevels, defaultSchemas } from '../fairness/default-objects.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import { jsonEqual } from '../verbs/equal.ts';
import { UnreadableError } from '../watch-cache/mod.ts';
import type { Registry } from './registry.ts';
import type { Resource } from './resource.ts';

export interface BootstrapOptions {
  readonly registry: Registry;
  readonly execute: (request: ResourceRequest, context: RequestContext) => Promise<Result>;
  readonly context: RequestContext;
  /** The cluster IP of the `kubernetes` Service. */
  readonly serviceIp: string | undefined;
  /** The configured ranges of service addresses. */
  readonly serviceCidrs: readonly string[];
  /** Where the API server is reached by pods. Absent: the `kubernetes` Service has no endpoints. */
  readonly advertise: { readonly address: string; readonly port: number } | undefined;
}

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const serviceName = 'kubernetes';
const isServers = (): boolean => true;
/** Which objects are put right when they differ: where the server is found, and what nobody has taken over. */
const correctable: Readonly<Record<string, (standing: KubeObject) => boolean>> = {
  endpoints: isServers,
  'endpointslices.discovery.k8s.io': isServers,
  'flowschemas.flowcontrol.apiserver.k8s.io': isKeptByServer,
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io': isKeptByServer,
};

/** Creates what is missing, corrects where the API server is found. Kinds that are not served are passed over. */
export async function bootstrap(options: BootstrapOptions): Promise<void> {
  await Promise.all(namespaces.map((name) => ensureNamespace(options, name)));
  for (const each of priorityClasses) await ensure(options, 'scheduling.k8s.io', 'priorityclasses', each);
  const { serviceIp, advertise } = options;
  await ensureServiceCidr(options);
  if (serviceIp !== undefined) await ensure(options, '', 'services', kubernetesService(serviceIp, advertise?.port ?? 443));
  if (!advertise) return;
  await ensure(options, '', 'endpoints', kubernetesEndpoints(advertise));
  await ensure(options, 'discovery.k8s.io', 'endpointslices', kubernetesSlice(advertise));
}

/**
 * The ServiceCIDR of the configured ranges, ready. It must stand before the first Service. One that stands with other ranges is left as it is,
 * but for a second family that is new.
 */
export async function ensureServiceCidr(options: BootstrapOptions): Promise<void> {
  try {
    await makeServiceCidr(options);
  } catch (error) {
    // Somebody else has just written it: it is looked at again soon.
    if (!hasReason(error, 'Conflict', 'NotFound') && !isDamage(error, options)) throw error;
  }
}

async function makeServiceCidr(options: BootstrapOptions): Promise<void> {
  const { registry, execute, context, serviceCidrs } = options;
  const resource = registry.find({ group: 'networking.k8s.io', version: 'v1', resource: 'servicecidrs' });
  if (!resource) return;
  const standing = () => resource.get(undefined, serviceName)?.object as V1ServiceCIDR | undefined;
  await ensure(options, 'networking.k8s.io', 'servicecidrs', serviceCidr(serviceCidrs));
  const found = standing();
  const [first, second] = serviceCidrs;
  if (second !== undefined && found?.spec?.cidrs?.length === 1 && found.spec.cidrs[0] === first) {
    await execute(requestOf(resource.kind, 'update', { ...found, spec: { cidrs: serviceCidrs } } as KubeObject), context);
  }
  const now = standing();
  if (!now || now.metadata?.deletionTimestamp !== undefined || !jsonEqual(now.spec?.cidrs, serviceCidrs)) return;
  if (getCondition(now.status?.conditions, 'Ready') !== undefined) return;
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: '',
    message: 'Kubernetes default Service CIDR is ready',
    lastTransitionTime: formatTime(context.clock.nowMs()),
  };
  const conditions = [...(now.status?.conditions ?? []), ready];
  await execute(
    { ...requestOf(resource.kind, 'update', { ...now, status: { conditions } } as KubeObject), subresource: 'status' },
    context,
  );
}

const serviceCidr = (cidrs: readonly string[]): KubeObject & { readonly spec: object } => ({
  metadata: { name: serviceName, finalizers: [serviceCidrProtection] },
  spec: { cidrs },
});

/** With its account: a pod may come in the moment before the controller has made it. */
async function ensureNamespace(options: BootstrapOptions, name: string): Promise<void> {
  const isNew = options.registry.find({ group: '', version: 'v1', resource: 'namespaces' })?.get(undefined, name) === undefined;
  await ensure(options, '', 'namespaces', { metadata: { name } });
  if (isNew) await ensure(options, '', 'serviceaccounts', { metadata: { name: 'default', namespace: name } });
}

/** How requests share the server: not needed for the first request, so made after {@link bootstrap}. */
export async function bootstrapFlowControl(options: BootstrapOptions): Promise<void> {
  const group = 'flowcontrol.apiserver.k8s.io';
  await Promise.all(defaultLevels.map((level) => ensure(options, group, 'prioritylevelconfigurations', level)));
  await Promise.all(defaultSchemas.map((schema) => ensure(options, group, 'flowschemas', schema)));
  await reportDangling(options);
}

/** Says on each flow schema whether its priority level is there. */
async function reportDangling({ registry, execute, context }: BootstrapOptions): Promise<void> {
  const find = (resource: string) => registry.find({ group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource });
  const [schemas, levels] = [find('flowschemas'), find('prioritylevelconfigurations')];
  if (!schemas || !levels) return;
  for (const { object } of schemas.cache.page({}).entries) {
    const status = danglingStatus(object as V1FlowSchema, (name) => levels.get(undefined, name) !== undefined, context.clock.nowMs());
    if (!status) continue;
    const body = { as: 'object', object: { ...object, ...{ status } } } as const;
    await execute(
      { verb: 'update', kind: schemas.kind, subresource: 'status', namespace: undefined, name: object.metadata?.name, body },
      context,
    );
  }
}

async function ensure(options: BootstrapOptions, group: string, plural: string, object: KubeObject): Promise<void> {
  const resource = options.registry.find({ group, version: 'v1', resource: plural });
  if (!resource) return;
  try {
    await createOrCorrect(options, resource, object);
  } catch (error) {
    // Another server on the same store was faster.
    if (error instanceof StatusError && error.reason === 'AlreadyExists') return;
    if (isDamage(error, options)) return;
    // A loopback address is refused as an endpoint: the Service is then there without one.
    if (!(error instanceof StatusError) || error.code !== 422) throw error;
    options.context.log.warn('Bootstrap object was refused', { resource: resource.qualified, error: errorText(error) });
  }
}

/** What the store cannot read stays as it is, until somebody writes it off: the server runs all the same. */
function isDamage(error: unknown, { context }: BootstrapOptions): boolean {
  if (!(error instanceof UnreadableError)) return false;
  context.log.error('A bootstrap object cannot be read', { error: errorText(error) });
  return true;
}

async function createOrCorrect(options: BootstrapOptions, resource: Resource, object: KubeObject): Promise<void> {
  const { execute, context } = options;
  const { kind } = resource;
  const { name = '', namespace } = object.metadata ?? {};
  const standing = resource.get(namespace, name)?.object;
  if (!standing) {
    await execute(requestOf(kind, 'create', object), context);
    return;
  }
  // Namespaces and the Service belong to their users once they are there; where the server is found is the server's own.
  const { metadata: _, ...content } = object;
  if (!correctable[resource.qualified]?.(standing)) return;
  const same = Object.entries(content).every(([key, value]) => jsonEqual(value, (standing as Record<string, unknown>)[key]));
  if (!same) await execute(requestOf(kind, 'update', { ...standing, ...content } as KubeObject), context);
}

const requestOf = (kind: KindDefinition, verb: 'create' | 'update', object: KubeObject): ResourceRequest => ({
  verb,
  kind,
  namespace: object.metadata?.namespace,
  name: verb === 'update' ? object.metadata?.name : undefined,
  body: { as: 'object', object },
});

const kubernetesService = (clusterIP: string, targetPort: number): KubeObject & { readonly spec: object } => ({
  metadata: { name: serviceName, namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
  spec: {
    type: 'ClusterIP',
    clusterIP,
    clusterIPs: [clusterIP],
    ipFamilies: [clusterIP.includes(':') ? 'IPv6' : 'IPv4'],
    ipFamilyPolicy: 'SingleStack',
    sessionAffinity: 'None',
    ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort }],
  },
});

const priorityClasses: readonly (KubeObject & { readonly value: number | undefined })[] = [
  priorityClass(
    'system-cluster-critical',
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  ),
  priorityClass('system-node-critical', 'Used for system critical pods that must not be moved from their current node.'),
];

function priorityClass(name: string, description: string) {
  return { metadata: { name }, value: systemPriorityClasses[name], description, preemptionPolicy: 'PreemptLowerPriority' };
}

type Advertised = NonNullable<BootstrapOptions['advertise']>;

const kubernetesEndpoints = ({ address, port }: Advertised): KubeObject & { readonly subsets: readonly object[] } => ({
  metadata: { name: serviceName, namespace: 'default', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
  subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
});

const kubernetesSlice = ({ address, port }: Advertised): KubeObject & { readonly endpoints: readonly object[] } => ({
  metadata: { name: serviceName, namespace: 'default', labels: { [serviceNameLabel]: serviceName } },
  ...{ addressType: address.includes(':') ? 'IPv6' : 'IPv4' },
  endpoints: [{ addresses: [address], conditions: { ready: true } }],
  ...{ ports: [{ name: 'https', port, protocol: 'TCP' }] },
});
