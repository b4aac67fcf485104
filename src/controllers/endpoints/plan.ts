// What the old Endpoints object of a Service says: one subset for each set of ports. Pure.
import type { CoreV1EndpointPort, Persisted, V1EndpointAddress, V1EndpointSubset, V1Endpoints, V1Pod, V1Service } from '../../api/mod.ts';
import {
  addressOf,
  headlessLabel,
  hostnameOf,
  portsOf,
  sameEntries,
  triggerTime,
  triggerTimeAnnotation,
} from '../endpointslice/service-pods.ts';
import { isFinished, isReady } from '../runtime/pods.ts';

/** More addresses than these are left out, ready ones last, and the object says so. */
const addressesMax = 1000;
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
const managedByLabel = 'endpoints.kubernetes.io/managed-by';

export interface EndpointsInput {
  readonly service: Persisted<V1Service>;
  /** The pods that the service selects. */
  readonly pods: readonly Persisted<V1Pod>[];
  readonly standing: Persisted<V1Endpoints> | undefined;
}

/** The object as it should be; the very same one when it is so already. */
export function planEndpoints({ service, pods, standing }: EndpointsInput): V1Endpoints | Persisted<V1Endpoints> {
  const all = subsetsOf(service, pods);
  const subsets = truncated(all);
  const labels = labelsOf(service);
  const { [overCapacityAnnotation]: _, ...kept } = standing?.metadata.annotations ?? {};
  const annotations = { ...kept, ...(subsets === all ? {} : { [overCapacityAnnotation]: 'truncated' }) };
  if (standing && sameSubsets(standing.subsets ?? [], subsets) && sameEntries(standing.metadata.labels, labels)) return standing;
  const timed = { ...annotations, [triggerTimeAnnotation]: triggerTime(service, pods) };
  const { namespace, name } = service.metadata;
  const metadata = { ...(standing?.metadata ?? { name, namespace }), labels, annotations: timed };
  return { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets };
}

interface Subset {
  readonly ports: readonly CoreV1EndpointPort[];
  readonly addresses: V1EndpointAddress[];
  readonly notReadyAddresses: V1EndpointAddress[];
}

function subsetsOf(service: Persisted<V1Service>, pods: readonly Persisted<V1Pod>[]): readonly V1EndpointSubset[] {
  const subsets = new Map<string, Subset>();
  const family = service.spec?.ipFamilies?.[0] === 'IPv6' ? 'IPv6' : 'IPv4';
  const publishAll = service.spec?.publishNotReadyAddresses === true;
  for (const pod of pods) {
    const ip = addressOf(pod, family);
    const leaving = pod.metadata.deletionTimestamp !== undefined;
    if (ip === undefined || isFinished(pod) || (leaving && !publishAll)) continue;
    const ports = portsOf(service, pod).map(nameless);
    // A service that has ports has no use for a pod that has none of them.
    if (ports.length === 0 && (service.spec?.ports ?? []).length > 0) continue;
    const key = JSON.stringify(ports);
    const subset = subsets.get(key) ?? { ports, addresses: [], notReadyAddresses: [] };
    subsets.set(key, subset);
    (publishAll || isReady(pod) ? subset.addresses : subset.notReadyAddresses).push(addressObject(service, pod, ip));
  }
  return [...subsets.values()].map(({ ports, addresses, notReadyAddresses }) => ({
    ...(addresses.length === 0 ? {} : { addresses: addresses.sort(byIp) }),
    ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses: notReadyAddresses.sort(byIp) }),
    ...(ports.length === 0 ? {} : { ports }),
  }));
}

/** Here, other than in slices, a port without a name has none. */
function nameless(port: ReturnType<typeof portsOf>[number]): CoreV1EndpointPort {
  const { name, port: number = 0, protocol, appProtocol } = port;
  return { ...(name ? { name } : {}), port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) };
}

function addressObject(service: Persisted<V1Service>, pod: Persisted<V1Pod>, ip: string): V1EndpointAddress {
  const hostname = hostnameOf(service, pod);
  const nodeName = pod.spec?.nodeName;
  const { namespace, name, uid } = pod.metadata;
  return {
    ip,
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

const byIp = (a: V1EndpointAddress, b: V1EndpointAddress): number => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0);

/** The very same list when there is room for all. */
function truncated(subsets: readonly V1EndpointSubset[]): readonly V1EndpointSubset[] {
  const count = (field: 'addresses' | 'notReadyAddresses') => subsets.reduce((sum, subset) => sum + (subset[field] ?? []).length, 0);
  if (count('addresses') + count('notReadyAddresses') <= addressesMax) return subsets;
  let ready = addressesMax;
  let other = Math.max(0, addressesMax - count('addresses'));
  return subsets
    .map((subset) => {
      const addresses = (subset.addresses ?? []).slice(0, ready);
      const notReadyAddresses = (subset.notReadyAddresses ?? []).slice(0, other);
      ready -= addresses.length;
      other -= notReadyAddresses.length;
      return {
        ...(addresses.length === 0 ? {} : { addresses }),
        ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
        ...(subset.ports ? { ports: subset.ports } : {}),
      };
    })
    .filter((subset) => 'addresses' in subset || 'notReadyAddresses' in subset);
}

function labelsOf(service: Persisted<V1Service>): Readonly<Record<string, string>> {
  const { [headlessLabel]: _, ...labels } = service.metadata.labels ?? {};
  return {
    ...labels,
    ...(service.spec?.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
    [managedByLabel]: 'endpoint-controller',
  };
}

/** In whatever order. */
function sameSubsets(a: readonly V1EndpointSubset[], b: readonly V1EndpointSubset[]): boolean {
  return a.length === b.length && a.map(textOf).sort().join('\n') === b.map(textOf).sort().join('\n');
}

const textOf = ({ addresses = [], notReadyAddresses = [], ports = [] }: V1EndpointSubset): string => {
  const address = ({ ip, hostname, nodeName, targetRef }: V1EndpointAddress) => [ip, hostname, nodeName, targetRef?.uid];
  const port = (of: CoreV1EndpointPort) => JSON.stringify([of.name ?? '', of.port, of.protocol ?? 'TCP', of.appProtocol]);
  return JSON.stringify([addresses.map(address), notReadyAddresses.map(address), ports.map(port).sort()]);
};
