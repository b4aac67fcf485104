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

export const endpointsPerSliceMax = 100;
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const managedBy = 'endpointslice-controller.k8s.io';
const zoneLabel = 'topology.kubernetes.io/zone';

export interface SliceInput {
  readonly service: Persisted<V1Service>;
  /** The pods that the service selects. */
  readonly pods: readonly Persisted<V1Pod>[];
  readonly nodeOf: (name: string) => V1Node | undefined;
  /** The slices of this service that this controller manages. */
  readonly slices: readonly Persisted<V1EndpointSlice>[];
}

export function planSlices(input: SliceInput): SlicePlan {
  const { service, pods, slices } = input;
  const groups = addressTypesOf(service).flatMap((addressType) => groupsOf(input, addressType));
  return spreadGroups(groups, slices, {
    name: service.metadata.name,
    namespace: service.metadata.namespace,
    labels: labelsOf(service),
    owner: controllerReference(serviceType, service),
    annotations: (standing) => ({ ...standing?.metadata.annotations, [triggerTimeAnnotation]: triggerTime(service, pods) }),
    hasAnnotations: () => true,
    endpointsMax: endpointsPerSliceMax,
  });
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
  const hints = ready ? hintsOf(service, nodeName, zone) : undefined;
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
