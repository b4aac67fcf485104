// Which ranges of addresses are in use, and finding one that nobody uses. Pure.
import { containsRange, formatRange, type IpRange, nodePrefix, parseRange, rangesOverlap, sizeOf } from '../../api/mod.ts';
import { assert } from '../../base/mod.ts';

const privateSpace: IpRange = { family: 'IPv4', first: 10n << 24n, prefix: 8 };

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
    const candidate: IpRange = { family: 'IPv4', first: privateSpace.first + ((offset + i) % count) * size, prefix };
    if (!used.some((range) => rangesOverlap(range, candidate))) return formatRange(candidate);
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
      return range && parsed && rangesOverlap(range, parsed);
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
  return [...new Set(ranges.filter((range) => range.prefix > 0 && !shared.some((one) => containsRange(one, range))).map(formatRange))];
}
