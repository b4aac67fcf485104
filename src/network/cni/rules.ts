// The nftables rules of one cluster's pod network, as text for `nft -f -`. Pure.
// https://www.netfilter.org/projects/nftables/manpage.html
import { type Family, familyOf } from '../addresses/family.ts';

/** The table that holds everything of the pod network: `minke-3fa9c1`. */
export function tableName(clusterId: string): string {
  return `minke-${clusterId}`;
}

/** Of one family, which its ranges tell. */
export interface RulesOptions {
  readonly table: string;
  readonly bridge: string;
  /** Of this node's pods. */
  readonly podCidr: string;
  /** Of every node's: what goes there keeps its sender. */
  readonly clusterCidr: string;
  /** False where the kernel does not show bridged packets to nftables: then answers between pods of one bridge would miss their translation back. */
  readonly bridgeNetfilter: boolean;
}

/** Host ports by protocol and port; those bound to one host address by that too. Kept when the rules are written anew. */
export const hostPortsMap = 'hostports';
export const hostPortsByIpMap = 'hostports-by-ip';

/** Can be applied again at any time: chains are emptied and filled in one step, maps keep their elements. */
export function renderRules({ table, bridge, podCidr, clusterCidr, bridgeNetfilter }: RulesOptions): string {
  const { ip, type, loopback, multicast } = familyOf(podCidr);
  const t = `${ip} ${table}`;
  const port = 'meta l4proto . th dport';
  // No packet with the loopback address of IPv6 gets to another machine or namespace.
  const toNode = ip === 'ip6' ? `ip6 daddr != ${loopback} fib daddr type local` : 'fib daddr type local';
  const toPod = [
    `${toNode} dnat ${ip} to ${ip} daddr . ${port} map @${hostPortsByIpMap}`,
    `${toNode} dnat ${ip} to ${port} map @${hostPortsMap}`,
  ];
  const chains: Readonly<Record<string, { readonly hook: string; readonly rules: readonly string[] }>> = {
    prerouting: { hook: 'type nat hook prerouting priority -100', rules: toPod },
    output: { hook: 'type nat hook output priority -100', rules: toPod },
    postrouting: {
      hook: 'type nat hook postrouting priority 100',
      rules: [
        `${ip} saddr ${podCidr} ${ip} daddr != ${clusterCidr} oifname != "${bridge}" ${ip} daddr != ${multicast} masquerade`,
        // A port of the host reached by way of loopback: nobody else can answer to 127.0.0.1.
        `${ip} saddr ${loopback} oifname != "lo" masquerade`,
        ...(bridgeNetfilter ? [] : [`${ip} saddr ${podCidr} oifname "${bridge}" ct status dnat masquerade`]),
      ],
    },
    // The kernel lets addresses of loopback in and out of every interface, for answers to what the host asked by way of its loopback.
    input: { hook: 'type filter hook input priority 0', rules: [`iifname != "lo" ${ip} daddr ${loopback} ct status ! dnat drop`] },
    forward: { hook: 'type filter hook forward priority 0', rules: [`iifname "${bridge}" accept`, `oifname "${bridge}" accept`] },
  };
  return [
    `add table ${t}`,
    `add map ${t} ${hostPortsMap} { type inet_proto . inet_service : ${type} . inet_service ; }`,
    `add map ${t} ${hostPortsByIpMap} { type ${type} . inet_proto . inet_service : ${type} . inet_service ; }`,
    ...Object.entries(chains).flatMap(([name, { hook, rules }]) => [
      `add chain ${t} ${name} { ${hook} ; policy accept ; }`,
      `flush chain ${t} ${name}`,
      ...rules.map((rule) => `add rule ${t} ${name} ${rule}`),
    ]),
    '',
  ].join('\n');
}

/** Works when the table is not there, too. */
export function renderRemoval({ ip }: Family, table: string): string {
  return `add table ${ip} ${table}\ndelete table ${ip} ${table}\n`;
}

/** One port of the host that leads to a pod, for one family. */
export interface HostPort {
  readonly sandboxId: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Empty: every address of the host that is of the pod address's family. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly podIp: string;
  readonly podPort: number;
}

/** What two host ports must not have in common. */
export function hostPortKey({ protocol, hostIp, hostPort }: Pick<HostPort, 'protocol' | 'hostIp' | 'hostPort'>): string {
  return `${hostIp === '' ? '' : `${hostIp} . `}${protocol} . ${hostPort}`;
}

function mapOf(port: HostPort): string {
  return port.hostIp === '' ? hostPortsMap : hostPortsByIpMap;
}

export function renderAddHostPorts(table: string, ports: readonly HostPort[]): string {
  return ports
    .map(
      (port) =>
        `add element ${familyOf(port.podIp).ip} ${table} ${mapOf(port)} { ${hostPortKey(port)} comment "${port.sandboxId}" : ${port.podIp} . ${port.podPort} }\n`,
    )
    .join('');
}

export function renderRemoveHostPorts(table: string, ports: readonly HostPort[]): string {
  return ports.map((port) => `delete element ${familyOf(port.podIp).ip} ${table} ${mapOf(port)} { ${hostPortKey(port)} }\n`).join('');
}

/** Reads `nft -j list table ... TABLE`, `{}` for a missing one. Elements without a comment are not ours and are passed over. */
export function parseHostPorts(json: string): readonly HostPort[] {
  const { nftables = [] } = JSON.parse(json) as { nftables?: readonly { map?: { name?: string; elem?: readonly unknown[] } }[] };
  return nftables.flatMap(({ map }) => {
    if (map?.name !== hostPortsMap && map?.name !== hostPortsByIpMap) return [];
    return (map.elem ?? []).flatMap((element) => parseElement(element) ?? []);
  });
}

interface Concat {
  readonly concat?: readonly (string | number)[];
}

function parseElement(element: unknown): HostPort | undefined {
  const [key, value] = element as readonly [{ elem?: { val?: Concat; comment?: string } }, Concat];
  const parts = key?.elem?.val?.concat ?? [];
  const [protocol, hostPort] = parts.slice(-2);
  const [podIp, podPort] = value?.concat ?? [];
  const sandboxId = key?.elem?.comment;
  if (sandboxId === undefined || (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')) return undefined;
  const hostIp = parts.length === 3 ? String(parts[0]) : '';
  return { sandboxId, protocol, hostIp, hostPort: Number(hostPort), podIp: String(podIp), podPort: Number(podPort) };
}
