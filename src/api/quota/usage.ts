// What an object counts for in a ResourceQuota: which names of `hard` it is about, and how much of each it uses.
// Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/
import { podAmounts, type QuantityMap, quantitiesOf } from '../core/pod-amounts.ts';
import { storageClassOf } from '../core/volume-modes.ts';
import type { ResourceV1ResourceClaim, V1PersistentVolumeClaim, V1Pod, V1Service } from '../generated/types.gen.ts';
import type { KubeObject } from '../meta/object.ts';
import { compareQuantities, parseQuantity, type Quantity, quantityOf, wholeValueOf } from '../meta/quantity.ts';
import { timeMs } from '../meta/time.ts';

const one = quantityOf(1);
const none = quantityOf(0);
const storageClassSuffix = '.storageclass.storage.k8s.io/';
const deviceClassSuffix = '.deviceclass.resource.k8s.io/devices';

export interface GroupResource {
  /** `""` for the core group. */
  readonly group: string;
  readonly resource: string;
}

/** How objects of one resource count. */
export interface UsageRules {
  /** Whether a name of `hard` is about objects of this resource. */
  readonly counts: (name: string) => boolean;
  readonly usage: (object: KubeObject, nowMs: number) => QuantityMap;
}

/** `count/pods`, `count/deployments.apps` */
export const objectCountName = ({ group, resource }: GroupResource): string => `count/${resource}${group === '' ? '' : `.${group}`}`;

/** Resources that are counted under a name of their own as well. */
const plainNames: ReadonlySet<string> = new Set(['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets']);

const computeNames = ['cpu', 'memory', 'ephemeral-storage'] as const;
const podNames: ReadonlySet<string> = new Set(['pods', ...computeNames.flatMap((name) => [name, `requests.${name}`, `limits.${name}`])]);

/** Names that upstream calls native: without a domain, or with one of Kubernetes' own. */
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');
const isExtended = (name: string): boolean => !isNative(name) && !name.startsWith('requests.');
const isHugePages = (name: string): boolean => name.startsWith('hugepages-');

function podComputeUsage(requests: QuantityMap, limits: QuantityMap): Map<string, Quantity> {
  const usage = new Map<string, Quantity>([['pods', one]]);
  for (const name of computeNames) {
    const request = requests.get(name);
    const limit = limits.get(name);
    if (request) usage.set(name, request).set(`requests.${name}`, request);
    if (limit) usage.set(`limits.${name}`, limit);
  }
  for (const [name, request] of requests) {
    if (isHugePages(name)) usage.set(name, request).set(`requests.${name}`, request);
    else if (isExtended(name)) usage.set(`requests.${name}`, request);
  }
  return usage;
}

/** A pod that has ended, or whose time to end is over, still is an object, but uses nothing. */
function isLive({ metadata, status }: V1Pod, nowMs: number): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata ?? {};
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true;
  return nowMs <= timeMs(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

const podRules: UsageRules = {
  counts: (name) =>
    name === 'count/pods' ||
    podNames.has(name) ||
    isHugePages(name) ||
    name.startsWith('requests.hugepages-') ||
    (name.startsWith('requests.') && !isNative(name)),
  usage: (object, nowMs) => {
    const pod = object as V1Pod;
    const usage = isLive(pod, nowMs)
      ? podComputeUsage(podAmounts(pod, 'requests'), podAmounts(pod, 'limits'))
      : new Map<string, Quantity>();
    return usage.set('count/pods', one);
  },
};

const serviceNames: ReadonlySet<string> = new Set(['count/services', 'services', 'services.nodeports', 'services.loadbalancers']);

function nodePorts({ spec }: V1Service): number {
  const ports = spec?.ports ?? [];
  if (spec?.type === 'NodePort') return ports.length;
  if (spec?.type !== 'LoadBalancer') return 0;
  return spec.allocateLoadBalancerNodePorts === false ? ports.filter(({ nodePort = 0 }) => nodePort !== 0).length : ports.length;
}

const serviceRules: UsageRules = {
  counts: (name) => serviceNames.has(name),
  usage: (object) => {
    const service = object as V1Service;
    return new Map([
      ['count/services', one],
      ['services', one],
      ['services.nodeports', quantityOf(nodePorts(service))],
      ['services.loadbalancers', service.spec?.type === 'LoadBalancer' ? one : none],
    ]);
  },
};

const claimNames = ['persistentvolumeclaims', 'requests.storage'] as const;

/** Whole bytes; while a claim grows the greater of what it wants and what it has been given counts. */
function claimStorage({ spec, status }: V1PersistentVolumeClaim): Quantity | undefined {
  const wanted = spec?.resources?.requests?.storage;
  if (wanted === undefined) return undefined;
  const given = status?.allocatedResources?.storage;
  const text = given !== undefined && compareQuantities(parseQuantity(given), parseQuantity(wanted)) > 0 ? given : wanted;
  const quantity = parseQuantity(text);
  return quantity.scale === 0 ? quantity : quantityOf(wholeValueOf(quantity), quantity.format);
}

const claimRules: UsageRules = {
  counts: (name) =>
    name === 'count/persistentvolumeclaims' || claimNames.some((each) => name === each || name.endsWith(`${storageClassSuffix}${each}`)),
  usage: (object) => {
    const claim = object as V1PersistentVolumeClaim;
    const usage = new Map([
      ['count/persistentvolumeclaims', one],
      ['persistentvolumeclaims', one],
    ]);
    const storage = claimStorage(claim);
    const className = storageClassOf(claim);
    if (storage) usage.set('requests.storage', storage);
    if (className === '') return usage;
    usage.set(`${className}${storageClassSuffix}persistentvolumeclaims`, one);
    if (storage) usage.set(`${className}${storageClassSuffix}requests.storage`, storage);
    return usage;
  },
};

/** All devices of a class are as many as a claim may ever get: requests for "All" count as that. */
const allDevicesMax = 32;

const resourceClaimRules: UsageRules = {
  counts: (name) => name === 'count/resourceclaims.resource.k8s.io' || name.endsWith(deviceClassSuffix),
  usage: (object) => {
    const usage = new Map([['count/resourceclaims.resource.k8s.io', one]]);
    for (const request of (object as ResourceV1ResourceClaim).spec?.devices?.requests ?? []) {
      const exact = request.exactly;
      const wanted = exact ? [exact] : (request.firstAvailable ?? []);
      const byClass = new Map<string, number>();
      for (const { deviceClassName, allocationMode, count = 1 } of wanted) {
        const devices = allocationMode === 'All' ? allDevicesMax : count;
        byClass.set(deviceClassName, Math.max(byClass.get(deviceClassName) ?? 0, devices));
      }
      for (const [className, devices] of byClass) {
        const name = `${className}${deviceClassSuffix}`;
        usage.set(name, quantityOf(wholeValueOf(usage.get(name) ?? none) + devices));
      }
    }
    return usage;
  },
};

const ownRules: Readonly<Record<string, UsageRules>> = {
  '/pods': podRules,
  '/services': serviceRules,
  '/persistentvolumeclaims': claimRules,
  'resource.k8s.io/resourceclaims': resourceClaimRules,
};

/** Of every resource its objects can be counted. */
export function usageRulesOf(of: GroupResource): UsageRules {
  const key = `${of.group}/${of.resource}`;
  const own = Object.hasOwn(ownRules, key) ? ownRules[key] : undefined;
  if (own) return own;
  const names = [objectCountName(of), ...(of.group === '' && plainNames.has(of.resource) ? [of.resource] : [])];
  const usage: QuantityMap = new Map(names.map((name) => [name, one]));
  return { counts: (name) => names.includes(name), usage: () => usage };
}

/** CPU and memory that a quota counts must be named by every container. Gives what is missing, in upstream's words. */
export function missingAmounts(pod: V1Pod, counted: readonly string[]): string | undefined {
  // Amounts of the pod as a whole stand for those of its containers.
  const { requests = {}, limits = {} } = pod.spec?.resources ?? {};
  if (Object.keys(requests).length + Object.keys(limits).length > 0) return undefined;
  const needed = counted.filter((name) => /^((requests|limits)\.)?(cpu|memory)$/.test(name)).sort();
  const parts: string[] = [];
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].map(({ name, resources }) => ({
    name,
    usage: podComputeUsage(quantitiesOf(resources?.requests), quantitiesOf(resources?.limits)),
  }));
  for (const name of needed) {
    const missing = containers.filter(({ usage }) => !usage.has(name)).map((container) => container.name);
    if (missing.length > 0) parts.push(`${name} for: ${[...new Set(missing)].sort().join(',')}`);
  }
  return parts.length === 0 ? undefined : `must specify ${parts.join('; ')}`;
}
