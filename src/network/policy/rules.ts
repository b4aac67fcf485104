// The rules of a policy as text for nft. Pure.
//
// A packet is judged in two steps, by the pod that it leaves and by the pod that it gets to; each must let it through. Answers are judged as
// the question was, with source and destination exchanged: so no connection outlives the policy that let it begin.
import { formatAddress } from '../cni/cidr.ts';
import type { Protocol } from '../proxy/model.ts';
import { type Allowance, type Direction, hashOf, type Peer, type Ports, type Span } from './model.ts';

/** How a packet shows who asks and who is asked: `asking` packets go from the client to the server, `answering` ones back. */
export const views = ['asking', 'answering'] as const;
export type View = (typeof views)[number];
export const directions = ['ingress', 'egress'] as const satisfies readonly Direction[];

interface Fields {
  readonly client: string;
  readonly server: string;
  readonly port: string;
}
const fieldsOf: Readonly<Record<View, Fields>> = {
  asking: { client: 'ip saddr', server: 'ip daddr', port: 'dport' },
  answering: { client: 'ip daddr', server: 'ip saddr', port: 'sport' },
};

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

export function policyRules(allowances: readonly Allowance[], direction: Direction, view: View): readonly string[] {
  const fields = fieldsOf[view];
  const end = letThrough(direction, view);
  const rules = allowances.flatMap(({ peers, ports }) => {
    const far = direction === 'ingress' ? fields.client : fields.server;
    const who = peers === undefined ? [''] : peers.flatMap((peer) => peerMatch(peer, far));
    const what = ports === undefined ? [''] : ports.flatMap((one) => portMatches(one, fields));
    return who.flatMap((peer) => what.map((port) => [peer, port, end].filter((part) => part !== '').join(' ')));
  });
  return [...new Set(rules)];
}

const everyAddress = 2 ** 32 - 1;

function peerMatch(peer: Peer, field: string): readonly string[] {
  if (peer.is === 'pods') return [`${field} @${peersSet(peer.pods.id)}`];
  const { spans } = peer;
  if (spans.length === 0) return [];
  // No condition, but on the family: the table sees both.
  if (spans.some(([first, last]) => first === 0 && last === everyAddress)) return ['meta nfproto ipv4'];
  return [`${field} { ${spans.map((span) => spanText(span, formatAddress)).join(', ')} }`];
}

function portMatches({ protocol, spans, names }: Ports, { server, port }: Fields): readonly string[] {
  if (spans === undefined) return [`meta l4proto ${protocol}`];
  return [
    ...(spans.length === 0 ? [] : [`${protocol} ${port} { ${spans.map((span) => spanText(span, String)).join(', ')} }`]),
    ...names.map((name) => `${server} . ${protocol} ${port} @${namedPortSet(protocol, name)}`),
  ];
}

const spanText = ([first, last]: Span, text: (number: number) => string): string =>
  first === last ? text(first) : `${text(first)}-${text(last)}`;

/** The chains and sets that are there as soon as there is any policy. */
export function standingChains(bridge: string): Readonly<Record<string, { readonly hook?: string; readonly rules: readonly string[] }>> {
  return {
    forward: {
      hook: 'type filter hook forward priority 0',
      rules: [
        // Pods have IPv4 addresses only; what they could say to each other by the link's own addresses, no policy would see.
        `meta nfproto ipv6 iifname "${bridge}" oifname "${bridge}" drop`,
        'ct state related meta l4proto icmp accept',
        // A pod that reaches itself through a service.
        `ip saddr . ip daddr @${selvesSet} accept`,
        `ct direction reply goto ${judgeName('egress', 'answering')}`,
        `goto ${judgeName('egress', 'asking')}`,
      ],
    },
    ...Object.fromEntries(
      views.flatMap((view) => {
        const { client, server } = fieldsOf[view];
        const [leaving, arriving] = [judgeName('egress', view), judgeName('ingress', view)];
        return [
          [leaving, { rules: [`${client} vmap @${leaving}`, `goto ${arriving}`] }],
          [arriving, { rules: [`${server} vmap @${arriving}`, 'accept'] }],
        ];
      }),
    ),
  };
}

export const standingSets: Readonly<Record<string, string>> = {
  [selvesSet]: 'set type ipv4_addr . ipv4_addr',
  ...Object.fromEntries(
    directions.flatMap((direction) => views.map((view) => [judgeName(direction, view), 'map type ipv4_addr : verdict'])),
  ),
};
