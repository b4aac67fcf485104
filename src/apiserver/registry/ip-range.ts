// An IPv4 or IPv6 range and its addresses as numbers counted from its start.
import { type IPFamily, parseIPv4, parseIPv6 } from '../../api/mod.ts';

/** `base` is the network address. `size` counts all addresses, the network's own included; of larger ranges only the first 2^20 are used. */
export interface IpRange {
  readonly family: IPFamily;
  readonly base: bigint;
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
  return { family: address.family, base, size: hostBits >= 20n ? sizeMax : 1 << Number(hostBits), cidr };
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
  const { family, value } = address;
  if (family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt((7 - index) * 16)) & 0xffffn).toString(16));
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

/** The place of an address in a range; undefined when it lies outside. */
export function offsetIn(range: IpRange, text: string): number | undefined {
  const address = parseIp(text);
  if (!address || address.family !== range.family) return undefined;
  const offset = address.value - range.base;
  return offset >= 0n && offset < BigInt(range.size) ? Number(offset) : undefined;
}

export const addressAt = (range: IpRange, offset: number): string => formatIp({ family: range.family, value: range.base + BigInt(offset) });
