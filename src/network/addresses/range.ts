// Ranges of addresses of both families: reading, comparing, and finding one that nobody uses. Pure.
import { formatIp, type IPFamily, parseIp } from '../../api/mod.ts';
import { assert } from '../../base/mod.ts';

/** `first` is the lowest address as a number. */
export interface Range {
  readonly family: IPFamily;
  readonly first: bigint;
  readonly prefix: number;
}

const widthOf = (family: IPFamily): number => (family === 'IPv4' ? 32 : 128);

/** Reads `10.1.2.0/24` and `fd00:42::/64`; an address alone is a range of one. Host bits are cleared. Undefined for anything else. */
export function parseRange(text: string): Range | undefined {
  const slash = text.indexOf('/');
  const address = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (!address) return undefined;
  const { family, value } = address;
  const width = widthOf(family);
  if (slash < 0) return { family, first: value, prefix: width };
  const bits = text.slice(slash + 1);
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : width + 1;
  if (prefix > width) return undefined;
  const hostBits = BigInt(width - prefix);
  return { family, first: (value >> hostBits) << hostBits, prefix };
}

export function formatRange({ family, first, prefix }: Range): string {
  return `${formatIp({ family, value: first })}/${prefix}`;
}

/** How many addresses the range has. */
export const sizeOf = ({ family, prefix }: Pick<Range, 'family' | 'prefix'>): bigint => 1n << BigInt(widthOf(family) - prefix);

export const lastOf = (range: Range): bigint => range.first + sizeOf(range) - 1n;

/** True for a range of one. */
export const isSingle = ({ family, prefix }: Range): boolean => prefix === widthOf(family);

export function overlap(a: Range, b: Range): boolean {
  return a.family === b.family && a.first <= lastOf(b) && b.first <= lastOf(a);
}

/** Whether the outer one has every address of the inner one. */
export const contains = (outer: Range, inner: Range): boolean =>
  outer.family === inner.family && outer.first <= inner.first && lastOf(inner) <= lastOf(outer);

/** Whether the text is an address of the range. */
export function isIn(address: string, range: Range): boolean {
  const at = parseRange(address);
  return at !== undefined && isSingle(at) && contains(range, at);
}

/** The address `index` places after the first of the range: 1 is the gateway's, by custom. */
export function addressAt(range: Range, index: number): string {
  assert(index >= 0 && BigInt(index) < sizeOf(range), `address ${index} is outside ${formatRange(range)}`);
  return formatIp({ family: range.family, value: range.first + BigInt(index) });
}

const privateSpace: Range = { family: 'IPv4', first: 10n << 24n, prefix: 8 };

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
  const size = sizeOf({ family: 'IPv4', prefix });
  const begin = parseRange(`${from}/${prefix}`)?.first ?? privateSpace.first;
  const count = sizeOf(privateSpace) / size;
  const offset = (begin - privateSpace.first) / size;
  for (let i = 0n; i < count; i++) {
    const candidate: Range = { family: 'IPv4', first: privateSpace.first + ((offset + i) % count) * size, prefix };
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
const nodePrefix: Readonly<Record<IPFamily, number>> = { IPv4: 24, IPv6: 64 };

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

/** The ranges of a flag or field that has one of each family, the main one first: `10.42.0.0/16,fd00:42::/56`. */
export const splitRanges = (text: string): readonly string[] => text.split(',').filter((range) => range !== '');

/** The part of each of the cluster's ranges that its first node has. */
export function firstNodeRange(clusterCidr: string): string {
  const parts = splitRanges(clusterCidr).map((text) => {
    const range = parseRange(text);
    assert(range, `a range of addresses is wanted, got ${text}`);
    return formatRange({ ...range, prefix: Math.max(range.prefix, nodePrefix[range.family]) });
  });
  return parts.join(',');
}

/** The first clash of ranges wanted with ranges in use. */
export function findClash(
  wanted: readonly string[],
  taken: readonly string[],
): { readonly range: string; readonly with: string } | undefined {
  for (const text of wanted) {
    const range = parseRange(text);
    const clash = taken.find((other) => {
      const parsed = parseRange(other);
      return range && parsed && overlap(range, parsed);
    });
    if (clash !== undefined) return { range: text, with: clash };
  }
  return undefined;
}

/** Addresses of one link, and those that nobody has alone: every machine has them. */
const shared = ['fe80::/10', 'ff00::/8', '224.0.0.0/4'].flatMap((text) => parseRange(text) ?? []);

/** The ranges in the output of `ip -j route show table all` and `ip -j addr`. The default route covers everything, and so counts for nothing. */
export function takenRanges(routes: string, addresses: string): readonly string[] {
  const routed = (JSON.parse(routes || '[]') as readonly { dst?: string }[]).map(({ dst }) => dst ?? '');
  const own = (JSON.parse(addresses || '[]') as readonly { addr_info?: readonly { local?: string; prefixlen?: number }[] }[])
    .flatMap(({ addr_info }) => addr_info ?? [])
    .map(({ local, prefixlen }) => (prefixlen === undefined ? (local ?? '') : `${local ?? ''}/${prefixlen}`));
  const ranges = [...routed, ...own].flatMap((text) => parseRange(text) ?? []);
  return [...new Set(ranges.filter((range) => range.prefix > 0 && !shared.some((one) => contains(one, range))).map(formatRange))];
}
