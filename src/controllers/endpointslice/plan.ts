// Which endpoints a Service has; how they are spread over its EndpointSlices is said in spread.ts. Pure.
// Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
import {
  controllerReference,
  type DiscoveryV1EndpointPort,
  type Persisted,
  serviceNameLabel,
  type V1Endpoint,
  type V1EndpointSlice,
  type V1Node,
  type V1Pod,
  type V1Service,
} from '../../api/mod.ts';
import { isFinished, isReady } from '../runtime/pods.ts';
import { serviceType } from '../runtime/resource-types.ts';
import { type AddressType, addressOf, headlessLabel, hostnameOf, portsOf, triggerTime, triggerTimeAnnotation } from './service-pods.ts';
import { type Group, type SlicePlan, spreadGroups } from './spread.ts';
import { wantsTopology, type ZoneShares, zoneHints } from './topology.ts';

export const endpointsPerSliceMax = 100;
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const managedBy = 'endpointslice-controller.k8s.io';
const zoneLabel = 'topology.kubernetes.io/zone';

export interface SliceInput {
  readonly service: Persisted<V1Service>;
  /** The pods that the service selects. */
  readonly pods: readonly Persisted<V1Pod>[];
  readonly nodeOf: (name: string) => V1Node | undefined;
  /** Asked for when the service wants hints by the zones' shares. */
  readonly shares?: () => ZoneShares;
  /** The slices of this service that this controller manages. */
  readonly slices: readonly Persisted<V1EndpointSlice>[];
}

export interface EndpointPlan extends SlicePlan {
  /** Whether the service has hints by the zones' shares, or why not; undefined where it does not want them. */
  readonly topology?: { readonly enabled: boolean; readonly message: string };
}

export function planSlices(input: SliceInput): EndpointPlan {
  const { service, pods, slices } = input;
  const plain = addressTypesOf(service).map((addressType) => ({ addressType, groups: groupsOf(input, addressType) }));
  const hinted = wantsTopology(service) ? plain.map((one) => withZoneHints(input, one)) : undefined;
  const topology = hinted?.find((one) => !one.topology.enabled)?.topology ?? hinted?.[0]?.topology;
  const groups = (hinted ?? plain).flatMap((one) => one.groups);
  const plan = spreadGroups(groups, slices, {
    name: service.metadata.name,
    namespace: service.metadata.namespace,
    labels: labelsOf(service),
    owner: controllerReference(serviceType, service),
    annotations: (standing) => ({ ...standing?.metadata.annotations, [triggerTimeAnnotation]: triggerTime(service, pods) }),
    hasAnnotations: () => true,
    endpointsMax: endpointsPerSliceMax,
  });
  return topology ? { ...plan, topology } : plan;
}

interface FamilyGroups {
  readonly addressType: AddressType;
  readonly groups: readonly Group[];
}

function withZoneHints({ slices, shares }: SliceInput, { addressType, groups }: FamilyGroups) {
  const standing = new Map<string, string>();
  for (const slice of slices) {
    if (slice.addressType !== addressType) continue;
    for (const { addresses, hints } of slice.endpoints ?? []) {
      const zone = hints?.forZones?.[0]?.name;
      if (zone !== undefined) standing.set(addresses[0] ?? '', zone);
    }
  }
  const found = zoneHints({
    shares: shares?.() ?? 'insufficient',
    addressType,
    standing,
    endpoints: groups.flatMap(({ endpoints }) => endpoints),
  });
  if ('why' in found) return { groups, topology: { enabled: false, message: found.why } };
  const hint = (endpoint: V1Endpoint): V1Endpoint => {
    const zone = found.hints.get(endpoint.addresses[0] ?? '');
    return zone === undefined ? endpoint : { ...endpoint, hints: { forZones: [{ name: zone }] } };
  };
  const message = `Topology Aware Hints has been enabled, addressType: ${addressType}`;
  return {
    groups: groups.map((group) => ({ ...group, endpoints: group.endpoints.map(hint) })),
    topology: { enabled: true, message },
  };
}

function addressTypesOf(service: V1Service): readonly AddressType[] {
  const families = service.spec?.ipFamilies;
  if (!families || families.length === 0) return ['IPv4'];
  return families.map((family): AddressType => (family === 'IPv6' ? 'IPv6' : 'IPv4'));
}

/** At least one group: a service without endpoints has one empty slice, so that its consumers know of it. */
function groupsOf(input: SliceInput, addressType: AddressType): readonly Group[] {
  const groups = new Map<string, { ports: readonly DiscoveryV1EndpointPort[]; endpoints: V1Endpoint[] }>();
  for (const pod of input.pods) {
    const address = addressOf(pod, addressType);
    if (address === undefined || isFinished(pod)) continue;
    const ports = portsOf(input.service, pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push(endpointOf(input, pod, address));
    groups.set(key, group);
  }
  if (groups.size === 0) return [{ addressType, ports: [], endpoints: [] }];
  return [...groups.values()].map(({ ports, endpoints }) => ({ addressType, ports, endpoints }));
}

function endpointOf({ service, nodeOf }: SliceInput, pod: Persisted<V1Pod>, address: string): V1Endpoint {
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const nodeName = pod.spec?.nodeName;
  const zone = nodeName ? nodeOf(nodeName)?.metadata?.labels?.[zoneLabel] : undefined;
  const hostname = hostnameOf(service, pod);
  const hints = ready && !wantsTopology(service) ? hintsOf(service, nodeName, zone) : undefined;
  const { namespace, name, uid } = pod.metadata;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname ? { hostname } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName ? { nodeName } : {}),
    ...(zone === undefined ? {} : { zone }),
    ...(hints ? { hints } : {}),
  };
}

/** Where an endpoint's traffic is best from, as `trafficDistribution` wishes: its own zone, or its own node before its zone. */
function hintsOf({ spec }: V1Service, nodeName: string | undefined, zone: string | undefined): V1Endpoint['hints'] {
  const isNode = spec?.trafficDistribution === 'PreferSameNode';
  if (!isNode && spec?.trafficDistribution !== 'PreferClose' && spec?.trafficDistribution !== 'PreferSameZone') return undefined;
  const forNodes = isNode && nodeName ? { forNodes: [{ name: nodeName }] } : {};
  const forZones = zone === undefined ? {} : { forZones: [{ name: zone }] };
  const hints = { ...forNodes, ...forZones };
  return Object.keys(hints).length > 0 ? hints : undefined;
}

/** The service's own labels, and what marks the slice. */
function labelsOf(service: Persisted<V1Service>): Readonly<Record<string, string>> {
  const { [headlessLabel]: _, ...labels } = service.metadata.labels ?? {};
  return {
    ...labels,
    ...(service.spec?.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
    [serviceNameLabel]: service.metadata.name,
    [managedByLabel]: managedBy,
  };
}
