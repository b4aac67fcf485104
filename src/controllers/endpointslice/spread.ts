// Endpoints over slices with as few writes as can be: whoever manages the slices says what they are called and what marks them. Pure.
// Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
import type { DiscoveryV1EndpointPort, Persisted, V1Endpoint, V1EndpointSlice, V1OwnerReference } from '../../api/mod.ts';
import { type AddressType, sameEntries } from './service-pods.ts';

type Slice = Persisted<V1EndpointSlice>;

/** Endpoints whose pods have the same port numbers share slices. */
export interface Group {
  readonly addressType: AddressType;
  readonly ports: readonly DiscoveryV1EndpointPort[];
  readonly endpoints: readonly V1Endpoint[];
}

/** What the slices of one service have in common. */
export interface SliceMarks {
  /** The service's. */
  readonly name: string;
  readonly namespace: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly owner: V1OwnerReference;
  /** Of a slice that is written: the standing one, or a new one. */
  annotations(standing: Slice | undefined): Readonly<Record<string, string>>;
  /** False when a slice has to be written although its endpoints and labels are right. */
  hasAnnotations(standing: Slice): boolean;
  readonly endpointsMax: number;
}

export interface SlicePlan {
  readonly create: readonly V1EndpointSlice[];
  readonly update: readonly Slice[];
  readonly delete: readonly Slice[];
}

/** A group without endpoints has one empty slice. */
export function spreadGroups(groups: readonly Group[], slices: readonly Slice[], marks: SliceMarks): SlicePlan {
  const kept: Filling[] = [];
  const create: V1EndpointSlice[] = [];
  const unused = new Set(slices);
  for (const group of groups) {
    const own = slices.filter((slice) => slice.addressType === group.addressType && samePorts(slice.ports ?? [], group.ports));
    for (const slice of own) unused.delete(slice);
    const spread = spreadEndpoints(group.endpoints, own, marks.endpointsMax);
    kept.push(...spread.slices);
    create.push(...spread.extra.map((endpoints) => newSlice(marks, group, endpoints)));
  }
  const isWanted = (one: Filling) => one.endpoints.length > 0 || one.placeholder;
  const filled = kept.filter(isWanted);
  const empty = kept.filter((one) => !isWanted(one)).map((one) => one.slice);
  const wanted = filled.map((one) => withEndpoints(marks, one.slice, one.endpoints));
  const update = wanted.filter((slice, i) => slice !== filled[i]?.slice);
  return { create, update, delete: [...unused, ...empty] };
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
function spreadEndpoints(endpoints: readonly V1Endpoint[], own: readonly Slice[], sliceMax: number): Spread {
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
    const room = Math.max(0, sliceMax - one.endpoints.length);
    one.endpoints.push(...fresh.slice(0, room));
    fresh = fresh.slice(room);
  }
  if (slices.length > 0 && slices.every((one) => one.endpoints.length === 0) && fresh.length === 0) return keepOneEmpty(slices);
  const extra: V1Endpoint[][] = [];
  while (fresh.length > 0) {
    const fitting = slices
      .filter((one) => one.endpoints.length + fresh.length <= sliceMax)
      .sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
    if (fitting) {
      fitting.endpoints.push(...fresh);
      break;
    }
    extra.push(fresh.slice(0, sliceMax));
    fresh = fresh.slice(sliceMax);
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
    a.hostname === b.hostname &&
    JSON.stringify(a.hints ?? {}) === JSON.stringify(b.hints ?? {})
  );
}

/** The very same slice when nothing about it changes. */
function withEndpoints(marks: SliceMarks, slice: Slice, endpoints: readonly V1Endpoint[]): Slice {
  const { labels } = marks;
  const isRight =
    sameEndpoints(slice.endpoints ?? [], endpoints) && sameEntries(slice.metadata.labels, labels) && marks.hasAnnotations(slice);
  return isRight ? slice : { ...slice, metadata: { ...slice.metadata, labels, annotations: marks.annotations(slice) }, endpoints };
}

function newSlice(marks: SliceMarks, { addressType, ports }: Group, endpoints: readonly V1Endpoint[]): V1EndpointSlice {
  const { name, namespace, labels, owner } = marks;
  const annotations = marks.annotations(undefined);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { generateName: `${name}-`, namespace, labels, annotations, ownerReferences: [owner] },
    addressType,
    endpoints,
    ports,
  };
}
