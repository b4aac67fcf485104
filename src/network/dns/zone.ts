// The cluster's names: from a question to records, out of services and endpoint slices as they are at this moment. Pure.
// https://github.com/kubernetes/dns/blob/master/docs/specification.md (version 1.1.0)
import {
  formatIp,
  isHeadless,
  isInRange,
  parseIp,
  parseRange,
  serviceNameLabel,
  type V1Endpoint,
  type V1EndpointSlice,
  type V1Service,
} from '../../api/mod.ts';
import type { DnsRecord, RecordData } from './wire.ts';

/** Of every record: short, because endpoints come and go. */
export const ttlSeconds = 5;
const specificationVersion = '1.1.0';

/** What the zone is made of, read at each question. Keys are `namespace/name`. */
export interface ZoneData {
  service(key: string): V1Service | undefined;
  slices(serviceKey: string): readonly V1EndpointSlice[];
  hasNamespace(name: string): boolean;
  servicesWithIp(ip: string): readonly V1Service[];
  slicesWithAddress(ip: string): readonly V1EndpointSlice[];
}

export interface Zone {
  /** `cluster.local` */
  readonly domain: string;
  /** Where the zone's own server is found, in each family. */
  readonly dnsIps: readonly string[];
  /** Reverse names in these are the zone's own, also where nothing has them. */
  readonly ownRanges: readonly string[];
  readonly data: ZoneData;
}

export type RecordType = 'A' | 'AAAA' | 'SRV' | 'PTR' | 'CNAME' | 'TXT' | 'NS' | 'SOA' | 'other';

export type Lookup =
  /** The name exists; it may have no record of the type asked for. */
  | { readonly is: 'found'; readonly answers: readonly DnsRecord[]; readonly additional?: readonly DnsRecord[] }
  | { readonly is: 'missing' }
  /** Another name, of the zone or not, has the answer. */
  | { readonly is: 'alias'; readonly record: DnsRecord; readonly target: string }
  /** No name of the zone. */
  | { readonly is: 'foreign' };

const empty: Lookup = { is: 'found', answers: [] };
const missing: Lookup = { is: 'missing' };

/** `name` in lower case, without its last dot. */
export function lookUp(zone: Zone, name: string, type: RecordType): Lookup {
  const { domain } = zone;
  const reverse = reverseAddress(name);
  if (reverse !== undefined) return lookUpReverse(zone, name, reverse, type);
  if (name === domain) return lookUpApex(zone, type);
  if (!name.endsWith(`.${domain}`)) return { is: 'foreign' };
  const labels = name.slice(0, -domain.length - 1).split('.');
  const kind = labels.pop();
  if (kind === 'svc') return lookUpService(zone, name, labels, type);
  if (kind === 'pod') return lookUpPod(zone, name, labels, type);
  if (kind === 'dns-version' && labels.length === 0) return found(name, type, [{ type: 'TXT', text: specificationVersion }]);
  if (kind === 'dns') {
    if (labels.length === 0) return empty;
    if (labels.length === 1 && labels[0] === 'ns') return found(name, type, addressData(zone.dnsIps));
  }
  return missing;
}

function found(name: string, type: RecordType, data: readonly RecordData[]): Lookup {
  return { is: 'found', answers: data.filter((one) => one.type === type).map((one) => ({ name, ttlSeconds, data: one })) };
}

const addressData = (ips: readonly string[]): readonly RecordData[] =>
  ips.flatMap((address): readonly RecordData[] => {
    const parsed = parseIp(address);
    return parsed ? [{ type: parsed.family === 'IPv4' ? 'A' : 'AAAA', address: formatIp(parsed) }] : [];
  });

function lookUpApex(zone: Zone, type: RecordType): Lookup {
  const answers = [soaRecord(zone.domain), { name: zone.domain, ttlSeconds, data: { type: 'NS', name: `ns.dns.${zone.domain}` } } as const];
  return { is: 'found', answers: answers.filter(({ data }) => data.type === type) };
}

/** Says from whom it comes, and for how long, that there is nothing. */
export function soaRecord(domain: string): DnsRecord {
  const data: RecordData = {
    type: 'SOA',
    primary: `ns.dns.${domain}`,
    mailbox: `hostmaster.${domain}`,
    serial: 1,
    minimumSeconds: ttlSeconds,
  };
  return { name: domain, ttlSeconds, data };
}

/** Labels before `svc`: `[namespace]`, `[service, ns]`, `[host, service, ns]`, `[_port, _protocol, service, ns]`. */
function lookUpService(zone: Zone, name: string, labels: readonly string[], type: RecordType): Lookup {
  const [serviceName, namespace] = [labels.at(-2), labels.at(-1)];
  if (namespace === undefined) return empty;
  if (serviceName === undefined) return zone.data.hasNamespace(namespace) ? empty : missing;
  const key = `${namespace}/${serviceName}`;
  const service = zone.data.service(key);
  if (!service?.spec) return missing;
  const rest = labels.slice(0, -2);
  const named: NamedService = {
    zone,
    service,
    fullName: `${serviceName}.${namespace}.svc.${zone.domain}`,
    slices: () => zone.data.slices(key),
  };
  if (service.spec.type === 'ExternalName') return rest.length === 0 ? aliasOf(name, service) : missing;
  if (rest.length === 0) return type === 'SRV' ? srv(named, name, () => true) : found(name, type, addressData(ipsOf(named)));
  const [first = '', second = ''] = rest;
  if (rest.length === 2 && first.startsWith('_') && second.startsWith('_'))
    return lookUpPort(named, name, first.slice(1), second.slice(1), type);
  if (rest.length !== 1) return missing;
  if (first === '_tcp' || first === '_udp' || first === '_sctp') return empty;
  return lookUpHost(named, name, first, type);
}

interface NamedService {
  readonly zone: Zone;
  readonly service: V1Service;
  /** `web.default.svc.cluster.local` */
  readonly fullName: string;
  readonly slices: () => readonly V1EndpointSlice[];
}

function aliasOf(name: string, { spec }: V1Service): Lookup {
  const target = (spec?.externalName ?? '').replace(/\.$/, '').toLowerCase();
  return target === '' ? missing : { is: 'alias', record: { name, ttlSeconds, data: { type: 'CNAME', name: target } }, target };
}

function ipsOf({ service, slices }: NamedService): readonly string[] {
  const { spec } = service;
  if (!isHeadless(spec ?? {})) return (spec?.clusterIPs ?? [spec?.clusterIP ?? '']).filter((ip) => ip !== '');
  return [...new Set(readyEndpoints(slices()).flatMap(({ endpoint }) => endpoint.addresses))];
}

interface Placed {
  readonly endpoint: V1Endpoint;
  readonly slice: V1EndpointSlice;
}

function readyEndpoints(slices: readonly V1EndpointSlice[]): readonly Placed[] {
  return slices.flatMap((slice) =>
    (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).map((endpoint) => ({ endpoint, slice })),
  );
}

/** What an endpoint of a headless service is called below it. */
const hostOf = ({ hostname, addresses }: V1Endpoint): string => hostname || dashed(addresses[0] ?? '');
const dashed = (ip: string): string => ip.replaceAll(/[.:]/g, '-');

function lookUpHost({ service, slices }: NamedService, name: string, host: string, type: RecordType): Lookup {
  if (!isHeadless(service.spec ?? {})) return missing;
  const endpoints = readyEndpoints(slices()).filter(({ endpoint }) => hostOf(endpoint) === host);
  if (endpoints.length === 0) return missing;
  return found(name, type, addressData([...new Set(endpoints.flatMap(({ endpoint }) => endpoint.addresses))]));
}

function lookUpPort(named: NamedService, name: string, port: string, protocol: string, type: RecordType): Lookup {
  const answer = srv(named, name, (one) => one.name === port && (one.protocol ?? 'TCP').toLowerCase() === protocol);
  if (answer.is !== 'found' || answer.answers.length === 0) return missing;
  return type === 'SRV' ? answer : empty;
}

interface Port {
  readonly name?: string | undefined;
  readonly protocol?: string | undefined;
}

/** A record a port, and for headless services a port and endpoint; with the targets' addresses. */
function srv({ service, slices, fullName }: NamedService, name: string, wanted: (port: Port) => boolean): Lookup {
  const targets = isHeadless(service.spec ?? {})
    ? readyEndpoints(slices()).flatMap(({ endpoint, slice }) =>
        (slice.ports ?? []).filter(wanted).flatMap(({ port }) => {
          const target = `${hostOf(endpoint)}.${fullName}`;
          return port === undefined ? [] : [{ target, port, ips: endpoint.addresses }];
        }),
      )
    : (service.spec?.ports ?? []).filter(wanted).map(({ port }) => ({ target: fullName, port, ips: service.spec?.clusterIPs ?? [] }));
  const unique = new Map(targets.map((one) => [`${one.target}:${one.port}`, one]));
  const addresses = new Map(
    [...unique.values()].flatMap(({ target, ips }) =>
      addressData(ips).map((data) => [`${target} ${JSON.stringify(data)}`, { target, data }]),
    ),
  );
  return {
    is: 'found',
    answers: [...unique.values()].map(({ target, port }) => ({
      name,
      ttlSeconds,
      data: { type: 'SRV', priority: 0, weight: 100, port, target },
    })),
    additional: [...addresses.values()].map(({ target, data }) => ({ name: target, ttlSeconds, data })),
  };
}

/** `10-42-0-7.default.pod`, `fd00-42--7.default.pod`: says back what it is asked, as the specification allows, whoever has the address. */
function lookUpPod(zone: Zone, name: string, labels: readonly string[], type: RecordType): Lookup {
  const [ip, namespace] = [labels.at(-2), labels.at(-1)];
  if (namespace === undefined) return empty;
  if (!zone.data.hasNamespace(namespace)) return missing;
  if (ip === undefined) return empty;
  const isIPv4 = /^\d+-\d+-\d+-\d+$/.test(ip);
  const address = labels.length === 2 ? ip.replaceAll('-', isIPv4 ? '.' : ':') : '';
  return parseIp(address) ? found(name, type, addressData([address])) : missing;
}

/** `4.3.2.1.in-addr.arpa` -> `1.2.3.4`, 32 digits before `ip6.arpa` -> `fd00::1`; undefined for any other name. */
export function reverseAddress(name: string): string | undefined {
  if (name.endsWith('.ip6.arpa')) {
    const digits = /^(?:[0-9a-f]\.){32}ip6\.arpa$/.test(name) ? name.slice(0, 63).replaceAll('.', '') : undefined;
    return digits && formatIp({ family: 'IPv6', value: BigInt(`0x${[...digits].reverse().join('')}`) });
  }
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (!match) return undefined;
  const address = match.slice(1).reverse().join('.');
  return parseIp(address) ? address : undefined;
}

/** As {@link reverseAddress} gives it: what users write may have zeros more, or capitals. */
export function plainIp(text: string): string {
  const parsed = text.includes(':') ? parseIp(text) : undefined;
  return parsed ? formatIp(parsed) : text;
}

function lookUpReverse(zone: Zone, name: string, ip: string, type: RecordType): Lookup {
  const { data, domain } = zone;
  const services = data.servicesWithIp(ip).map(({ metadata }) => `${metadata?.name}.${metadata?.namespace}.svc.${domain}`);
  const names = services.length > 0 ? services : data.slicesWithAddress(ip).flatMap((slice) => reverseNames(zone, slice, ip));
  if (names.length > 0)
    return found(
      name,
      type,
      [...new Set(names)].map((target) => ({ type: 'PTR', name: target })),
    );
  const isOwn = zone.ownRanges.some((text) => {
    const range = parseRange(text);
    return range !== undefined && isInRange(ip, range);
  });
  return isOwn ? missing : { is: 'foreign' };
}

/** Endpoints of headless services have names of their own. */
function reverseNames({ data, domain }: Zone, slice: V1EndpointSlice, ip: string): readonly string[] {
  const { namespace = '', labels } = slice.metadata ?? {};
  const serviceName = labels?.[serviceNameLabel] ?? '';
  const service = data.service(`${namespace}/${serviceName}`);
  if (!service?.spec || !isHeadless(service.spec)) return [];
  return readyEndpoints([slice])
    .filter(({ endpoint }) => endpoint.addresses.some((address) => plainIp(address) === ip))
    .map(({ endpoint }) => `${hostOf(endpoint)}.${serviceName}.${namespace}.svc.${domain}`);
}
