// Topology-aware hints: each zone's nodes get as many endpoints as their share of the cluster's CPUs, as long as no endpoint gets more than a
// fifth above its part. Pure. Source: https://kubernetes.io/docs/concepts/services-networking/topology-aware-routing/
import { getCondition, milliValueOf, type V1Endpoint, type V1Node, type V1Service } from '../../api/mod.ts';
import type { AddressType } from './service-pods.ts';

/** How much more than its part an endpoint may get. */
const overloadMax = 0.2;
const zoneLabel = 'topology.kubernetes.io/zone';
const controlPlaneLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];
/** The older name goes first, as it does upstream. */
const modeAnnotations = ['service.kubernetes.io/topology-aware-hints', 'service.kubernetes.io/topology-mode'];

export function wantsTopology({ metadata }: V1Service): boolean {
  const mode = modeAnnotations.map((name) => metadata?.annotations?.[name]).find((value) => value !== undefined);
  return mode === 'Auto' || mode === 'auto';
}

/** Zones with their part of the CPUs of all ready nodes, in order; or why there are none. */
export type ZoneShares = ReadonlyMap<string, number> | 'insufficient' | 'one zone';

export function zoneShares(nodes: readonly V1Node[]): ZoneShares {
  const cpus = new Map<string, number>();
  for (const { metadata, status } of nodes) {
    if (controlPlaneLabels.some((label) => metadata?.labels?.[label] !== undefined)) continue;
    if (getCondition(status?.conditions, 'Ready')?.status !== 'True') continue;
    const zone = metadata?.labels?.[zoneLabel] ?? '';
    const cpu = milliValueOf(status?.allocatable?.cpu ?? '0');
    if (zone === '' || cpu === 0) return 'insufficient';
    cpus.set(zone, (cpus.get(zone) ?? 0) + cpu);
  }
  if (cpus.size < 2) return cpus.size === 0 ? 'insufficient' : 'one zone';
  const total = [...cpus.values()].reduce((sum, cpu) => sum + cpu, 0);
  return new Map([...cpus].sort(([a], [b]) => (a < b ? -1 : 1)).map(([zone, cpu]) => [zone, cpu / total]));
}

interface Allocation {
  readonly minimum: number;
  readonly maximum: number;
  readonly desired: number;
}

/** How many endpoints each zone may have, or why it cannot be. */
function allocationsOf(shares: ZoneShares, count: number): ReadonlyMap<string, Allocation> | string {
  if (shares === 'insufficient') return 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes';
  if (shares === 'one zone') return 'Nodes only ready in one zone';
  const of = `(${count} endpoints, ${shares.size} zones)`;
  if (shares.size > count) return `Insufficient number of endpoints ${of}`;
  const parts = [...shares].map(([zone, share]) => {
    const part = share * count;
    const minimum = Math.ceil(part / (1 + overloadMax));
    return { zone, minimum, desired: Math.max(part, minimum) };
  });
  const spare = count - parts.reduce((sum, { minimum }) => sum + minimum, 0);
  if (spare < 0) return `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${of}`;
  return new Map(parts.map(({ zone, minimum, desired }) => [zone, { minimum, maximum: minimum + spare, desired }]));
}

/** The zone of each ready endpoint, by its address; or, as upstream's events say it, why there are no hints. */
export type ZoneHints = { readonly hints: ReadonlyMap<string, string> } | { readonly why: string };

export interface TopologyInput {
  readonly shares: ZoneShares;
  readonly addressType: AddressType;
  readonly endpoints: readonly V1Endpoint[];
  /** What the slices say now: an endpoint keeps its zone as long as that is not too much for anybody. */
  readonly standing: ReadonlyMap<string, string>;
}

export function zoneHints({ shares, addressType, endpoints, standing }: TopologyInput): ZoneHints {
  const suffix = `, addressType: ${addressType}`;
  const ready = endpoints.filter(({ conditions }) => conditions?.ready === true).sort((a, b) => (addressOf(a) < addressOf(b) ? -1 : 1));
  const allocations = allocationsOf(shares, ready.length);
  if (typeof allocations === 'string') return { why: `${allocations}${suffix}` };
  if (ready.some(({ zone }) => !zone)) return { why: `One or more endpoints do not have a zone specified${suffix}` };
  return { hints: spread(ready, allocations, standing) ?? spread(ready, allocations, new Map()) ?? new Map() };
}

const addressOf = ({ addresses }: V1Endpoint): string => addresses[0] ?? '';

type Counts = Map<string, number>;
const add = (counts: Counts, zone: string, by: number): void => void counts.set(zone, (counts.get(zone) ?? 0) + by);

/** Who has a zone keeps it, the others begin with their own, and zones that have too many of these give to those that have too few. */
function spread(
  ready: readonly V1Endpoint[],
  allocations: ReadonlyMap<string, Allocation>,
  standing: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> | undefined {
  const hints = new Map<string, string>();
  const counts: Counts = new Map();
  const free: V1Endpoint[] = [];
  for (const endpoint of ready) {
    const zone = standing.get(addressOf(endpoint));
    if (zone === undefined) free.push(endpoint);
    else {
      if ((counts.get(zone) ?? 0) >= (allocations.get(zone)?.maximum ?? 0)) return undefined;
      hints.set(addressOf(endpoint), zone);
      add(counts, zone, 1);
    }
  }
  for (const { zone = '' } of free) add(counts, zone, 1);
  const { giving, receiving } = exchanges(allocations, counts);
  for (const endpoint of free) {
    const own = endpoint.zone ?? '';
    const to = (giving.get(own) ?? 0) > 0 ? [...receiving].find(([, left]) => left > 0)?.[0] : undefined;
    hints.set(addressOf(endpoint), to ?? own);
    if (to === undefined) continue;
    for (const [which, zone, by] of [
      [giving, own, -1],
      [receiving, to, -1],
      [counts, own, -1],
      [counts, to, 1],
    ] as const)
      add(which, zone, by);
  }
  // What is kept may leave too little for a zone whose share has grown.
  const enough = [...allocations].every(([zone, { minimum }]) => (counts.get(zone) ?? 0) >= minimum);
  return enough || standing.size === 0 ? hints : undefined;
}

/** Whole endpoints, from who has most too many to who has most too few, while that is at least half an endpoint. */
function exchanges(allocations: ReadonlyMap<string, Allocation>, counts: Counts): { readonly giving: Counts; readonly receiving: Counts } {
  const over = new Map([...allocations].map(([zone, { desired }]) => [zone, (counts.get(zone) ?? 0) - desired]));
  for (const [zone, count] of counts) if (!allocations.has(zone)) over.set(zone, count);
  const giving: Counts = new Map();
  const receiving: Counts = new Map();
  for (;;) {
    const inOrder = [...over].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    const [from, surplus] = inOrder[0] ?? ['', 0];
    const [to, lack] = inOrder.at(-1) ?? ['', 0];
    if (surplus < 0.5 || -lack < 0.5 || (surplus < 1 && -lack < 1)) return { giving, receiving };
    add(giving, from, 1);
    add(receiving, to, 1);
    add(over, from, -1);
    add(over, to, 1);
  }
}
