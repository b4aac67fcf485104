// Which endpoints a Service has, and how they are spread over its EndpointSlices with as few writes as can be. Pure.
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
import {
  type AddressType,
  addressOf,
  headlessLabel,
  hostnameOf,
  portsOf,
  sameEntries,
  triggerTime,
  triggerTimeAnnotation,
} from './service-pods.ts';

export const endpointsPerSliceMax = 100;
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const managedBy = 'endpointslice-controller.k8s.io';
const zoneLabel = 'topology.kubernetes.io/zone';

type Slice = Persisted<V1EndpointSlice>;

/** Endpoints whose pods have the same port numbers share slices. */
interface Group {
  readonly addressType: AddressType;
  readonly ports: readonly DiscoveryV1EndpointPort[];
  readonly endpoints: readonly V1Endpoint[];
}

export interface SliceInput {
  readonly service: Persisted<V1Service>;
  /** The pods that the service selects. */
  readonly pods: readonly Persisted<V1Pod>[];
  readonly nodeOf: (name: string) => V1Node | undefined;
  /** The slices of this service that this controller manages. */
  readonly slices: readonly Slice[];
}

export interface SlicePlan {
  readonly create: readonly V1EndpointSlice[];
  readonly update: readonly Slice[];
  readonly delete: readonly Slice[];
}

export function planSlices(input: SliceInput): SlicePlan {
  const families = addressTypesOf(input.service);
  const groups = families.flatMap((addressType) => groupsOf(input, addressType));
  const kept: Filling[] = [];
  const create: V1EndpointSlice[] = [];
  const unused = new Set(input.slices);
  for (const group of groups) {
    const own = input.slices.filter((slice) => slice.addressType === group.addressType && samePorts(slice.ports ?? [], group.ports));
    for (const slice of own) unused.delete(slice);
    const spread = spreadEndpoints(group.endpoints, own);
    kept.push(...spread.slices);
    create.push(...spread.extra.map((endpoints) => newSlice(input, group, endpoints)));
  }
  const isWanted = (one: Filling) => one.endpoints.length > 0 || one.placeholder;
  const filled = kept.filter(isWanted);
  const empty = kept.filter((one) => !isWanted(one)).map((one) => one.slice);
  const wanted = filled.map((one) => withEndpoints(input, one.slice, one.endpoints));
  const update = wanted.filter((slice, i) => slice !== filled[i]?.slice);
  return { create, update, delete: [...unused, ...empty] };
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
  const { namespace, name, uid } = pod.metadata;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname ? { hostname } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName ? { nodeName } : {}),
    ...(zone === undefined ? {} : { zone }),
  };
}

const portKey = (port: DiscoveryV1EndpointPort): string =>
  JSON.stringify([port.name ?? '', port.port ?? null, port.protocol ?? 'TCP', port.appProtocol ?? null]);

const samePorts = (a: readonly DiscoveryV1EndpointPort[], b: readonly DiscoveryV1EndpointPort[]): boolean =>
  a.length === b.length && a.map(portKey).sort().join() === b.map(portKey).sort().join();

interface Filling {
  readonly slice: Slice;
  readonly endpoints: V1Endpoint[];
  /** Stays though it is empty. */
  readonly placeholder: boolean;
}

interface Spread {
  readonly slices: readonly Filling[];
  readonly extra: readonly V1Endpoint[][];
}

/**
 * Endpoints stay in the slice where they are. New ones go first to slices that change anyway, then, if they fit into one
 * whole, to the fullest slice that has the room, else to new slices.
 */
function spreadEndpoints(endpoints: readonly V1Endpoint[], own: readonly Slice[]): Spread {
  const wanted = new Map(endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const slices = own.map((slice): Filling => {
    const stay: V1Endpoint[] = [];
    for (const standing of slice.endpoints ?? []) {
      const identity = identityOf(standing);
      const endpoint = wanted.get(identity);
      if (!endpoint) continue;
      wanted.delete(identity);
      stay.push(endpoint);
    }
    return { slice, endpoints: stay, placeholder: false };
  });
  let fresh = [...wanted.values()];
  if (fresh.length === 0 && slices.length === 0) return { slices, extra: [[]] };
  for (const one of slices) {
    if (fresh.length === 0) break;
    if (sameEndpoints(one.slice.endpoints ?? [], one.endpoints)) continue;
    const room = Math.max(0, endpointsPerSliceMax - one.endpoints.length);
    one.endpoints.push(...fresh.slice(0, room));
    fresh = fresh.slice(room);
  }
  if (slices.length > 0 && slices.every((one) => one.endpoints.length === 0) && fresh.length === 0) return keepOneEmpty(slices);
  const extra: V1Endpoint[][] = [];
  while (fresh.length > 0) {
    const fitting = slices
      .filter((one) => one.endpoints.length + fresh.length <= endpointsPerSliceMax)
      .sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
    if (fitting) {
      fitting.endpoints.push(...fresh);
      break;
    }
    extra.push(fresh.slice(0, endpointsPerSliceMax));
    fresh = fresh.slice(endpointsPerSliceMax);
  }
  return { slices, extra };
}

/** No endpoints at all: one slice remains as it is, empty, as the placeholder. */
function keepOneEmpty(slices: readonly Filling[]): Spread {
  const standing = slices.find((one) => (one.slice.endpoints ?? []).length === 0) ?? slices[0];
  return { slices: slices.map((one) => (one === standing ? { ...one, placeholder: true } : one)), extra: [] };
}

const identityOf = (endpoint: V1Endpoint): string => `${endpoint.targetRef?.uid ?? ''}/${endpoint.addresses.join()}`;

const sameEndpoints = (a: readonly V1Endpoint[], b: readonly V1Endpoint[]): boolean =>
  a.length === b.length && a.every((endpoint, i) => sameEndpoint(endpoint, b[i]));

function sameEndpoint(a: V1Endpoint, b: V1Endpoint | undefined): boolean {
  return (
    b !== undefined &&
    identityOf(a) === identityOf(b) &&
    a.conditions?.ready === b.conditions?.ready &&
    a.conditions?.serving === b.conditions?.serving &&
    a.conditions?.terminating === b.conditions?.terminating &&
    a.nodeName === b.nodeName &&
    a.zone === b.zone &&
    a.hostname === b.hostname
  );
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

/** The very same slice when nothing about it changes. */
function withEndpoints(input: SliceInput, slice: Slice, endpoints: readonly V1Endpoint[]): Slice {
  const labels = labelsOf(input.service);
  if (sameEndpoints(slice.endpoints ?? [], endpoints) && sameEntries(slice.metadata.labels, labels)) return slice;
  const annotations = { ...slice.metadata.annotations, [triggerTimeAnnotation]: triggerTime(input.service, input.pods) };
  return { ...slice, metadata: { ...slice.metadata, labels, annotations }, endpoints };
}

function newSlice(input: SliceInput, group: Group, endpoints: readonly V1Endpoint[]): V1EndpointSlice {
  const { service } = input;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${service.metadata.name}-`,
      namespace: service.metadata.namespace,
      labels: labelsOf(service),
      annotations: { [triggerTimeAnnotation]: triggerTime(input.service, input.pods) },
      ownerReferences: [controllerReference(serviceType, service)],
    },
    addressType: group.addressType,
    endpoints,
    ports: group.ports,
  };
}
