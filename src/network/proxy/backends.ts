// Which endpoints of a service port take its traffic on this node. Pure.
// https://kubernetes.io/docs/reference/networking/virtual-ips/#traffic-policies
// https://kubernetes.io/docs/concepts/services-networking/service/#traffic-distribution
import { formatIp, parseIp, type V1Endpoint, type V1EndpointSlice, type V1ServicePort } from '../../api/mod.ts';
import type { Family } from '../addresses/family.ts';

/** Where a service port's traffic goes: an address and a port. */
export interface Backend {
  readonly address: string;
  readonly port: number;
}

/** This node, as endpoints speak of nodes. */
export interface Place {
  readonly nodeName: string;
  /** Of the label `topology.kubernetes.io/zone`. */
  readonly zone: string | undefined;
  /** Whose addresses are asked for. */
  readonly family: Family;
}

export interface Backends {
  /** For the traffic policy Cluster. */
  readonly all: readonly Backend[];
  /** For the traffic policy Local. */
  readonly local: readonly Backend[];
}

/** IPv4 addresses written as IPv6 ones: nft lists them in its own way, and nobody is reached by them. */
const isMapped = (value: bigint): boolean => value >> 32n === 0n || value >> 32n === 0xffffn;

/**
 * The address as it is always written; undefined for anything else, and for the other family. Nothing that a user has written goes into
 * the rules as it is.
 */
export function plainAddress(text: string | undefined, family: Family): string | undefined {
  const address = text === undefined ? undefined : parseIp(text);
  if (address?.family !== family.name || (address.family === 'IPv6' && isMapped(address.value))) return undefined;
  return formatIp(address);
}

export const isPort = (port: number | undefined): port is number =>
  port !== undefined && Number.isInteger(port) && port > 0 && port < 65_536;

interface Candidate extends Backend {
  readonly endpoint: V1Endpoint;
}

/** Sorted, each once: the same slices in any order give the same. */
export function selectBackends(slices: readonly V1EndpointSlice[], port: V1ServicePort, place: Place): Backends {
  const candidates = candidatesOf(slices, port, place.family);
  const here = candidates.filter(({ endpoint }) => endpoint.nodeName === place.nodeName);
  return { all: sorted(usable(candidates, place)), local: sorted(usable(here, undefined)) };
}

/** A slice names its ports as the service does; a slice without the port has nothing for it. */
function candidatesOf(slices: readonly V1EndpointSlice[], port: V1ServicePort, family: Family): readonly Candidate[] {
  const protocol = port.protocol ?? 'TCP';
  return slices.flatMap((slice) => {
    if (slice.addressType !== family.name) return [];
    const found = slice.ports?.find((one) => (one.name ?? '') === (port.name ?? '') && (one.protocol ?? 'TCP') === protocol);
    const number = found?.port;
    if (!isPort(number)) return [];
    // An endpoint's addresses are alternatives of one endpoint: the first is its.
    return (slice.endpoints ?? []).flatMap((endpoint) => {
      const address = plainAddress(endpoint.addresses[0], family);
      return address === undefined ? [] : [{ address, port: number, endpoint }];
    });
  });
}

/** Ready ones; when there are none, those that still serve while they terminate. */
function usable(candidates: readonly Candidate[], place: Place | undefined): readonly Candidate[] {
  const ready = candidates.filter(({ endpoint }) => isReady(endpoint));
  if (ready.length > 0) return place ? preferred(ready, place) : ready;
  return candidates.filter(({ endpoint: { conditions } }) => conditions?.terminating === true && conditions.serving === true);
}

const isReady = ({ conditions }: V1Endpoint): boolean => conditions?.ready !== false;

/** Hints count only when every endpoint has some and at least one is for here: else a node could lose its service by a half-written slice. */
function preferred(ready: readonly Candidate[], { nodeName, zone }: Place): readonly Candidate[] {
  const nodesOf = ({ endpoint }: Candidate) => endpoint.hints?.forNodes?.map(({ name }) => name) ?? [];
  const zonesOf = ({ endpoint }: Candidate) => endpoint.hints?.forZones?.map(({ name }) => name) ?? [];
  return hinted(ready, nodesOf, nodeName) ?? (zone === undefined ? undefined : hinted(ready, zonesOf, zone)) ?? ready;
}

function hinted(
  ready: readonly Candidate[],
  hintsOf: (one: Candidate) => readonly string[],
  wanted: string,
): readonly Candidate[] | undefined {
  if (ready.some((one) => hintsOf(one).length === 0)) return undefined;
  const found = ready.filter((one) => hintsOf(one).includes(wanted));
  return found.length > 0 ? found : undefined;
}

export const backendKey = ({ address, port }: Backend): string => `${address} . ${port}`;

function sorted(candidates: readonly Candidate[]): readonly Backend[] {
  const found = new Map(candidates.map(({ address, port }) => [backendKey({ address, port }), { address, port }]));
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, backend]) => backend);
}
