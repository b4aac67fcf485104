// An IPv4 or IPv6 range and its addresses as numbers counted from its start.
import { type IPFamily, parseIPv4, parseIPv6 } from './ip.ts';

/** `base` is the network address, `last` the highest one. `size` counts all addresses, the network's own included, up to 2^20: only so many are given out. */
export interface IpRange {
  readonly family: IPFamily;
  readonly base: bigint;
  readonly last: bigint;
  readonly size: number;
  readonly cidr: string;
}

const sizeMax = 1 << 20;

/** Undefined when `cidr` is malformed. */
export function parseRange(cidr: string): IpRange | undefined {
  const [text = '', bitsText = ''] = cidr.split('/');
  const address = parseIp(text);
  const bits = /^[0-9]{1,3}$/.test(bitsText) ? Number(bitsText) : Number.NaN;
  const width = address?.family === 'IPv4' ? 32 : 128;
  if (!address || !(bits <= width)) return undefined;
  const hostBits = BigInt(width - bits);
  const base = (address.value >> hostBits) << hostBits;
  const last = base + (1n << hostBits) - 1n;
  return { family: address.family, base, last, size: hostBits >= 20n ? sizeMax : 1 << Number(hostBits), cidr };
}

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

/** Whether the range can give the address out: neither the network's own nor, of IPv4, the broadcast address. */
export function hasAddress(range: IpRange, address: IpAddress): boolean {
  if (address.family !== range.family) return false;
  const last = range.family === 'IPv4' ? range.last - 1n : range.last;
  return address.value > range.base && address.value <= last;
}

export const addressAt = (range: IpRange, offset: number): string => formatIp({ family: range.family, value: range.base + BigInt(offset) });

/** Whether the first has every address of the second; also when they are the same. */
export const containsRange = (outer: IpRange, inner: IpRange): boolean =>
  outer.family === inner.family && outer.base <= inner.base && inner.last <= outer.last;
