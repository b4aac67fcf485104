// Services on this machine: the proxy that programs their addresses, the ways to other nodes' pods, and the DNS server.
import { join } from 'node:path';
import { type Logger, Tasks } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Informers } from '../../client/mod.ts';
import { parseResolvConf } from '../../kubelet/mod.ts';
import {
  chooseRange,
  familyOf,
  findClash,
  type PodNetwork,
  type PodNetworkMode,
  type Redirect,
  runDnsServer,
  runLoadBalancers,
  runNetworkPolicies,
  runPodRoutes,
  runServiceProxy,
  type ServedHere,
  splitRanges,
} from '../../network/mod.ts';
import { type ControlPlane, componentUser } from '../control-plane.ts';
import { supervise } from '../supervise.ts';
import { clusterAddresses, clusterDomain } from './addresses.ts';
import type { ClusterIdentity } from './data-dir.ts';
import type { MachinePorts } from './ports.ts';
import type { DnsPlace } from './publish-dns.ts';

const hostResolvConf = '/etc/resolv.conf';

/** How nodes reach each other's pods: the same on all of them. */
export interface PodWays {
  readonly mode: PodNetworkMode;
  /** The VXLAN network identifier. */
  readonly vni: number;
}

export interface NetworkServicesOptions {
  readonly ports: MachinePorts;
  readonly identity: ClusterIdentity;
  readonly informers: Informers;
  /** Of everybody's pods: policies name those of other nodes, too. */
  readonly policyInformers: Informers;
  readonly network: PodNetwork;
  readonly programs: { readonly ip: string; readonly bridge: string; readonly nft: string };
  readonly ways: PodWays;
  /** Called before the first way to another node is made, with what its packets need besides. */
  readonly onOverhead: (bytes: number) => Promise<void>;
  readonly redirects: readonly Redirect[];
  readonly servedHere?: ServedHere | undefined;
  /** Addresses for services of type LoadBalancer; undefined where none are free. */
  readonly loadBalancerCidr: string | undefined;
  /** The DNS server answers. */
  readonly onDns: (places: readonly DnsPlace[]) => Promise<void>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Resolves when the signal has fired and everything has ended. */
export function startNetworkServices(options: NetworkServicesOptions): Promise<void> {
  const { ports, identity, informers, signal } = options;
  const { clock, processes } = ports;
  const { all } = clusterAddresses(identity);
  const tasks = new Tasks(options.log);
  const start = (name: string, run: (own: { log: Logger; signal: AbortSignal }) => Promise<void>) => {
    const log = options.log.with({ component: name });
    const random = ports.random.child(name);
    tasks.run(name, signal, () => supervise({ name, clock, random, log, signal, run: (stop) => run({ log, signal: stop }) }));
  };
  const { bridge, gate } = options.network;
  const ofNode = {
    ...identity,
    clusterId: identity.id,
    bridge,
    informers,
    processes,
    programs: options.programs,
    clock,
  };
  for (const [i, { family, ...ranges }] of all.entries()) {
    const ofFamily = (address: string) => familyOf(address) === family;
    const name = i === 0 ? 'kube-proxy' : `kube-proxy-${family.name.toLowerCase()}`;
    start(name, (own) =>
      runServiceProxy({
        ...own,
        ...ofNode,
        ...ranges,
        family,
        loadBalancerCidr: splitRanges(options.loadBalancerCidr ?? '').find(ofFamily),
        redirects: options.redirects.filter(({ from }) => ofFamily(from.address)),
        servedHere: options.servedHere,
        random: ports.random.child(name),
      }),
    );
  }
  start('network-policies', (own) =>
    runNetworkPolicies({
      ...own,
      ...ofNode,
      podCidrs: all.map(({ podCidr }) => podCidr),
      informers: options.policyInformers,
      gate,
      fs: ports.fs,
      random: ports.random.child('network-policies'),
    }),
  );
  start('pod-routes', (own) =>
    runPodRoutes({ ...own, ...ofNode, ...options.ways, outsideMtu: options.network.outsideMtu, onOverhead: options.onOverhead }),
  );
  start('cluster-dns', (own) =>
    runDnsServer({
      ...own,
      domain: clusterDomain,
      dnsIps: all.map(({ dns }) => dns),
      ownRanges: [identity.clusterCidr, identity.serviceCidr].flatMap(splitRanges),
      hosts: all.map(({ gateway }) => gateway),
      readUpstreams: async () => parseResolvConf((await ports.fs.readText(hostResolvConf)) ?? '').servers,
      informers,
      clock,
      random: ports.random.child('cluster-dns'),
      onListening: (listening) =>
        options.onDns(all.map(({ dns, gateway }, i) => ({ clusterIp: dns, address: gateway, port: listening[i] ?? 0 }))),
    }),
  );
  return tasks.settled();
}

export interface LoadBalancersOptions {
  readonly ports: MachinePorts;
  readonly controlPlane: ControlPlane;
  readonly cidr: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Gives services of type LoadBalancer their addresses. Resolves when the signal has fired and everything has ended. */
export function startLoadBalancers({ ports, controlPlane, cidr, log, signal }: LoadBalancersOptions): Promise<void> {
  const name = 'service-controller';
  const client = controlPlane.clientFor(componentUser('kube-controller-manager'));
  const own = { clock: ports.clock, random: ports.random.child(name), log: log.with({ component: name }) };
  const { informers } = controlPlane;
  return supervise({ name, ...own, signal, run: (stop) => runLoadBalancers({ ...own, cidr, client, informers, signal: stop }) });
}

const loadBalancerRecord = 'load-balancers.json';
const loadBalancersFrom = '10.127.0.0';
/** 63 addresses. */
const loadBalancersPrefix = 26;

/** The ranges chosen when the cluster first had a node, one of each of its families, for life: services have addresses in them. */
export async function loadBalancerRange(
  { fs, dataDir, network }: { readonly fs: FileSystem; readonly dataDir: string; readonly network: PodNetwork },
  { id, serviceCidr, clusterCidr }: Pick<ClusterIdentity, 'id' | 'serviceCidr' | 'clusterCidr'>,
): Promise<string | undefined> {
  const path = join(dataDir, loadBalancerRecord);
  const standing = /"cidr":"([\da-f./:,]+)"/.exec((await fs.readText(path)) ?? '')?.[1];
  if (standing !== undefined) return standing;
  const own = splitRanges(serviceCidr);
  const taken = [...(await network.takenRanges()), ...own, ...splitRanges(clusterCidr)];
  const ranges = own.flatMap((service) => {
    if (familyOf(service).name === 'IPv6') {
      const range = uniqueLocalRange(id);
      return findClash([range], taken) ? [] : [range];
    }
    return chooseRange({ prefix: loadBalancersPrefix, taken, from: loadBalancersFrom }) ?? [];
  });
  if (ranges.length === 0) return undefined;
  const cidr = ranges.join(',');
  await fs.write(path, `${JSON.stringify({ cidr })}\n`, { mode: 0o600, durable: true });
  return cidr;
}

/** Of IPv6 addresses that nobody gives out: RFC 4193, with the cluster's id for chance. 63 addresses. */
const uniqueLocalRange = (id: string): string => `fd6d:${id.slice(0, 4)}:${Number.parseInt(id.slice(4, 6), 16).toString(16)}:7f::/122`;
