// The rules of a policy as text for nft. Pure.
//
// A packet is judged in two steps, by the pod that it leaves and by the pod that it gets to; each must let it through. Answers are judged as
// the question was, with source and destination exchanged: so no connection outlives the policy that let it begin.
import { formatIp, lastOf, parseRange } from '../../api/mod.ts';
import type { Family } from '../addresses/family.ts';
import type { Protocol } from '../proxy/model.ts';
import { type Allowance, type Direction, hashOf, type Peer, type Ports } from './model.ts';

/** How a packet shows who asks and who is asked: `asking` packets go from the client to the server, `answering` ones back. */
export const views = ['asking', 'answering'] as const;
export type View = (typeof views)[number];
export const directions = ['ingress', 'egress'] as const satisfies readonly Direction[];

interface Fields {
  readonly client: string;
  readonly server: string;
  readonly port: string;
}
const fieldsOf = ({ ip }: Family, view: View): Fields =>
  view === 'asking'
    ? { client: `${ip} saddr`, server: `${ip} daddr`, port: 'dport' }
    : { client: `${ip} daddr`, server: `${ip} saddr`, port: 'sport' };

/** The maps from a pod's address to the chain that judges it, and the chain that asks the map. */
export const judgeName = (direction: Direction, view: View): string => `${direction}-${view}`;
export const selvesSet = 'selves';
export const peersSet = (id: string): string => `peers-${id}`;
export const namedPortSet = (protocol: Protocol, name: string): string => `named-${protocol}-${name}`;
export const policyChain = (policy: string, direction: Direction, view: View): string => `policy-${direction}-${view}-${hashOf(policy)}`;
/** Of all pods that the same policies select. */
export const groupChain = (policies: readonly string[], direction: Direction, view: View): string =>
  `pods-${direction}-${view}-${hashOf(JSON.stringify(policies))}`;

/** Every policy has its say; what none lets through is dropped. */
export const groupRules = (policies: readonly string[], direction: Direction, view: View): readonly string[] => [
  ...policies.map((policy) => `jump ${policyChain(policy, direction, view)}`),
  'drop',
];

/** What may leave must still be let in. */
const letThrough = (direction: Direction, view: View): string => (direction === 'egress' ? `goto ${judgeName('ingress', view)}` : 'accept');

export function policyRules(family: Family, allowances: readonly Allowance[], direction: Direction, view: View): readonly string[] {
  const fields = fieldsOf(family, view);
  const end = letThrough(direction, view);
  const rules = allowances.flatMap(({ peers, ports }) => {
    const far = direction === 'ingress' ? fields.client : fields.server;
    const who = peers === undefined ? [''] : peers.flatMap((peer) => peerMatch(family, peer, far));
    const what = ports === undefined ? [''] : ports.flatMap((one) => portMatches(one, fields));
    return who.flatMap((peer) => what.map((port) => [peer, port, end].filter((part) => part !== '').join(' ')));
  });
  return [...new Set(rules)];
}

function peerMatch(family: Family, peer: Peer, field: string): readonly string[] {
  if (peer.is === 'pods') return [`${field} @${peersSet(peer.pods.id)}`];
  const { spans } = peer;
  if (spans.length === 0) return [];
  const everything = parseRange(family.everywhere);
  if (spans.some(([first, last]) => first === 0n && everything && last === lastOf(everything))) {
    // No condition, but on the family where the table sees both; nft refuses it where it does not.
    return [family.ip === 'ip' ? 'meta nfproto ipv4' : ''];
  }
  const text = (value: bigint) => formatIp({ family: family.name, value });
  return [`${field} { ${spans.map((span) => spanText(span, text)).join(', ')} }`];
}

function portMatches({ protocol, spans, names }: Ports, { server, port }: Fields): readonly string[] {
  if (spans === undefined) return [`meta l4proto ${protocol}`];
  return [
    ...(spans.length === 0 ? [] : [`${protocol} ${port} { ${spans.map((span) => spanText(span, String)).join(', ')} }`]),
    ...names.map((name) => `${server} . ${protocol} ${port} @${namedPortSet(protocol, name)}`),
  ];
}

const spanText = <T extends bigint | number>([first, last]: readonly [T, T], text: (number: T) => string): string =>
  first === last ? text(first) : `${text(first)}-${text(last)}`;

/** Pods find each other's hardware addresses by it: it is no traffic of theirs. */
const discovery = 'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept';
/** By the link's own addresses, which no policy would see. */
const linkLocal = 'fe80::/10';

/** What is decided before any policy is asked. */
function beforeJudging({ ip }: Family, { bridge, hasIpv6 }: PolicyBase): readonly string[] {
  const between = `iifname "${bridge}" oifname "${bridge}"`;
  if (ip === 'ip') {
    // Pods with IPv4 addresses alone could still speak by the link's own of the other family.
    return [...(hasIpv6 ? [] : [`meta nfproto ipv6 ${between} drop`]), 'ct state related meta l4proto icmp accept'];
  }
  return [
    discovery,
    `ip6 saddr ${linkLocal} ${between} drop`,
    `ip6 daddr ${linkLocal} ${between} drop`,
    'ct state related meta l4proto icmpv6 accept',
  ];
}

export interface PolicyBase {
  readonly bridge: string;
  /** Pods have IPv6 addresses, and policies a table for them. */
  readonly hasIpv6: boolean;
}

/** The chains and sets that are there as soon as there is any policy. */
export function standingChains(
  family: Family,
  base: PolicyBase,
): Readonly<Record<string, { readonly hook?: string; readonly rules: readonly string[] }>> {
  const { ip } = family;
  return {
    forward: {
      hook: 'type filter hook forward priority 0',
      rules: [
        ...beforeJudging(family, base),
        // A pod that reaches itself through a service.
        `${ip} saddr . ${ip} daddr @${selvesSet} accept`,
        `ct direction reply goto ${judgeName('egress', 'answering')}`,
        `goto ${judgeName('egress', 'asking')}`,
      ],
    },
    ...Object.fromEntries(
      views.flatMap((view) => {
        const { client, server } = fieldsOf(family, view);
        const [leaving, arriving] = [judgeName('egress', view), judgeName('ingress', view)];
        return [
          [leaving, { rules: [`${client} vmap @${leaving}`, `goto ${arriving}`] }],
          [arriving, { rules: [`${server} vmap @${arriving}`, 'accept'] }],
        ];
      }),
    ),
  };
}

export const standingSets = ({ type }: Family): Readonly<Record<string, string>> => ({
  [selvesSet]: `set type ${type} . ${type}`,
  ...Object.fromEntries(directions.flatMap((direction) => views.map((view) => [judgeName(direction, view), `map type ${type} : verdict`]))),
});
