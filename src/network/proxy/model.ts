// What a service asks of the packet filter: for each address and port that clients use, where their packets go. Pure.
// https://kubernetes.io/docs/reference/networking/virtual-ips/
import { createHash } from 'node:crypto';
import {
  containsRange,
  formatRange,
  type IpRange,
  isHeadless,
  isSingle,
  parseRange,
  type V1EndpointSlice,
  type V1Service,
  type V1ServicePort,
} from '../../api/mod.ts';
import type { Family } from '../addresses/family.ts';
import { type Backend, isPort, type Place, plainAddress, selectBackends } from './backends.ts';

export const protocols = ['tcp', 'udp', 'sctp'] as const;
export type Protocol = (typeof protocols)[number];

/** `addresses`: one address and port. `nodeports`: a port of every address of the node. The inside ones hold for pods and the node itself, before the others. */
export const frontendTables = ['addresses', 'nodeports', 'inside-addresses', 'inside-nodeports'] as const;
export type FrontendTable = (typeof frontendTables)[number];

/** One thing that clients send packets to. Table and key name it: two services may claim the same. */
export interface Frontend {
  readonly table: FrontendTable;
  /** As nftables writes it: `10.96.0.10 . udp . 53`, `tcp . 30080`. */
  readonly key: string;
  readonly protocol: Protocol;
  readonly backends: readonly Backend[];
  /** What happens without backends: refused, or dropped where only this node lacks them. */
  readonly otherwise: 'refuse' | 'drop';
  /** A client comes to the same backend again within so many seconds. The name is shared by frontends of the same port. */
  readonly affinity?: { readonly name: string; readonly seconds: number };
  /** Ranges from which it may be reached. Absent: from everywhere. */
  readonly sources?: readonly string[];
}

export const addressKey = (address: string, protocol: Protocol, port: number): string => `${address} . ${protocol} . ${port}`;
export const nodePortKey = (protocol: Protocol, port: number): string => `${protocol} . ${port}`;

/** Neither headless nor by name elsewhere: a service with an address that has to be programmed. */
export function isProgrammed({ spec }: V1Service): boolean {
  return spec !== undefined && spec.type !== 'ExternalName' && !isHeadless(spec) && (spec.clusterIP ?? '') !== '';
}

/** Everything that one service asks for. `redirect` says where a backend is really reached, where that is not at its address. */
export function frontendsOf(
  service: V1Service,
  slices: readonly V1EndpointSlice[],
  place: Place,
  redirect: (backend: Backend) => Backend = (backend) => backend,
): readonly Frontend[] {
  const { spec } = service;
  if (!spec || !isProgrammed(service)) return [];
  return (spec.ports ?? []).flatMap((port) => {
    const { all, local } = selectBackends(slices, port, place);
    return portFrontends(service, port, { all: all.map(redirect), local: local.map(redirect) }, place.family);
  });
}

type Policy = 'all' | 'local';

function portFrontends(
  service: V1Service,
  port: V1ServicePort,
  found: Readonly<Record<Policy, readonly Backend[]>>,
  family: Family,
): readonly Frontend[] {
  const { spec } = service;
  const protocol = protocols.find((one) => one === (port.protocol ?? 'TCP').toLowerCase());
  if (!protocol || !isPort(port.port)) return [];
  const frontend = (table: FrontendTable, key: string, policy: Policy): Frontend => ({
    table,
    key,
    protocol,
    backends: found[policy],
    otherwise: found.all.length === 0 ? 'refuse' : 'drop',
    ...affinityOf(service, port, policy),
  });
  const internal: Policy = spec?.internalTrafficPolicy === 'Local' ? 'local' : 'all';
  const external: Policy = spec?.externalTrafficPolicy === 'Local' ? 'local' : 'all';
  // Who is inside reaches every endpoint by the outside addresses, too: Local keeps clients' addresses, which no one rewrites there.
  const outside = (table: 'addresses' | 'nodeports', key: string): readonly Frontend[] => [
    frontend(table, key, external),
    ...(external === 'local' ? [frontend(`inside-${table}`, key, 'all')] : []),
  ];
  const plain = (texts: readonly string[]) => texts.flatMap((text) => plainAddress(text, family) ?? []);
  const balanced = plain(loadBalancerIps(service)).flatMap((ip) => outside('addresses', addressKey(ip, protocol, port.port)));
  const sources = sourceRanges(service, family);
  return [
    ...plain(spec?.clusterIPs ?? [spec?.clusterIP ?? '']).map((ip) => frontend('addresses', addressKey(ip, protocol, port.port), internal)),
    ...plain(spec?.externalIPs ?? []).flatMap((ip) => outside('addresses', addressKey(ip, protocol, port.port))),
    ...(sources.length === 0 ? balanced : balanced.map((one) => ({ ...one, sources }))),
    ...(isPort(port.nodePort) && hasFamily(service, family) ? outside('nodeports', nodePortKey(protocol, port.nodePort)) : []),
  ];
}

/** Node ports are of the families that the service has addresses of. */
const hasFamily = ({ spec }: V1Service, { name }: Family): boolean =>
  spec?.ipFamilies === undefined ? (spec?.clusterIP ?? '').includes(':') === (name === 'IPv6') : spec.ipFamilies.includes(name);

function loadBalancerIps({ spec, status }: V1Service): readonly string[] {
  if (spec?.type !== 'LoadBalancer') return [];
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) => (ip && ipMode !== 'Proxy' ? [ip] : []));
}

/** Contained ranges are left out: the kernel refuses ranges that overlap. */
function sourceRanges({ spec }: V1Service, family: Family): readonly string[] {
  const asked = spec?.loadBalancerSourceRanges ?? [];
  if (spec?.type !== 'LoadBalancer' || asked.length === 0) return [];
  const ranges = asked.flatMap((text) => {
    const range = parseRange(text.trim());
    return range?.family === family.name ? [range] : [];
  });
  if (ranges.some(({ prefix }) => prefix === 0)) return [];
  const outer = ranges.filter(
    (one, i) => !ranges.some((other, j) => i !== j && containsRange(other, one) && (j < i || !containsRange(one, other))),
  );
  // Ranges of the other family alone let nobody in.
  return outer.length > 0 ? outer.map(rangeText) : [family.nobody];
}

/** As nft lists it: a range of one without its prefix. */
const rangeText = (range: IpRange): string => (isSingle(range) ? formatRange(range).replace(/\/\d+$/, '') : formatRange(range));

const affinityDefaultSeconds = 10_800;
const affinityMaxSeconds = 86_400;

function affinityOf({ metadata, spec }: V1Service, port: V1ServicePort, policy: Policy): Pick<Frontend, 'affinity'> {
  if (spec?.sessionAffinity !== 'ClientIP') return {};
  const of = [metadata?.namespace, metadata?.name, port.name, port.protocol, port.port, policy].join('/');
  const asked = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinityDefaultSeconds;
  const seconds = Math.min(Math.max(1, Math.trunc(asked)), affinityMaxSeconds);
  const name = `affinity-${createHash('sha256').update(of).digest('hex').slice(0, 16)}`;
  return { affinity: { name, seconds } };
}
