// How pods of other nodes are reached: from the nodes there are and what the kernel has, to what `ip` and `bridge` are told. Pure.
// Each node's pods are one route: by way of the node's own address, or through a VXLAN tunnel to it, in which the node's end has
// an address and a hardware address that follow from its pods' range. So nothing has to be learned or announced.
// Source: https://www.kernel.org/doc/html/latest/networking/vxlan.html
import { addressAt, containsRange, formatRange, type IpRange, isInRange, parseRange, type V1Node } from '../../api/mod.ts';
import { splitRanges } from '../addresses/choose-range.ts';
import { familyOf } from '../addresses/family.ts';

export type PodNetworkMode = 'vxlan' | 'routes';

/** The tunnel's headers: Ethernet, IP, UDP, VXLAN. `address`: of the cluster's main family, which is that of the tunnels' ends. */
export const vxlanOverheadBytes = (address: string): number => (address.includes(':') ? 70 : 50);
/** The kernel's default, shared by every tunnel of a machine whose network identifiers differ. */
const vxlanPort = 8472;
/** Marks our routes: of no program that is known to iproute2. */
const routeProtocol = 109;

/** A node. */
export interface Peer {
  /** Of its pods, in the cluster's main family. */
  readonly podCidr: string;
  /** Its own of that family, by which other nodes reach it. */
  readonly address: string;
  /** Of the cluster's other family. Without an address of its own there is no way but the tunnel. */
  readonly second?: { readonly podCidr: string; readonly address: string | undefined };
}

export interface Wanted {
  readonly mode: PodNetworkMode;
  /** `mk3fa9c1vx` */
  readonly device: string;
  /** The tunnel's network identifier, the same on every node of the cluster: 24 bits. */
  readonly vni: number;
  /** Of the way outside. */
  readonly mtu: number;
  /** Of every node's pods, one of each family. */
  readonly clusterCidr: string;
  readonly own: Peer;
  readonly peers: readonly Peer[];
}

/** What the kernel has of ours. */
export interface Standing {
  /** Undefined: there is no tunnel. */
  readonly link:
    | { readonly mtu: number; readonly vni: number; readonly local: string; readonly mac: string; readonly addresses: readonly string[] }
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

/** Locally administered, and unlike those that the kernel makes up: `0a:58` and four bytes of the range's first address. */
export function tunnelMac(podCidr: string): string {
  const { first = 0n, family = 'IPv4' } = parseRange(podCidr) ?? {};
  // What nodes' ranges differ in.
  const number = Number((family === 'IPv4' ? first : first >> 64n) & 0xffffffffn);
  const bytes = [0x0a, 0x58, ...[24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff)];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** An address that no pod has: the first of the range; of IPv6, where that is every router's, the one after the bridge's. */
function tunnelAddress(podCidr: string): string {
  const range = parseRange(podCidr);
  return range === undefined ? '' : addressAt(range, range.family === 'IPv4' ? 0 : 2);
}

const clustersOf = (clusterCidr: string): readonly IpRange[] => splitRanges(clusterCidr).flatMap((text) => parseRange(text) ?? []);

interface Half {
  readonly podCidr: string;
  readonly address: string | undefined;
}

/** Of one family: the node's range in the cluster's, and its address. */
function halfOf({ spec, status }: V1Node, cluster: IpRange): Half | undefined {
  const ranges = (spec?.podCIDRs ?? [spec?.podCIDR ?? '']).flatMap((text) => parseRange(text) ?? []);
  const range = ranges.find((one) => containsRange(cluster, one));
  const isOfFamily = (text: string) => parseRange(text)?.family === cluster.family;
  const address = status?.addresses?.find((one) => one.type === 'InternalIP' && isOfFamily(one.address))?.address;
  return range && { podCidr: formatRange(range), address };
}

/** Undefined for a node that has no range or address yet, and for a simulated one, whose address is one of its own pods'. */
function peerOf(node: V1Node, [main, other]: readonly IpRange[]): Peer | undefined {
  const half = main && halfOf(node, main);
  const range = half && parseRange(half.podCidr);
  if (!half || !range || half.address === undefined || isInRange(half.address, range)) return undefined;
  const second = other && halfOf(node, other);
  return { podCidr: half.podCidr, address: half.address, ...(second ? { second } : {}) };
}

/** Whether a change of a node changes nothing about how its pods are reached. */
export function isSameWay(old: V1Node | undefined, next: V1Node | undefined, clusterCidr: string): boolean {
  const clusters = clustersOf(clusterCidr);
  const [before, after] = [old && peerOf(old, clusters), next && peerOf(next, clusters)];
  const isSame = (a: Half | undefined, b: Half | undefined) => a?.address === b?.address && a?.podCidr === b?.podCidr;
  return isSame(before, after) && isSame(before?.second, after?.second);
}

export interface Neighborhood {
  /** Undefined until this node has a range and an address. */
  readonly own: Peer | undefined;
  /** In the order of their ranges. */
  readonly peers: readonly Peer[];
}

export function neighborhoodOf(nodes: readonly V1Node[], nodeName: string, clusterCidr: string): Neighborhood {
  const clusters = clustersOf(clusterCidr);
  const peers: Peer[] = [];
  let own: Peer | undefined;
  for (const node of nodes) {
    const peer = peerOf(node, clusters);
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
  const routes = new Map(peers.flatMap((peer) => halvesOf(peer).flatMap((half) => routeOf(wanted, half))));
  const neighbors = new Map(needsLink ? peers.flatMap(neighborsOf) : []);
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

const halvesOf = (peer: Peer): readonly Half[] => [peer, ...(peer.second ? [peer.second] : [])];

function routeOf({ mode, device }: Wanted, { podCidr, address }: Half): readonly (readonly [string, string])[] {
  if (mode === 'vxlan') return [[podCidr, `via ${tunnelAddress(podCidr)} dev ${device}`]];
  return address === undefined ? [] : [[podCidr, `via ${address}`]];
}

/** Both families' ends of a tunnel have one hardware address. */
const neighborsOf = (peer: Peer) => halvesOf(peer).map(({ podCidr }) => [tunnelAddress(podCidr), tunnelMac(peer.podCidr)] as const);

function isLinkRight({ vni, mtu, own }: Wanted, link: NonNullable<Standing['link']>): boolean {
  const { podCidr, address } = own;
  return (
    link.vni === vni &&
    link.mtu === mtu - vxlanOverheadBytes(address) &&
    link.local === address &&
    link.mac === tunnelMac(podCidr) &&
    halvesOf(own).every((half) => link.addresses.includes(tunnelAddress(half.podCidr)))
  );
}

function linkLines({ device, vni, mtu, own }: Wanted): readonly string[] {
  const of = `vxlan id ${vni} dstport ${vxlanPort} local ${own.address} nolearning`;
  return [
    `link add ${device} mtu ${mtu - vxlanOverheadBytes(own.address)} address ${tunnelMac(own.podCidr)} type ${of}`,
    ...halvesOf(own).map(
      ({ podCidr }) =>
        `addr add ${tunnelAddress(podCidr)}${podCidr.includes(':') ? '/128' : '/32'} dev ${device}${podCidr.includes(':') ? ' nodad' : ''}`,
    ),
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
  /** `ip -j route show proto 109`, of each family */
  readonly routes: readonly string[];
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
  const clusters = clustersOf(clusterCidr);
  const [link] = list<ListedLink>(listings.link);
  const listed = listings.routes.flatMap((text) => list<{ dst?: string; gateway?: string; dev?: string }>(text));
  const routes = listed.flatMap(({ dst = '', gateway, dev }) => {
    const range = parseRange(dst);
    if (!range || !clusters.some((cluster) => containsRange(cluster, range))) return [];
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
  addresses: (addr_info ?? []).flatMap(({ local }) => local ?? []),
});

/** Ask for the routes of {@link readStanding}: a list of arguments for each family of the cluster. */
export const routeListings = (clusterCidr: string): readonly (readonly string[])[] =>
  splitRanges(clusterCidr).map((text) => [
    ...(familyOf(text).ip === 'ip6' ? ['-6'] : []),
    ...['-j', 'route', 'show', 'proto', String(routeProtocol)],
  ]);
