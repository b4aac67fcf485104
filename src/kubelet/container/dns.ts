// What goes into a pod's resolv.conf and hosts file. Pure.
// Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
import type { V1Pod } from '../../api/mod.ts';

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** The cluster's own DNS. Absent as long as there is none: ClusterFirst is then Default. */
export interface ClusterDns {
  readonly servers: readonly string[];
  readonly domain: string;
}

/** resolv.conf lets a resolver look at so many servers. */
const serversMax = 3;
const searchesMax = 32;

export function parseResolvConf(text: string): DnsConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === 'nameserver' && rest[0]) servers.push(rest[0]);
    else if (word === 'search') searches = rest.map((one) => one.replace(/(.)\.$/, '$1'));
    else if (word === 'options') options = rest;
  }
  return { servers, searches, options };
}

export function podDns(pod: V1Pod, host: DnsConfig, cluster: ClusterDns | undefined): DnsConfig {
  const base = baseDns(pod, host, cluster);
  const own = pod.spec?.dnsConfig;
  if (!own) return base;
  const options = new Map(base.options.map((option) => [option.split(':', 1)[0] ?? option, option]));
  for (const { name = '', value } of own.options ?? []) options.set(name, value ? `${name}:${value}` : name);
  return {
    servers: unique([...base.servers, ...(own.nameservers ?? [])]).slice(0, serversMax),
    searches: unique([...base.searches, ...(own.searches ?? [])]).slice(0, searchesMax),
    options: [...options.values()],
  };
}

function baseDns(pod: V1Pod, host: DnsConfig, cluster: ClusterDns | undefined): DnsConfig {
  const policy = pod.spec?.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  const wantsCluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && pod.spec?.hostNetwork !== true);
  if (!wantsCluster || !cluster || cluster.servers.length === 0) return { ...host, servers: host.servers.slice(0, serversMax) };
  const { domain, servers } = cluster;
  const searches = [`${pod.metadata?.namespace ?? ''}.svc.${domain}`, `svc.${domain}`, domain, ...host.searches];
  return { servers: servers.slice(0, serversMax), searches: unique(searches).slice(0, searchesMax), options: ['ndots:5'] };
}

const unique = (list: readonly string[]): string[] => [...new Set(list)];

/** The name inside the pod, and its domain when it has a subdomain. */
export function podHostname(pod: V1Pod, clusterDomain: string | undefined): { hostname: string; domain: string } {
  const { hostname: own, hostnameOverride, subdomain } = pod.spec ?? {};
  if (hostnameOverride) return { hostname: hostnameOverride, domain: '' };
  const name = own || (pod.metadata?.name ?? '');
  const hostname = name.slice(0, 63).replace(/[-.]+$/, '');
  const domain = subdomain && clusterDomain ? `${subdomain}.${pod.metadata?.namespace ?? ''}.svc.${clusterDomain}` : '';
  return { hostname, domain };
}

export interface HostsInput {
  readonly pod: V1Pod;
  readonly podIPs: readonly string[];
  readonly hostname: string;
  readonly domain: string;
  /** The machine's own hosts file, for pods on the host's network. */
  readonly machineHosts: string;
}

export function hostsFile(input: HostsInput): string {
  const { pod, podIPs, hostname, domain, machineHosts } = input;
  const lines: string[] = [];
  if (pod.spec?.hostNetwork === true) {
    lines.push('# Kubernetes-managed hosts file (host network).', machineHosts.replace(/\n$/, ''));
  } else {
    lines.push('# Kubernetes-managed hosts file.', '127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback');
    lines.push('fe00::0\tip6-localnet', 'fe00::0\tip6-mcastprefix', 'fe00::1\tip6-allnodes', 'fe00::2\tip6-allrouters');
    for (const ip of podIPs) lines.push(domain ? `${ip}\t${hostname}.${domain}\t${hostname}` : `${ip}\t${hostname}`);
  }
  const aliases = pod.spec?.hostAliases ?? [];
  if (aliases.length > 0) lines.push('', '# Entries added by HostAliases.');
  for (const alias of aliases) lines.push(`${alias.ip}\t${(alias.hostnames ?? []).join('\t')}`);
  return `${lines.join('\n')}\n`;
}
