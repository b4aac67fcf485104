// The packet filter's table for services, as text for `nft -f -`, and read back from its listing. Pure.
// https://www.netfilter.org/projects/nftables/manpage.html
import type { Family } from '../addresses/family.ts';
import { renderElements } from '../nftables/elements.ts';
import { type Listing, readListing } from '../nftables/listing.ts';
import { type Backend, backendKey } from './backends.ts';
import { type FrontendTable, frontendTables, type Protocol, protocols } from './model.ts';
import { type Affinity, type Balancer, balancerName, type Change, refuseChain, type SetName } from './plan.ts';

/** The table of its own beside the pod network's: it is replaced as a whole, which the other, whose host ports are the only record, cannot be. */
export const servicesTableName = (clusterId: string): string => `minke-${clusterId}-services`;

export interface BaseOptions {
  /** The ranges and addresses are all of it. */
  readonly family: Family;
  readonly table: string;
  readonly bridge: string;
  /** Of this node. */
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** The range of load balancer addresses, where there is one. */
  readonly loadBalancerCidr?: string | undefined;
  /** The node's own address on the bridge. */
  readonly gateway: string;
}

const addressType = ({ type }: Family): string => `${type} . inet_proto . inet_service`;
const port = 'inet_proto . inet_service';
/** A slot has the type of what `numgen` gives. */
const slot = 'numgen random mod 65536';
const toAddressOf = ({ ip }: Family): string => `${ip} daddr . meta l4proto . th dport`;
const toPort = 'meta l4proto . th dport';
/** Clients that an affinity chain remembers for each backend. The kernel turns further ones away from the set, not from the service. */
const affinityClientsMax = 65_535;

/** What a packet is looked up by among the backends of its protocol. */
const backendOf = ({ ip }: Family, table: FrontendTable, protocol: Protocol): string =>
  table.endsWith('addresses') ? `${ip} daddr . ${protocol} dport` : `${protocol} dport`;

/**
 * One map a protocol: nft 1.0.6 cannot add a rule with a standing map of `th dport`, and takes the protocol of any other for a condition.
 */
function backendMaps(family: Family): Readonly<Record<`${FrontendTable}-${Protocol}`, string>> {
  const maps = frontendTables.flatMap((table) =>
    protocols.map((protocol) => {
      const type = `typeof ${backendOf(family, table, protocol)} . ${slot} : ${family.ip} daddr . ${protocol} dport`;
      return [`${table}-${protocol}`, `map ${table}-${protocol} { ${type} ; }`] as const;
    }),
  );
  return Object.fromEntries(maps) as Record<`${FrontendTable}-${Protocol}`, string>;
}

function setsOf(family: Family): Readonly<Record<SetName, string>> {
  const { type } = family;
  const address = addressType(family);
  return {
    addresses: `map addresses { type ${address} : verdict ; }`,
    nodeports: `map nodeports { type ${port} : verdict ; }`,
    'inside-addresses': `map inside-addresses { type ${address} : verdict ; }`,
    'inside-nodeports': `map inside-nodeports { type ${port} : verdict ; }`,
    ...backendMaps(family),
    'unserved-addresses': `map unserved-addresses { type ${address} : verdict ; }`,
    'unserved-nodeports': `map unserved-nodeports { type ${port} : verdict ; }`,
    hairpin: `set hairpin { type ${type} . ${type} ; }`,
    remote: `set remote { type ${address} ; }`,
    guarded: `set guarded { type ${address} ; }`,
    admitted: `set admitted { type ${address} . ${type} ; flags interval ; }`,
  };
}

/** Only these sets are ours to compare: who comes and goes in the others is the kernel's affair. */
const isOwnSet = (name: string): boolean => !name.startsWith('affinity-');

interface Chain {
  /** Absent for chains that others jump to. */
  readonly hook?: string;
  readonly rules: readonly string[];
}

function chainsOf(base: BaseOptions): Readonly<Record<string, Chain>> {
  const { family, bridge, podCidr, serviceCidr, loadBalancerCidr, gateway } = base;
  const { ip, loopback } = family;
  const unserved = ['ct state new jump unserved'];
  const toAddress = toAddressOf(family);
  // IPv6 has no way from its loopback address to pods: as everywhere, it serves no node ports.
  const toNode = ip === 'ip6' ? `${ip} daddr != ${loopback} fib daddr type local` : 'fib daddr type local';
  return {
    inside: {
      rules: [`${toAddress} vmap @inside-addresses`, `${toNode} ${toPort} vmap @inside-nodeports`],
    },
    services: {
      rules: [
        `${toAddress} @guarded ${toAddress} . ${ip} saddr != @admitted drop`,
        `${ip} saddr ${podCidr} jump inside`,
        'fib saddr type local jump inside',
        `${toAddress} vmap @addresses`,
        `${toNode} ${toPort} vmap @nodeports`,
      ],
    },
    [refuseChain]: { rules: ['meta l4proto tcp reject with tcp reset', 'reject'] },
    unserved: {
      rules: [
        'ct status dnat return',
        `${toAddress} vmap @unserved-addresses`,
        `${toNode} ${toPort} vmap @unserved-nodeports`,
        // No service has it, or not this port.
        `${ip} daddr ${serviceCidr} goto ${refuseChain}`,
        ...(loadBalancerCidr === undefined ? [] : [`${ip} daddr ${loadBalancerCidr} goto ${refuseChain}`]),
      ],
    },
    prerouting: { hook: 'type nat hook prerouting priority -100', rules: ['jump services'] },
    output: { hook: 'type nat hook output priority -100', rules: ['jump services'] },
    postrouting: {
      hook: 'type nat hook postrouting priority 100',
      rules: [
        // A pod that reaches itself must not see its own address as the client's: it would answer itself directly.
        `ct status dnat ${ip} saddr . ${ip} daddr @hairpin masquerade`,
        `ct status dnat oifname != { "lo", "${bridge}" } ${ip} saddr != ${podCidr} ${toAddress} @remote masquerade`,
      ],
    },
    'filter-input': {
      hook: 'type filter hook input priority 0',
      rules: [`iifname != { "lo", "${bridge}" } ${ip} daddr ${gateway} ct status ! dnat drop`, ...unserved],
    },
    'filter-forward': { hook: 'type filter hook forward priority 0', rules: unserved },
    'filter-output': { hook: 'type filter hook output priority 0', rules: unserved },
  };
}

/** The whole table anew, in one step: at no moment is a service without its rules. */
export function renderAll(base: BaseOptions, everything: Change): string {
  const { family } = base;
  const t = `${family.ip} ${base.table}`;
  const chains = Object.entries(chainsOf(base));
  return [
    `add table ${t}`,
    `delete table ${t}`,
    `add table ${t}`,
    ...Object.values(setsOf(family)).map((set) => `add ${set.replace(/^(\w+) /, `$1 ${t} `)}`),
    ...chains.map(([name, { hook }]) => `add chain ${t} ${name}${hook === undefined ? '' : ` { ${hook} ; policy accept ; }`}`),
    ...chains.flatMap(([name, { rules }]) => rules.map((rule) => `add rule ${t} ${name} ${rule}`)),
    renderChange(base, everything),
  ].join('\n');
}

export function renderChange({ family, table }: Pick<BaseOptions, 'family' | 'table'>, change: Change): string {
  const { balancers, defined, removed, added, forgotten } = change;
  const t = `${family.ip} ${table}`;
  return [
    ...balancers.flatMap((balancer) => renderBalancer(family, t, balancer)),
    ...defined.flatMap(({ affinity, before }) => renderAffinity(family, t, affinity, before)),
    ...renderElements('delete', t, removed),
    ...renderElements('add', t, added),
    ...forgotten.flatMap((affinity) => renderForgotten(t, affinity)),
    '',
  ].join('\n');
}

export function renderTableRemoval({ ip }: Family, table: string): string {
  return `add table ${ip} ${table}\ndelete table ${ip} ${table}\n`;
}

function renderBalancer(family: Family, t: string, balancer: Balancer): readonly string[] {
  const { table, protocol, size } = balancer;
  const name = balancerName(balancer);
  return [
    `add chain ${t} ${name}`,
    `flush chain ${t} ${name}`,
    `add rule ${t} ${name} dnat ${family.ip} to ${backendOf(family, table, protocol)} . numgen random mod ${size} map @${table}-${protocol}`,
  ];
}

/** Names have no colons. */
const partName = (affinity: Affinity, { address, port: number }: Backend): string =>
  `${affinity.name}-${address.replaceAll(':', '_')}-${number}`;

const socketText = ({ address, port: number }: Backend): string =>
  address.includes(':') ? `[${address}]:${number}` : `${address}:${number}`;

/** Sets of clients of backends that stay are kept, and with them who belongs where. */
function renderAffinity({ ip, type }: Family, t: string, affinity: Affinity, before: Affinity | undefined): readonly string[] {
  const { name, backends, protocol, seconds } = affinity;
  const kept = new Set(backends.map(backendKey));
  const parts = backends.map((backend) => ({ backend, part: partName(affinity, backend) }));
  return [
    `add chain ${t} ${name}`,
    `flush chain ${t} ${name}`,
    ...parts.flatMap(({ backend, part }) => [
      `add set ${t} ${part} { type ${type} ; flags dynamic,timeout ; size ${affinityClientsMax} ; }`,
      `add chain ${t} ${part}`,
      `flush chain ${t} ${part}`,
      `add rule ${t} ${part} update @${part} { ${ip} saddr timeout ${seconds}s }`,
      `add rule ${t} ${part} meta l4proto ${protocol} dnat ${ip} to ${socketText(backend)}`,
    ]),
    ...parts.map(({ part }) => `add rule ${t} ${name} ${ip} saddr @${part} goto ${part}`),
    `add rule ${t} ${name} numgen random mod ${parts.length} vmap { ${parts.map(({ part }, i) => `${i} : goto ${part}`).join(', ')} }`,
    ...(before?.backends ?? [])
      .filter((backend) => !kept.has(backendKey(backend)))
      .flatMap((backend) => renderPartRemoval(t, partName(affinity, backend))),
  ];
}

function renderForgotten(t: string, affinity: Affinity): readonly string[] {
  return [
    `flush chain ${t} ${affinity.name}`,
    `delete chain ${t} ${affinity.name}`,
    ...affinity.backends.flatMap((backend) => renderPartRemoval(t, partName(affinity, backend))),
  ];
}

const renderPartRemoval = (t: string, part: string): readonly string[] => [
  `flush chain ${t} ${part}`,
  `delete chain ${t} ${part}`,
  `delete set ${t} ${part}`,
];

/** What {@link readServices} gives when nobody has touched the table. */
export function expectedListing(base: BaseOptions, everything: Change): Listing {
  const rules = new Map(Object.entries(chainsOf(base)).map(([name, chain]) => [name, chain.rules.length]));
  for (const balancer of everything.balancers) rules.set(balancerName(balancer), 1);
  for (const { affinity } of everything.defined) {
    rules.set(affinity.name, affinity.backends.length + 1);
    for (const backend of affinity.backends) rules.set(partName(affinity, backend), 2);
  }
  return { elements: new Set(everything.added.map(({ set, key, value }) => `${set} ${key} : ${value}`)), rules };
}

/** Reads `nft -j list table ... TABLE`; `{}` for a missing one. */
export const readServices = (json: string): Listing => readListing(json, isOwnSet);
