// How pods of other nodes are reached: from the nodes there are and what the kernel has, to what `ip` and `bridge` are told. Pure.
// Each node's pods are one route: by way of the node's own address, or through a VXLAN tunnel to it, in which the node's end has
// an address and a hardware address that follow from its pods' range. So nothing has to be learned or announced.
// Source: https://www.kernel.org/doc/html/latest/networking/vxlan.html
import type { V1Node } from '../../api/mod.ts';
import { formatRange, overlap, parseRange, type Range, sizeOf } from '../cni/cidr.ts';

export type PodNetworkMode = 'vxlan' | 'routes';

/** The tunnel's headers: Ethernet, IPv4, UDP, VXLAN. */
export const vxlanOverheadBytes = 50;
/** The kernel's default, shared by every tunnel of a machine whose network identifiers differ. */
const vxlanPort = 8472;
/** Marks our routes: of no program that is known to iproute2. */
const routeProtocol = 109;

/** Another node. */
export interface Peer {
  /** Of its pods. */
  readonly podCidr: string;
  /** Its own, by which this node reaches it. */
  readonly address: string;
}

export interface Wanted {
  readonly mode: PodNetworkMode;
  /** `mk3fa9c1vx` */
  readonly device: string;
  /** The tunnel's network identifier, the same on every node of the cluster: 24 bits. */
  readonly vni: number;
  /** Of the way outside. */
  readonly mtu: number;
  readonly clusterCidr: string;
  readonly own: Peer;
  readonly peers: readonly Peer[];
}

/** What the kernel has of ours. */
export interface Standing {
  /** Undefined: there is no tunnel. */
  readonly link:
    | { readonly mtu: number; readonly vni: number; readonly local: string; readonly mac: string; readonly address: string }
    | undefined;
  /** `10.42.1.0/24` to where it leads: `via 10.42.1.0 dev mk3fa9c1vx`. */
  readonly routes: ReadonlyMap<string, string>;
  /** Address to hardware address. */
  readonly neighbors: ReadonlyMap<string, string>;
  /** Hardware address to the node behind it. */
  readonly forwarding: ReadonlyMap<string, string>;
}

/** Lines for `ip -batch -` or `bridge -batch -`, in their order. */
export interface Step {
  readonly program: 'ip' | 'bridge';
  readonly lines: readonly string[];
}

export const vxlanDevice = (bridge: string): string => `${bridge}vx`;

/** Locally administered, and unlike those that the kernel makes up: `0a:58` and the range's first address. */
export function tunnelMac(podCidr: string): string {
  const { first = 0 } = parseRange(podCidr) ?? {};
  const bytes = [0x0a, 0x58, ...[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256)];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** The first address of the range, which no pod has. */
const tunnelAddress = (podCidr: string): string => podCidr.slice(0, podCidr.indexOf('/'));

const contains = (outer: Range, inner: Range): boolean =>
  outer.first <= inner.first && inner.first + sizeOf(inner.prefix) <= outer.first + sizeOf(outer.prefix);

/** Undefined for a node that has no range or address yet, and for a simulated one, whose address is one of its own pods'. */
function peerOf({ spec, status }: V1Node, cluster: Range): Peer | undefined {
  const range = parseRange(spec?.podCIDR ?? '');
  const address = status?.addresses?.find((one) => one.type === 'InternalIP' && parseRange(one.address) !== undefined)?.address;
  const at = parseRange(address ?? '');
  if (!range || !at || address === undefined || !contains(cluster, range) || overlap(range, at)) return undefined;
  return { podCidr: formatRange(range), address };
}

/** Whether a change of a node changes nothing about how its pods are reached. */
export function isSameWay(old: V1Node | undefined, next: V1Node | undefined, clusterCidr: string): boolean {
  const cluster = parseRange(clusterCidr);
  if (!cluster) return true;
  const [before, after] = [old && peerOf(old, cluster), next && peerOf(next, cluster)];
  return before?.address === after?.address && before?.podCidr === after?.podCidr;
}

export interface Neighborhood {
  /** Undefined until this node has a range and an address. */
  readonly own: Peer | undefined;
  /** In the order of their ranges. */
  readonly peers: readonly Peer[];
}

export function neighborhoodOf(nodes: readonly V1Node[], nodeName: string, clusterCidr: string): Neighborhood {
  const cluster = parseRange(clusterCidr);
  if (!cluster) return { own: undefined, peers: [] };
  const peers: Peer[] = [];
  let own: Peer | undefined;
  for (const node of nodes) {
    const peer = peerOf(node, cluster);
    if (node.metadata?.name === nodeName) own = peer;
    else if (peer) peers.push(peer);
  }
  return { own, peers: peers.filter(({ address }) => address !== own?.address).sort((a, b) => (a.podCidr < b.podCidr ? -1 : 1)) };
}

/** What is to be done, nothing when all is as it should be. A node that is alone has no tunnel. */
export function planRoutes(wanted: Wanted, standing: Standing): readonly Step[] {
  const { device, peers } = wanted;
  const needsLink = wanted.mode === 'vxlan' && peers.length > 0;
  const isRight = standing.link !== undefined && needsLink && isLinkRight(wanted, standing.link);
  // A new tunnel begins empty; with the old one goes what leads into it.
  const kept: Standing = isRight || !standing.link ? standing : withoutTunnel(standing, device);
  const link = [...(standing.link && !isRight ? [`link del ${device}`] : []), ...(needsLink && !isRight ? linkLines(wanted) : [])];
  const routes = new Map(peers.map((peer) => [peer.podCidr, routeOf(wanted, peer)]));
  const neighbors = new Map(needsLink ? peers.map(({ podCidr }) => [tunnelAddress(podCidr), tunnelMac(podCidr)]) : []);
  const forwarding = new Map(needsLink ? peers.map(({ podCidr, address }) => [tunnelMac(podCidr), address]) : []);
  const hasLink = isRight || needsLink;
  return [
    { program: 'ip', lines: link },
    { program: 'bridge', lines: hasLink ? forwardingLines(device, forwarding, kept.forwarding) : [] },
    {
      program: 'ip',
      lines: [
        ...gone(kept.routes, routes).map((dst) => `route del ${dst} proto ${routeProtocol}`),
        ...(hasLink ? gone(kept.neighbors, neighbors).map((address) => `neigh del ${address} dev ${device}`) : []),
        ...changed(neighbors, kept.neighbors).map(([address, mac]) => `neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`),
        ...changed(routes, kept.routes).map(
          ([dst, to]) => `route replace ${dst} ${to}${needsLink ? ' onlink' : ''} proto ${routeProtocol}`,
        ),
      ],
    } as const,
  ].filter(({ lines }) => lines.length > 0) as readonly Step[];
}

const routeOf = ({ mode, device }: Wanted, { podCidr, address }: Peer): string =>
  mode === 'vxlan' ? `via ${tunnelAddress(podCidr)} dev ${device}` : `via ${address}`;

function isLinkRight({ vni, mtu, own }: Wanted, link: NonNullable<Standing['link']>): boolean {
  const { podCidr, address } = own;
  return (
    link.vni === vni &&
    link.mtu === mtu - vxlanOverheadBytes &&
    link.local === address &&
    link.mac === tunnelMac(podCidr) &&
    link.address === tunnelAddress(podCidr)
  );
}

function linkLines({ device, vni, mtu, own }: Wanted): readonly string[] {
  const of = `vxlan id ${vni} dstport ${vxlanPort} local ${own.address} nolearning`;
  return [
    `link add ${device} mtu ${mtu - vxlanOverheadBytes} address ${tunnelMac(own.podCidr)} type ${of}`,
    `addr add ${tunnelAddress(own.podCidr)}/32 dev ${device}`,
    `link set ${device} up`,
  ];
}

const withoutTunnel = (standing: Standing, device: string): Standing => ({
  link: undefined,
  routes: new Map([...standing.routes].filter(([, to]) => !to.endsWith(` dev ${device}`))),
  neighbors: new Map(),
  forwarding: new Map(),
});

type Table = ReadonlyMap<string, string>;

const changed = (wanted: Table, standing: Table) => [...wanted].filter(([key, value]) => standing.get(key) !== value);
const gone = (standing: Table, wanted: Table) => [...standing.keys()].filter((key) => !wanted.has(key));

function forwardingLines(device: string, wanted: Table, standing: Table): readonly string[] {
  return [
    ...gone(standing, wanted).map((mac) => `fdb del ${mac} dev ${device} dst ${standing.get(mac)}`),
    ...changed(wanted, standing).map(([mac, dst]) => `fdb replace ${mac} dev ${device} dst ${dst} self permanent`),
  ];
}

/** What the kernel says, as JSON: each text empty where there is nothing. */
export interface Listings {
  /** `ip -d -j addr show dev DEVICE` */
  readonly link: string;
  /** `ip -j route show proto 109` */
  readonly routes: string;
  /** `ip -j neigh show dev DEVICE nud permanent` */
  readonly neighbors: string;
  /** `bridge -j fdb show dev DEVICE` */
  readonly forwarding: string;
}

interface ListedLink {
  readonly ifname?: string;
  readonly mtu?: number;
  readonly address?: string;
  readonly linkinfo?: { readonly info_data?: { readonly id?: number; readonly local?: string } };
  readonly addr_info?: readonly { readonly local?: string }[];
}

/** Routes of ours are those of our protocol within the cluster's range: other clusters of the machine have theirs. */
export function readStanding(listings: Listings, { device, mode, clusterCidr }: Pick<Wanted, 'device' | 'mode' | 'clusterCidr'>): Standing {
  const list = <T>(text: string) => JSON.parse(text.trim() || '[]') as readonly T[];
  const cluster = parseRange(clusterCidr);
  const [link] = list<ListedLink>(listings.link);
  const routes = list<{ dst?: string; gateway?: string; dev?: string }>(listings.routes).flatMap(({ dst = '', gateway, dev }) => {
    const range = parseRange(dst);
    if (!range || !cluster || !contains(cluster, range)) return [];
    const through = dev === device || mode === 'vxlan' ? ` dev ${dev}` : '';
    return [[formatRange(range), `via ${gateway}${through}`] as const];
  });
  const neighbors = list<{ dst?: string; lladdr?: string }>(listings.neighbors);
  const forwarding = list<{ mac?: string; dst?: string }>(listings.forwarding);
  return {
    link: link?.ifname === undefined ? undefined : readLink(link),
    routes: new Map(routes),
    neighbors: new Map(neighbors.flatMap(({ dst, lladdr }) => (dst && lladdr ? [[dst, lladdr] as const] : []))),
    forwarding: new Map(forwarding.flatMap(({ mac, dst }) => (mac && dst ? [[mac, dst] as const] : []))),
  };
}

const readLink = ({ mtu = 0, address = '', linkinfo, addr_info }: ListedLink): NonNullable<Standing['link']> => ({
  mtu,
  mac: address,
  vni: linkinfo?.info_data?.id ?? 0,
  local: linkinfo?.info_data?.local ?? '',
  address: addr_info?.find(({ local }) => local !== undefined && parseRange(local))?.local ?? '',
});

/** Asks for the routes of {@link readStanding}. */
export const routeListing: readonly string[] = ['-j', 'route', 'show', 'proto', String(routeProtocol)];
