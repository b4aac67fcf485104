// The two families of addresses, in the words of nftables. What is programmed for one is programmed for the other in a table of its own.
import type { IPFamily } from '../../api/mod.ts';

export interface Family {
  readonly name: IPFamily;
  /** Of tables, of header fields, and of translations. */
  readonly ip: 'ip' | 'ip6';
  /** Of addresses in sets. */
  readonly type: 'ipv4_addr' | 'ipv6_addr';
  readonly loopback: string;
  readonly multicast: string;
  /** Every address. */
  readonly everywhere: string;
  /** An address that no packet comes from. */
  readonly nobody: string;
  /** What a listener for every address of the family listens on. */
  readonly any: string;
}

export const ipv4: Family = {
  name: 'IPv4',
  ip: 'ip',
  type: 'ipv4_addr',
  loopback: '127.0.0.0/8',
  multicast: '224.0.0.0/4',
  everywhere: '0.0.0.0/0',
  nobody: '0.0.0.0',
  any: '0.0.0.0',
};

export const ipv6: Family = {
  name: 'IPv6',
  ip: 'ip6',
  type: 'ipv6_addr',
  loopback: '::1',
  multicast: 'ff00::/8',
  everywhere: '::/0',
  nobody: '::',
  any: '::',
};

/** Of an address or a range. */
export const familyOf = (text: string): Family => (text.includes(':') ? ipv6 : ipv4);
