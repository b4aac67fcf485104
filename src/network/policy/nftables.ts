// The packet filter's table for network policies, as text for `nft -f -`. Pure.
import { type Family, familyOf } from '../addresses/family.ts';
import { renderElements } from '../nftables/elements.ts';
import type { Listing } from '../nftables/listing.ts';
import type { Difference } from './ledger.ts';
import { type PolicyBase, standingChains, standingSets } from './rules.ts';

/** The first sees packets of both families. */
const tableOf = ({ ip }: Family, table: string): string => (ip === 'ip' ? `inet ${table}` : `ip6 ${table}`);

export const policiesTableName = (clusterId: string): string => `minke-${clusterId}-policies`;

/** The whole table of one family anew, in one step. */
export function renderTable(family: Family, table: string, base: PolicyBase, standing: Difference): string {
  const t = tableOf(family, table);
  const chains = Object.entries(standingChains(family, base));
  return [
    renderTableRemoval(family, table).trimEnd(),
    `add table ${t}`,
    ...Object.entries(standingSets(family)).map(([name, type]) => `add ${type.replace(/^(\w+) (.*)$/, `$1 ${t} ${name} { $2 ; }`)}`),
    ...chains.map(([name, { hook }]) => `add chain ${t} ${name}${hook === undefined ? '' : ` { ${hook} ; policy accept ; }`}`),
    ...chains.flatMap(([name, { rules }]) => rules.map((rule) => `add rule ${t} ${name} ${rule}`)),
    renderDifference(family, table, standing),
  ].join('\n');
}

/** Works when the table is not there, too. */
export function renderTableRemoval(family: Family, table: string): string {
  const t = tableOf(family, table);
  return `add table ${t}\ndelete table ${t}\n`;
}

/** What is named is made before it is used, and given up before it is taken away. */
export function renderDifference(family: Family, table: string, { sets, chains, elements }: Difference): string {
  const t = tableOf(family, table);
  const taken = elements.removed.filter(({ set }) => !sets.removed.some(({ name }) => name === set));
  return [
    ...sets.added.map(({ name, type }) => `add set ${t} ${name} { type ${type} ; }`),
    ...chains.added.map(({ name }) => `add chain ${t} ${name}`),
    ...chains.added.map(({ name }) => `flush chain ${t} ${name}`),
    ...chains.added.flatMap(({ name, rules }) => rules.map((rule) => `add rule ${t} ${name} ${rule}`)),
    ...renderElements('delete', t, taken),
    ...renderElements('add', t, elements.added),
    ...chains.removed.map(({ name }) => `flush chain ${t} ${name}`),
    ...chains.removed.map(({ name }) => `delete chain ${t} ${name}`),
    ...sets.removed.map(({ name }) => `delete set ${t} ${name}`),
    '',
  ].join('\n');
}

/** What the listing shows when nobody has touched the table. */
export function expectedListing(family: Family, base: PolicyBase, { chains, elements }: Difference): Listing {
  const rules = new Map(Object.entries(standingChains(family, base)).map(([name, chain]) => [name, chain.rules.length]));
  for (const chain of chains.added) rules.set(chain.name, chain.rules.length);
  return { elements: new Set(elements.added.map(({ set, key, value }) => `${set} ${key} : ${value}`)), rules };
}

/** The words of `nft list` for the table. */
export const listedTable = (family: Family, table: string): readonly string[] => ['table', ...tableOf(family, table).split(' ')];

/**
 * For kernels that do not show bridged packets to the filters of IP: what pods of one bridge send to each other goes up to the node, which
 * routes it back. `mac` is the bridge's own.
 */
export function renderDetour(table: string, podCidrs: readonly string[], mac: string): string {
  const t = `bridge ${table}`;
  const rule = `add rule ${t} prerouting`;
  const up = `ether daddr set ${mac} meta pkttype set host`;
  return [
    renderDetourRemoval(table).trimEnd(),
    `add table ${t}`,
    `add chain ${t} prerouting { type filter hook prerouting priority -300 ; policy accept ; }`,
    ...podCidrs.flatMap((podCidr) => {
      const { ip } = familyOf(podCidr);
      // What neighbours say of themselves is believed only from the link itself.
      const except = ip === 'ip6' ? [`${rule} icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept`] : [];
      return [...except, `${rule} ${ip} saddr ${podCidr} ${ip} daddr ${podCidr} ${up}`];
    }),
    '',
  ].join('\n');
}

export const renderDetourRemoval = (table: string): string => `add table bridge ${table}\ndelete table bridge ${table}\n`;
