// Which slices mirror an Endpoints object that a user keeps for a service without a selector. Pure.
// Source: https://kubernetes.io/docs/concepts/services-networking/service/#endpointslice-mirroring
import {
  type CoreV1EndpointPort,
  controllerReference,
  type DiscoveryV1EndpointPort,
  type Persisted,
  serviceNameLabel,
  type V1Endpoint,
  type V1EndpointAddress,
  type V1EndpointSlice,
  type V1EndpointSubset,
  type V1Endpoints,
  type V1Service,
} from '../../api/mod.ts';
import { managedByLabel } from '../endpointslice/plan.ts';
import { type AddressType, sameEntries, triggerTimeAnnotation } from '../endpointslice/service-pods.ts';
import { type Group, type SlicePlan, spreadGroups } from '../endpointslice/spread.ts';
import { endpointsType } from '../runtime/resource-types.ts';

export const managedBy = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** More of a subset's addresses are not mirrored; nor does a slice hold more. */
export const addressesPerSubsetMax = 1000;

/** Those of pods have slices made from the pods; leader election's are no endpoints at all. */
export function isMirrored(service: V1Service | undefined, { metadata }: V1Endpoints): boolean {
  return (
    service !== undefined &&
    service.spec?.selector === undefined &&
    metadata?.labels?.[skipLabel] !== 'true' &&
    metadata?.annotations?.[leaderAnnotation] === undefined
  );
}

export interface MirrorPlan extends SlicePlan {
  /** Addresses beyond the bound. */
  readonly skipped: number;
}

/** `slices`: those of this service that mirror. */
export function planMirror(endpoints: Persisted<V1Endpoints>, slices: readonly Persisted<V1EndpointSlice>[]): MirrorPlan {
  const { subsets = [], metadata } = endpoints;
  const bounded = subsets.map(boundedSubset);
  const annotations = annotationsOf(endpoints);
  const plan = spreadGroups(groupsOf(bounded), slices, {
    name: metadata.name,
    namespace: metadata.namespace,
    labels: { ...metadata.labels, [serviceNameLabel]: metadata.name, [managedByLabel]: managedBy },
    owner: controllerReference(endpointsType, endpoints),
    annotations: () => annotations,
    hasAnnotations: (standing) => sameEntries(standing.metadata.annotations, annotations),
    endpointsMax: addressesPerSubsetMax,
  });
  return { ...plan, skipped: count(subsets) - count(bounded) };
}

function annotationsOf({ metadata }: Persisted<V1Endpoints>): Readonly<Record<string, string>> {
  const { [triggerTimeAnnotation]: _, [lastAppliedAnnotation]: __, ...kept } = metadata.annotations ?? {};
  return kept;
}

const count = (subsets: readonly V1EndpointSubset[]): number =>
  subsets.reduce((sum, { addresses = [], notReadyAddresses = [] }) => sum + addresses.length + notReadyAddresses.length, 0);

function boundedSubset(subset: V1EndpointSubset): V1EndpointSubset {
  const { addresses = [], notReadyAddresses = [] } = subset;
  if (addresses.length + notReadyAddresses.length <= addressesPerSubsetMax) return subset;
  const ready = addresses.slice(0, addressesPerSubsetMax);
  return { ...subset, addresses: ready, notReadyAddresses: notReadyAddresses.slice(0, addressesPerSubsetMax - ready.length) };
}

/** One of each family and set of ports. Without addresses none: nothing stands for what nobody selects. */
function groupsOf(subsets: readonly V1EndpointSubset[]): readonly Group[] {
  const groups = new Map<
    string,
    { addressType: AddressType; ports: readonly DiscoveryV1EndpointPort[]; endpoints: Map<string, V1Endpoint> }
  >();
  for (const { addresses = [], notReadyAddresses = [], ports: of = [] } of subsets) {
    const ports = of.map(portOf);
    const add = (address: V1EndpointAddress, ready: boolean) => {
      const addressType: AddressType = address.ip.includes(':') ? 'IPv6' : 'IPv4';
      const key = JSON.stringify([addressType, ports.map((port) => JSON.stringify(port)).sort()]);
      const group = groups.get(key) ?? { addressType, ports, endpoints: new Map<string, V1Endpoint>() };
      groups.set(
        key,
        group.endpoints.has(address.ip) ? group : { ...group, endpoints: group.endpoints.set(address.ip, endpointOf(address, ready)) },
      );
    };
    for (const address of addresses) add(address, true);
    for (const address of notReadyAddresses) add(address, false);
  }
  return [...groups.values()].map(({ addressType, ports, endpoints }) => ({ addressType, ports, endpoints: [...endpoints.values()] }));
}

/** In slices a port without a name has an empty one. */
function portOf({ name = '', port, protocol = 'TCP', appProtocol }: CoreV1EndpointPort): DiscoveryV1EndpointPort {
  return { name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) };
}

function endpointOf({ ip, hostname, nodeName, targetRef }: V1EndpointAddress, ready: boolean): V1Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(targetRef ? { targetRef } : {}),
  };
}
