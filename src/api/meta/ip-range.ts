// Ranges of addresses of both families: reading, comparing, counting from their start. Pure.
import { assert } from '../../base/mod.ts';
import { type IPFamily, parseIPv4, parseIPv6 } from './ip.ts';

/** `first` is the lowest address as a number, `prefix` the number of bits that all of its addresses share. */
export interface IpRange {
  readonly family: IPFamily;
  readonly first: bigint;
  readonly prefix: number;
}

const widthOf = (family: IPFamily): number => (family === 'IPv4' ? 32 : 128);

/** Reads `10.1.2.0/24` and `fd00:42::/64`. Host bits are cleared. Undefined for anything else. */
export function parseCidr(text: string): IpRange | undefined {
  return text.includes('/') ? parseRange(text) : undefined;
}

/** As {@link parseCidr}, and an address alone is a range of one. */
export function parseRange(text: string): IpRange | undefined {
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

export function formatRange({ family, first, prefix }: IpRange): string {
  return `${formatIp({ family, value: first })}/${prefix}`;
}

type Shape = Pick<IpRange, 'family' | 'prefix'>;

/** The bits in which the range's addresses differ. */
export const hostBitsOf = ({ family, prefix }: Shape): bigint => BigInt(widthOf(family) - prefix);

/** How many addresses the range has. */
export const sizeOf = (shape: Shape): bigint => 1n << hostBitsOf(shape);

export const lastOf = (range: IpRange): bigint => range.first + sizeOf(range) - 1n;

/** True for a range of one. */
export const isSingle = ({ family, prefix }: Shape): boolean => prefix === widthOf(family);

/** Whether the outer one has every address of the inner one; also when they are the same. */
export const containsRange = (outer: IpRange, inner: IpRange): boolean =>
  outer.family === inner.family && outer.first <= inner.first && lastOf(inner) <= lastOf(outer);

export function rangesOverlap(a: IpRange, b: IpRange): boolean {
  return a.family === b.family && a.first <= lastOf(b) && b.first <= lastOf(a);
}

/** Whether the text is an address of the range. */
export function isInRange(address: string, range: IpRange): boolean {
  const at = parseRange(address);
  return at !== undefined && isSingle(at) && containsRange(range, at);
}

/** The address `index` places after the first of the range: 1 is the gateway's, by custom. */
export function addressAt(range: IpRange, index: number): string {
  assert(index >= 0 && BigInt(index) < sizeOf(range), `address ${index} is outside ${formatRange(range)}`);
  return formatIp({ family: range.family, value: range.first + BigInt(index) });
}

/** Whether the range can give the address out: neither the network's own nor, of IPv4, the broadcast address. */
export function hasAddress(range: IpRange, { family, value }: IpAddress): boolean {
  if (family !== range.family) return false;
  const last = family === 'IPv4' ? lastOf(range) - 1n : lastOf(range);
  return value > range.first && value <= last;
}

/** The part of the cluster's range that one node's pods have. Of IPv4, 254 addresses: more than a node's pods need, so that an address rests before it is used again. */
export const nodePrefix: Readonly<Record<IPFamily, number>> = { IPv4: 24, IPv6: 64 };

export interface IpAddress {
  readonly family: IPFamily;
  readonly value: bigint;
}

/** Undefined when `text` is no address. */
export function parseIp(text: string): IpAddress | undefined {
  const bytes = parseIPv4(text) ?? parseIPv6(text);
  if (!bytes) return undefined;
  return { family: bytes.length === 4 ? 'IPv4' : 'IPv6', value: bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) };
}

/** IPv6 in full groups, the longest run of zeros as `::`. */
export function formatIp(address: IpAddress): string {
  if (address.family === 'IPv4') {
    const value = Number(address.value);
    return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
  }
  const groups = Array.from({ length: 8 }, (_, index) => ((address.value >> BigInt((7 - index) * 16)) & 0xffffn).toString(16));
  const run = longestZeroRun(groups);
  if (run.length < 2) return groups.join(':');
  return `${groups.slice(0, run.start).join(':')}::${groups.slice(run.start + run.length).join(':')}`;
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === '0') length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
