// The packet filter's table for services, as text for `nft -f -`, and read back from its listing. Pure.
// https://www.netfilter.org/projects/nftables/manpage.html
import { type Listing, readListing } from '../cni/listing.ts';
import { type Backend, backendKey } from './backends.ts';
import { type FrontendTable, frontendTables, type Protocol, protocols } from './model.ts';
import { type Affinity, type Balancer, balancerName, type Change, type Element, refuseChain, type SetName } from './plan.ts';

/** The table of its own beside the pod network's: it is replaced as a whole, which the other, whose host ports are the only record, cannot be. */
export const servicesTableName = (clusterId: string): string => `minke-${clusterId}-services`;

export interface BaseOptions {
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

const address = 'ipv4_addr . inet_proto . inet_service';
const port = 'inet_proto . inet_service';
/** A slot has the type of what `numgen` gives. */
const slot = 'numgen random mod 65536';
const toAddress = 'ip daddr . meta l4proto . th dport';
const toPort = 'meta l4proto . th dport';
/** Clients that an affinity chain remembers for each backend. The kernel turns further ones away from the set, not from the service. */
const affinityClientsMax = 65_535;

/** What a packet is looked up by among the backends of its protocol. */
const backendOf = (table: FrontendTable, protocol: Protocol): string =>
  table.endsWith('addresses') ? `ip daddr . ${protocol} dport` : `${protocol} dport`;

/**
 * One map a protocol: nft 1.0.6 cannot add a rule with a standing map of `th dport`, and takes the protocol of any other for a condition.
 */
function backendMaps(): Readonly<Record<`${FrontendTable}-${Protocol}`, string>> {
  const maps = frontendTables.flatMap((table) =>
    protocols.map((protocol) => {
      const type = `typeof ${backendOf(table, protocol)} . ${slot} : ip daddr . ${protocol} dport`;
      return [`${table}-${protocol}`, `map ${table}-${protocol} { ${type} ; }`] as const;
    }),
  );
  return Object.fromEntries(maps) as Record<`${FrontendTable}-${Protocol}`, string>;
}

const sets: Readonly<Record<SetName, string>> = {
  addresses: `map addresses { type ${address} : verdict ; }`,
  nodeports: `map nodeports { type ${port} : verdict ; }`,
  'inside-addresses': `map inside-addresses { type ${address} : verdict ; }`,
  'inside-nodeports': `map inside-nodeports { type ${port} : verdict ; }`,
  ...backendMaps(),
  'unserved-addresses': `map unserved-addresses { type ${address} : verdict ; }`,
  'unserved-nodeports': `map unserved-nodeports { type ${port} : verdict ; }`,
  hairpin: 'set hairpin { type ipv4_addr . ipv4_addr ; }',
  remote: `set remote { type ${address} ; }`,
  guarded: `set guarded { type ${address} ; }`,
  admitted: `set admitted { type ${address} . ipv4_addr ; flags interval ; }`,
};

interface Chain {
  /** Absent for chains that others jump to. */
  readonly hook?: string;
  readonly rules: readonly string[];
}

function chainsOf({ bridge, podCidr, serviceCidr, loadBalancerCidr, gateway }: BaseOptions): Readonly<Record<string, Chain>> {
  const unserved = ['ct state new jump unserved'];
  return {
    inside: {
      rules: [`${toAddress} vmap @inside-addresses`, `fib daddr type local ${toPort} vmap @inside-nodeports`],
    },
    services: {
      rules: [
        `${toAddress} @guarded ${toAddress} . ip saddr != @admitted drop`,
        `ip saddr ${podCidr} jump inside`,
        'fib saddr type local jump inside',
        `${toAddress} vmap @addresses`,
        `fib daddr type local ${toPort} vmap @nodeports`,
      ],
    },
    [refuseChain]: { rules: ['meta l4proto tcp reject with tcp reset', 'reject'] },
    unserved: {
      rules: [
        'ct status dnat return',
        `${toAddress} vmap @unserved-addresses`,
        `fib daddr type local ${toPort} vmap @unserved-nodeports`,
        // No service has it, or not this port.
        `ip daddr ${serviceCidr} goto ${refuseChain}`,
        ...(loadBalancerCidr === undefined ? [] : [`ip daddr ${loadBalancerCidr} goto ${refuseChain}`]),
      ],
    },
    prerouting: { hook: 'type nat hook prerouting priority -100', rules: ['jump services'] },
    output: { hook: 'type nat hook output priority -100', rules: ['jump services'] },
    postrouting: {
      hook: 'type nat hook postrouting priority 100',
      rules: [
        // A pod that reaches itself must not see its own address as the client's: it would answer itself directly.
        'ct status dnat ip saddr . ip daddr @hairpin masquerade',
        `ct status dnat oifname != { "lo", "${bridge}" } ip saddr != ${podCidr} ${toAddress} @remote masquerade`,
      ],
    },
    'filter-input': {
      hook: 'type filter hook input priority 0',
      rules: [
        // What pods reach of the host's loopback, they reach by translation only: the bridge lets such addresses in for it.
        `iifname "${bridge}" ip daddr 127.0.0.0/8 ct status ! dnat drop`,
        `iifname != { "lo", "${bridge}" } ip daddr ${gateway} ct status ! dnat drop`,
        ...unserved,
      ],
    },
    'filter-forward': { hook: 'type filter hook forward priority 0', rules: unserved },
    'filter-output': { hook: 'type filter hook output priority 0', rules: unserved },
  };
}

/** The whole table anew, in one step: at no moment is a service without its rules. */
export function renderAll(base: BaseOptions, everything: Change): string {
  const t = `ip ${base.table}`;
  const chains = Object.entries(chainsOf(base));
  return [
    `add table ${t}`,
    `delete table ${t}`,
    `add table ${t}`,
    ...Object.values(sets).map((set) => `add ${set.replace(/^(\w+) /, `$1 ${t} `)}`),
    ...chains.map(([name, { hook }]) => `add chain ${t} ${name}${hook === undefined ? '' : ` { ${hook} ; policy accept ; }`}`),
    ...chains.flatMap(([name, { rules }]) => rules.map((rule) => `add rule ${t} ${name} ${rule}`)),
    renderChange(base.table, everything),
  ].join('\n');
}

export function renderChange(table: string, { balancers, defined, removed, added, forgotten }: Change): string {
  const t = `ip ${table}`;
  return [
    ...balancers.flatMap((balancer) => renderBalancer(t, balancer)),
    ...defined.flatMap(({ affinity, before }) => renderAffinity(t, affinity, before)),
    ...renderElements('delete', t, removed),
    ...renderElements('add', t, added),
    ...forgotten.flatMap((affinity) => renderForgotten(t, affinity)),
    '',
  ].join('\n');
}

export function renderTableRemoval(table: string): string {
  return `add table ip ${table}\ndelete table ip ${table}\n`;
}

function renderBalancer(t: string, balancer: Balancer): readonly string[] {
  const { table, protocol, size } = balancer;
  const name = balancerName(balancer);
  return [
    `add chain ${t} ${name}`,
    `flush chain ${t} ${name}`,
    `add rule ${t} ${name} dnat ip to ${backendOf(table, protocol)} . numgen random mod ${size} map @${table}-${protocol}`,
  ];
}

const partName = (affinity: Affinity, backend: Backend): string => `${affinity.name}-${backend.address}-${backend.port}`;

/** Sets of clients of backends that stay are kept, and with them who belongs where. */
function renderAffinity(t: string, affinity: Affinity, before: Affinity | undefined): readonly string[] {
  const { name, backends, protocol, seconds } = affinity;
  const kept = new Set(backends.map(backendKey));
  const parts = backends.map((backend) => ({ backend, part: partName(affinity, backend) }));
  return [
    `add chain ${t} ${name}`,
    `flush chain ${t} ${name}`,
    ...parts.flatMap(({ backend, part }) => [
      `add set ${t} ${part} { type ipv4_addr ; flags dynamic,timeout ; size ${affinityClientsMax} ; }`,
      `add chain ${t} ${part}`,
      `flush chain ${t} ${part}`,
      `add rule ${t} ${part} update @${part} { ip saddr timeout ${seconds}s }`,
      `add rule ${t} ${part} meta l4proto ${protocol} dnat ip to ${backend.address}:${backend.port}`,
    ]),
    ...parts.map(({ part }) => `add rule ${t} ${name} ip saddr @${part} goto ${part}`),
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

function renderElements(verb: 'add' | 'delete', t: string, elements: readonly Element[]): readonly string[] {
  const bySet = new Map<SetName, string[]>();
  for (const { set, key, value } of elements) {
    const text = verb === 'delete' || value === '' ? key : `${key} : ${value}`;
    const found = bySet.get(set);
    if (found) found.push(text);
    else bySet.set(set, [text]);
  }
  return [...bySet].map(([set, texts]) => `${verb} element ${t} ${set} { ${texts.join(', ')} }`);
}

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

/** Reads `nft -j list table ip TABLE`; `{}` for a missing one. */
export const readServices = (json: string): Listing => readListing(json, (set) => set in sets);
