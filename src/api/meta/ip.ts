// IP addresses as text, without the network: judging and parsing them.

const octet = /^(0|[1-9][0-9]{0,2})$/;

/** The 4 bytes of an IPv4 address, or undefined. */
export function parseIPv4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = parts.map((part) => (octet.test(part) ? Number(part) : 256));
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

/** The 16 bytes of an IPv6 address, or undefined. */
export function parseIPv6(text: string): number[] | undefined {
  if (!text.includes(':') || text.includes(':::')) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

function parseGroups(text: string, mayEndInIPv4: boolean): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const bytes: number[] = [];
  for (const [i, group] of groups.entries()) {
    if (mayEndInIPv4 && i === groups.length - 1 && group.includes('.')) {
      const quad = parseIPv4(group);
      if (quad === undefined) return undefined;
      bytes.push(...quad);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    } else return undefined;
  }
  return bytes;
}

export type IPFamily = 'IPv4' | 'IPv6';

export function ipFamilyOf(text: string): IPFamily | undefined {
  if (parseIPv4(text) !== undefined) return 'IPv4';
  return parseIPv6(text) === undefined ? undefined : 'IPv6';
}

export const ipProblems = (text: string): string[] =>
  ipFamilyOf(text) === undefined ? ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'] : [];

export function cidrProblems(text: string): string[] {
  const [address = '', bits, ...more] = text.split('/');
  const family = ipFamilyOf(address);
  const max = family === 'IPv4' ? 32 : 128;
  const valid = family !== undefined && more.length === 0 && bits !== undefined && /^[0-9]{1,3}$/.test(bits) && Number(bits) <= max;
  return valid ? [] : ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'];
}

/** The problems of an address that endpoints may not have: loopback, link-local, unspecified, multicast. */
export function nonSpecialIPProblems(text: string): string[] {
  const bytes = parseIPv4(text) ?? parseIPv6(text);
  if (bytes === undefined) return ['must be a valid IP address'];
  const [a = 0, b = 0] = bytes;
  const problems: string[] = [];
  const v4 = bytes.length === 4;
  const zeros = bytes.slice(0, -1).every((byte) => byte === 0);
  if (zeros && bytes.at(-1) === 0) problems.push(`may not be unspecified (${text})`);
  if (v4 ? a === 127 : zeros && bytes.at(-1) === 1) problems.push('may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (v4 ? a === 169 && b === 254 : a === 0xfe && (b & 0xc0) === 0x80) {
    problems.push('may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  }
  if (v4 ? a === 224 && b === 0 && bytes[2] === 0 : a === 0xff && (b & 0x0f) === 2) {
    problems.push('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  }
  return problems;
}

/** True for an address that one machine has among many: no loopback, link-local, multicast, broadcast or unspecified one, in any spelling. */
export function isGlobalUnicast(text: string): boolean {
  const bytes = parseIPv4(text) ?? parseIPv6(text);
  if (bytes === undefined) return false;
  const mapped = bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  const address = mapped ? bytes.slice(12) : bytes;
  const [a = 0, b = 0] = address;
  if (address.every((byte) => byte === 0)) return false;
  if (address.length === 4) return a !== 127 && !(a === 169 && b === 254) && (a & 0xf0) !== 224 && !address.every((byte) => byte === 255);
  const loopback = address.slice(0, -1).every((byte) => byte === 0) && address.at(-1) === 1;
  return !loopback && a !== 0xff && !(a === 0xfe && (b & 0xc0) === 0x80);
}
