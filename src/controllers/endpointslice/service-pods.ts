// A Service and its pods: who is selected, under which addresses and ports. Shared by the slices and the old Endpoints.
import {
  compileSelector,
  type DiscoveryV1EndpointPort,
  type Labels,
  type Persisted,
  selectorOfLabels,
  type V1Pod,
  type V1Service,
  type V1ServicePort,
} from '../../api/mod.ts';
import type { Clock } from '../../base/mod.ts';
import { cacheKeyOf, type Informer } from '../../client/mod.ts';

export const headlessLabel = 'service.kubernetes.io/headless';
export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';

export type AddressType = 'IPv4' | 'IPv6';

export function addressOf(pod: V1Pod, addressType: AddressType): string | undefined {
  const all = (pod.status?.podIPs ?? []).map(({ ip }) => ip);
  const ips = all.length > 0 ? all : pod.status?.podIP ? [pod.status.podIP] : [];
  return ips.find((ip) => ip.includes(':') === (addressType === 'IPv6'));
}

/** The pod's name within the service's domain, where it has one. */
export function hostnameOf(service: Persisted<V1Service>, pod: Persisted<V1Pod>): string | undefined {
  const { hostname, subdomain } = pod.spec ?? {};
  const named = hostname && subdomain === service.metadata.name && pod.metadata.namespace === service.metadata.namespace;
  return named ? hostname : undefined;
}

/** The service's ports as this pod has them. A named port that the pod lacks is left out. */
export function portsOf(service: V1Service, pod: V1Pod): readonly DiscoveryV1EndpointPort[] {
  const ports: DiscoveryV1EndpointPort[] = [];
  for (const wanted of service.spec?.ports ?? []) {
    const port = portNumber(wanted, pod);
    if (port === undefined) continue;
    const protocol = wanted.protocol ?? 'TCP';
    ports.push({
      name: wanted.name ?? '',
      port,
      protocol,
      ...(wanted.appProtocol === undefined ? {} : { appProtocol: wanted.appProtocol }),
    });
  }
  return ports;
}

function portNumber(wanted: V1ServicePort, pod: V1Pod): number | undefined {
  const target = wanted.targetPort ?? wanted.port;
  if (typeof target === 'number') return target === 0 ? wanted.port : target;
  if (target === '') return wanted.port;
  const sidecars = (pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    for (const port of container.ports ?? []) {
      if (port.name === target && (port.protocol ?? 'TCP') === (wanted.protocol ?? 'TCP')) return port.containerPort;
    }
  }
  return undefined;
}

export const sameEntries = (a: Readonly<Record<string, string>> = {}, b: Readonly<Record<string, string>>): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(b).every(([key, value]) => a[key] === value);

/** When the latest change happened that endpoints show: for measuring how long endpoints take to reach the network. */
export function triggerTime(service: Persisted<V1Service>, pods: readonly V1Pod[]): string {
  let latest = service.metadata.creationTimestamp;
  for (const pod of pods) {
    const ready = pod.status?.conditions?.find((condition) => condition.type === 'Ready')?.lastTransitionTime;
    // Both are in UTC and in whole seconds: the order of the texts is that of the times.
    if (ready !== undefined && ready > latest) latest = ready;
  }
  return latest;
}

/** Services whose endpoints are not the user's own. */
export const hasSelector = (service: V1Service): boolean =>
  Object.keys(service.spec?.selector ?? {}).length > 0 && service.spec?.type !== 'ExternalName';

/** What of a pod shows in an endpoint, or decides who selects it. */
export function matters(old: V1Pod, next: V1Pod): boolean {
  const shown = (pod: V1Pod) => [
    pod.metadata?.labels,
    pod.metadata?.deletionTimestamp,
    pod.spec?.nodeName,
    pod.status?.phase,
    pod.status?.podIP,
    pod.status?.podIPs,
    pod.status?.conditions?.find((condition) => condition.type === 'Ready')?.status,
  ];
  return JSON.stringify(shown(old)) !== JSON.stringify(shown(next));
}

/** The services that select the pod as it was or as it is. */
export function selecting(services: Informer<V1Service>, old: V1Pod | undefined, next: V1Pod | undefined): readonly string[] {
  const namespace = (next ?? old)?.metadata?.namespace ?? '';
  return services
    .list(namespace)
    .filter((service) => {
      const selects = selectorOfService(service);
      return (old && selects(old.metadata?.labels)) || (next && selects(next.metadata?.labels));
    })
    .map(cacheKeyOf);
}

type Selects = (labels: Labels | undefined) => boolean;
/** Every change of a pod asks every service of its namespace: compiled once for each version of a service. */
const compiled = new WeakMap<V1Service, Selects>();

export function selectorOfService(service: V1Service): Selects {
  const known = compiled.get(service);
  if (known) return known;
  const selects = compileSelector(selectorOfLabels(service.spec?.selector));
  compiled.set(service, selects);
  return selects;
}

/** Up to so many pods a service follows each change at once. */
const unpacedPods = 100;
const paceMaxMs = 1_000;

/** Spaces the work on large services: its cost grows with their pods, and so would that of each change of any of them. */
export interface Pacer {
  /** How long the service's next turn has to wait, in milliseconds. */
  waitMs(key: string): number;
  ran(key: string, pods: number): void;
  forget(key: string): void;
}

export function createPacer(clock: Clock): Pacer {
  const nextMs = new Map<string, number>();
  return {
    waitMs: (key) => Math.max(0, (nextMs.get(key) ?? 0) - clock.monotonicMs()),
    ran(key, pods) {
      if (pods <= unpacedPods) nextMs.delete(key);
      else nextMs.set(key, clock.monotonicMs() + Math.min(pods, paceMaxMs));
    },
    forget: (key) => void nextMs.delete(key),
  };
}
