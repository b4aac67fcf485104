// IP addresses and CIDR ranges. Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library
import { parseIPv4, parseIPv6 } from '../../meta/ip.ts';
import { boolType, cidrType, intType, ipType, stringType } from '../types.ts';
import { type CelOpaque, type CelValue, Failure, type Result } from '../values.ts';
import { add, fixed, fn, type Library, method, perCharacter, type Sizing, scale, sizeOf, traversal, unknownSize } from './declare.ts';

/** The longest run of zero groups, from two on, is `::`. */
function ipv6Text(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.length < 2) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}

class IP implements CelOpaque {
  readonly opaqueType = 'net.IP';
  readonly bytes: readonly number[];
  constructor(bytes: readonly number[]) {
    this.bytes = bytes;
  }
  get size(): number {
    return this.bytes.length;
  }
  equals(other: CelOpaque): boolean {
    return other instanceof IP && other.text === this.text;
  }
  get text(): string {
    return this.bytes.length === 4 ? this.bytes.join('.') : ipv6Text(this.bytes);
  }
}

class CIDR implements CelOpaque {
  readonly opaqueType = 'net.CIDR';
  readonly ip: IP;
  readonly bits: number;
  constructor(ip: IP, bits: number) {
    this.ip = ip;
    this.bits = bits;
  }
  get size(): number {
    return Math.ceil(this.bits / 8);
  }
  equals(other: CelOpaque): boolean {
    return other instanceof CIDR && other.text === this.text;
  }
  get text(): string {
    return `${this.ip.text}/${this.bits}`;
  }
  masked(): CIDR {
    const bytes = this.ip.bytes.map((byte, i) => byte & (0xff00 >> Math.max(0, Math.min(8, this.bits - 8 * i))) & 0xff);
    return new CIDR(new IP(bytes), this.bits);
  }
  contains(ip: IP): boolean {
    if (ip.bytes.length !== this.ip.bytes.length) return false;
    return new CIDR(ip, this.bits).masked().ip.text === this.masked().ip.text;
  }
}

const isMapped = (bytes: readonly number[]): boolean =>
  bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;

function parseIP(text: string): IP | Failure {
  const wrong = (why: string): Failure =>
    new Failure(`IP Address ${JSON.stringify(text)} parse error during conversion from string: ${why}`);
  const bytes = parseIPv4(text) ?? parseIPv6(text);
  if (bytes === undefined && text.includes('%') && parseIPv6(text.slice(0, text.indexOf('%')))) {
    return wrong('IP address with zone value is not allowed');
  }
  if (bytes === undefined) return wrong(`ParseAddr(${JSON.stringify(text)}): unable to parse IP`);
  return isMapped(bytes) ? wrong('IPv4-mapped IPv6 address is not allowed') : new IP(bytes);
}

function parseCIDR(text: string): CIDR | Failure {
  const wrong = (why: string): Failure =>
    new Failure(
      `CIDR ${JSON.stringify(text)} parse error during conversion from string: network address parse error during conversion from string: ${why}`,
    );
  const slash = text.lastIndexOf('/');
  const bytes = parseIPv4(text.slice(0, slash)) ?? parseIPv6(text.slice(0, slash));
  if (slash < 0 || bytes === undefined)
    return wrong(`netip.ParsePrefix(${JSON.stringify(text)}): ${slash < 0 ? "no '/'" : 'unable to parse IP'}`);
  const bits = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(bits) || Number(bits) > bytes.length * 8) {
    return wrong(`netip.ParsePrefix(${JSON.stringify(text)}): bad bits after slash: ${JSON.stringify(bits)}`);
  }
  return isMapped(bytes) ? wrong('IPv4-mapped IPv6 address is not allowed') : new CIDR(new IP(bytes), Number(bits));
}

const at = (ip: IP, index: number): number => ip.bytes[index] ?? 0;
const isV4 = (ip: IP): boolean => ip.bytes.length === 4;
const zeroTo = (ip: IP, end: number): boolean => ip.bytes.slice(0, end).every((byte) => byte === 0);

const kinds: Readonly<Record<string, (ip: IP) => boolean>> = {
  isUnspecified: (ip) => zeroTo(ip, ip.bytes.length),
  isLoopback: (ip) => (isV4(ip) ? at(ip, 0) === 127 : zeroTo(ip, 15) && at(ip, 15) === 1),
  isLinkLocalMulticast: (ip) =>
    isV4(ip) ? at(ip, 0) === 224 && at(ip, 1) === 0 && at(ip, 2) === 0 : at(ip, 0) === 0xff && (at(ip, 1) & 0x0f) === 2,
  isLinkLocalUnicast: (ip) => (isV4(ip) ? at(ip, 0) === 169 && at(ip, 1) === 254 : at(ip, 0) === 0xfe && (at(ip, 1) & 0xc0) === 0x80),
};
const isMulticast = (ip: IP): boolean => (isV4(ip) ? at(ip, 0) >= 224 && at(ip, 0) <= 239 : at(ip, 0) === 0xff);
const isGlobalUnicast = (ip: IP): boolean =>
  !kinds.isUnspecified?.(ip) &&
  !kinds.isLoopback?.(ip) &&
  !kinds.isLinkLocalUnicast?.(ip) &&
  !isMulticast(ip) &&
  !(isV4(ip) && ip.bytes.every((byte) => byte === 255));

const containsIP = (range: CIDR, other: IP | string): Result => {
  const ip = typeof other === 'string' ? parseIP(other) : other;
  return ip instanceof Failure ? ip : range.contains(ip);
};

const containsCIDR = (range: CIDR, other: CIDR | string): Result => {
  const inner = typeof other === 'string' ? parseCIDR(other) : other;
  return inner instanceof Failure ? inner : inner.bits >= range.bits && range.contains(inner.ip);
};

/** Bytes are compared up to the range's length; a text is parsed first, a range masked. */
const containsCosts = (isText: boolean, isRange: boolean) => ({
  cost: ([range, other]: readonly CelValue[]) => {
    const size = sizeOf(range);
    const compare = Math.ceil(2 * size * perCharacter) + (isRange ? Math.ceil(size * perCharacter) + 1 : 0);
    return compare + (isText ? Math.ceil(sizeOf(other) * perCharacter) : 0);
  },
  estimate: ([, other]: readonly Sizing[]) => {
    const size = { min: 4, max: 16 };
    let cost = scale(add(size, size), perCharacter);
    if (isRange) cost = add(add(cost, scale(size, perCharacter)), fixed(1));
    if (isText) cost = add(cost, scale(other?.size ?? unknownSize, perCharacter));
    return { cost };
  },
});

const parses = (result: IP | CIDR | Failure): boolean => !(result instanceof Failure);

export const addresses: Library = {
  ip: [fn('string_to_ip', [stringType], ipType, parseIP, traversal()), method('cidr_ip', [cidrType], ipType, (range: CIDR) => range.ip)],
  isIP: [fn('is_ip', [stringType], boolType, (text: string) => parses(parseIP(text)), traversal())],
  'ip.isCanonical': [
    fn(
      'ip_is_canonical',
      [stringType],
      boolType,
      (text: string) => {
        const ip = parseIP(text);
        return ip instanceof Failure ? ip : ip.text === text;
      },
      traversal(0, 2),
    ),
  ],
  family: [method('family', [ipType], intType, (ip: IP) => (isV4(ip) ? 4n : 6n))],
  ...Object.fromEntries(
    Object.entries({ ...kinds, isGlobalUnicast }).map(([name, holds]) => [
      name,
      [
        method(
          name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
          [ipType],
          boolType,
          holds,
        ),
      ],
    ]),
  ),
  cidr: [fn('string_to_cidr', [stringType], cidrType, parseCIDR, traversal())],
  isCIDR: [fn('is_cidr', [stringType], boolType, (text: string) => parses(parseCIDR(text)), traversal())],
  containsIP: [
    method('cidr_contains_ip_string', [cidrType, stringType], boolType, containsIP, containsCosts(true, false)),
    method('cidr_contains_ip_ip', [cidrType, ipType], boolType, containsIP, containsCosts(false, false)),
  ],
  containsCIDR: [
    method('cidr_contains_cidr_string', [cidrType, stringType], boolType, containsCIDR, containsCosts(true, true)),
    method('cidr_contains_cidr', [cidrType, cidrType], boolType, containsCIDR, containsCosts(false, true)),
  ],
  masked: [method('masked', [cidrType], cidrType, (range: CIDR) => range.masked())],
  prefixLength: [method('prefix_length', [cidrType], intType, (range: CIDR) => BigInt(range.bits))],
  string: [
    fn('ip_to_string', [ipType], stringType, (ip: IP) => ip.text),
    fn('cidr_to_string', [cidrType], stringType, (range: CIDR) => range.text),
  ],
};
