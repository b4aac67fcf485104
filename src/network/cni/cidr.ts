// IPv4 ranges: reading, comparing, and finding one that nobody uses. Pure.
import { assert } from '../../base/mod.ts';

/** `first` is the lowest address as an unsigned 32-bit number. */
export interface Range {
  readonly first: number;
  readonly prefix: number;
}

/** Reads `10.1.2.0/24`; an address alone is a range of one. Host bits are cleared. Undefined for anything else, IPv6 included. */
export function parseRange(text: string): Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (!match) return undefined;
  const octets = match.slice(1, 5).map(Number);
  const prefix = match[5] === undefined ? 32 : Number(match[5]);
  if (octets.some((octet) => octet > 255) || prefix > 32) return undefined;
  const address = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  return { first: address - (address % sizeOf(prefix)), prefix };
}

export function formatRange(range: Range): string {
  return `${formatAddress(range.first)}/${range.prefix}`;
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** How many addresses a prefix leaves. */
export function sizeOf(prefix: number): number {
  return 2 ** (32 - prefix);
}

export function overlap(a: Range, b: Range): boolean {
  return a.first < b.first + sizeOf(b.prefix) && b.first < a.first + sizeOf(a.prefix);
}

/** The address `index` places after the first of the range: 1 is the gateway's, by custom. */
export function addressAt(range: Range, index: number): string {
  assert(index >= 0 && index < sizeOf(range.prefix), `address ${index} is outside ${formatRange(range)}`);
  return formatAddress(range.first + index);
}

const privateSpace: Range = { first: 10 * 2 ** 24, prefix: 8 };

export interface ChooseOptions {
  /** Of the range wanted: 24. */
  readonly prefix: number;
  /** What is in use, as {@link parseRange} reads it; anything else in it is passed over. */
  readonly taken: readonly string[];
  /** Where in 10.0.0.0/8 to begin looking: `10.42.0.0`. */
  readonly from: string;
}

/** The first free range of 10.0.0.0/8 from `from` on, round the end; undefined when none is left. */
export function chooseRange({ prefix, taken, from }: ChooseOptions): string | undefined {
  assert(prefix >= 8 && prefix <= 30, `a prefix from 8 to 30 is wanted, got ${prefix}`);
  const used = taken.flatMap((text) => parseRange(text) ?? []);
  const size = sizeOf(prefix);
  const begin = parseRange(`${from}/${prefix}`)?.first ?? privateSpace.first;
  const count = sizeOf(privateSpace.prefix) / size;
  const offset = (begin - privateSpace.first) / size;
  for (let i = 0; i < count; i++) {
    const candidate = { first: privateSpace.first + ((offset + i) % count) * size, prefix };
    if (!used.some((range) => overlap(range, candidate))) return formatRange(candidate);
  }
  return undefined;
}

/** Default starts of a cluster's ranges. */
const podsFrom = '10.42.0.0';
const servicesFrom = '10.96.0.0';

export interface ClusterRanges {
  readonly clusterCidr: string;
  readonly serviceCidr: string;
}

/** Room for 256 nodes; where so much is not free in one piece, for fewer. */
const clusterPrefixes = [16, 20, 24];
/** Of one node's pods: more than its 110 pods need, so that an address rests before it is used again. */
export const nodePrefix = 24;

/** A range of pods (/16) and one of services (/20) that collide with nothing given and not with each other; undefined when 10.0.0.0/8 is full. */
export function chooseClusterRanges(taken: readonly string[]): ClusterRanges | undefined {
  for (const prefix of clusterPrefixes) {
    const clusterCidr = chooseRange({ prefix, taken, from: podsFrom });
    if (clusterCidr === undefined) continue;
    const serviceCidr = chooseRange({ prefix: 20, taken: [...taken, clusterCidr], from: servicesFrom });
    return serviceCidr === undefined ? undefined : { clusterCidr, serviceCidr };
  }
  return undefined;
}

/** The part of the cluster's range that its first node has. */
export function firstNodeRange(clusterCidr: string): string {
  const range = parseRange(clusterCidr);
  assert(range, `an IPv4 range is wanted, got ${clusterCidr}`);
  return formatRange({ first: range.first, prefix: Math.max(range.prefix, nodePrefix) });
}

/** The ranges in the output of `ip -j route show table all` and `ip -j addr`. The default route covers everything, and so counts for nothing. */
export function takenRanges(routes: string, addresses: string): readonly string[] {
  const routed = (JSON.parse(routes || '[]') as readonly { dst?: string }[]).map(({ dst }) => dst ?? '');
  const own = (JSON.parse(addresses || '[]') as readonly { addr_info?: readonly { local?: string; prefixlen?: number }[] }[])
    .flatMap(({ addr_info }) => addr_info ?? [])
    .map(({ local, prefixlen }) => `${local ?? ''}/${prefixlen ?? 32}`);
  const ranges = [...routed, ...own].flatMap((text) => parseRange(text) ?? []);
  return [...new Set(ranges.filter(({ prefix }) => prefix > 0).map(formatRange))];
}
