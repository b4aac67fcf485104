// Services on this machine: the proxy that programs their addresses, with the way by which pods reach the API server, and the DNS server.
import { join } from 'node:path';
import { type Logger, Tasks } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import { parseResolvConf } from '../../kubelet/mod.ts';
import { chooseRange, type PodNetwork, runDnsServer, runLoadBalancers, runNetworkPolicies, runServiceProxy } from '../../network/mod.ts';
import { adminUser, type ControlPlane, componentUser } from '../control-plane.ts';
import { supervise } from '../supervise.ts';
import { clusterAddresses, clusterDomain } from './addresses.ts';
import type { ClusterIdentity } from './data-dir.ts';
import type { MachinePorts } from './ports.ts';
import { publishDns } from './publish-dns.ts';

const hostResolvConf = '/etc/resolv.conf';

export interface NetworkServicesOptions {
  readonly ports: MachinePorts;
  readonly identity: ClusterIdentity;
  readonly controlPlane: ControlPlane;
  readonly network: PodNetwork;
  readonly programs: { readonly ip: string; readonly nft: string };
  /** Where the API server listens. */
  readonly api: { readonly address: string; readonly port: number };
  /** Addresses for services of type LoadBalancer; undefined where none are free. */
  readonly loadBalancerCidr: string | undefined;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Resolves when the signal has fired and everything has ended. */
export function startNetworkServices(options: NetworkServicesOptions): Promise<void> {
  const { ports, identity, controlPlane, signal, api } = options;
  const { clock, processes } = ports;
  const { gateway, dns } = clusterAddresses(identity);
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
    informers: controlPlane.informers,
    processes,
    programs: options.programs,
    clock,
  };
  start('kube-proxy', (own) =>
    runServiceProxy({
      ...own,
      ...ofNode,
      loadBalancerCidr: options.loadBalancerCidr,
      gateway,
      redirects: [{ from: { address: gateway, port: api.port }, to: api }],
      random: ports.random.child('kube-proxy'),
    }),
  );
  start('network-policies', (own) =>
    runNetworkPolicies({ ...own, ...ofNode, gate, fs: ports.fs, random: ports.random.child('network-policies') }),
  );
  start('cluster-dns', (own) =>
    runDnsServer({
      ...own,
      domain: clusterDomain,
      dnsIp: dns,
      ownRanges: [identity.podCidr, identity.serviceCidr],
      host: gateway,
      readUpstreams: async () => parseResolvConf((await ports.fs.readText(hostResolvConf)) ?? '').servers,
      informers: controlPlane.informers,
      clock,
      random: ports.random.child('cluster-dns'),
      onListening: (port) => publishDns(controlPlane.clientFor(adminUser), { clusterIp: dns, address: gateway, port }),
    }),
  );
  const { loadBalancerCidr: cidr } = options;
  if (cidr !== undefined) {
    const client = controlPlane.clientFor(componentUser('kube-controller-manager'));
    start('service-controller', (own) =>
      runLoadBalancers({
        ...own,
        cidr,
        client,
        informers: controlPlane.informers,
        clock,
        random: ports.random.child('service-controller'),
      }),
    );
  }
  return tasks.settled();
}

const loadBalancerRecord = 'load-balancers.json';
const loadBalancersFrom = '10.127.0.0';
/** 63 addresses. */
const loadBalancersPrefix = 26;

/** The range chosen when the cluster first had a node, for life: services have addresses in it. */
export async function loadBalancerRange(
  fs: FileSystem,
  dataDir: string,
  network: PodNetwork,
  others: readonly string[],
): Promise<string | undefined> {
  const path = join(dataDir, loadBalancerRecord);
  const standing = /"cidr":"([\d./]+)"/.exec((await fs.readText(path)) ?? '')?.[1];
  if (standing !== undefined) return standing;
  const taken = [...(await network.takenRanges()), ...others];
  const cidr = chooseRange({ prefix: loadBalancersPrefix, taken, from: loadBalancersFrom });
  if (cidr !== undefined) await fs.write(path, `${JSON.stringify({ cidr })}\n`, { mode: 0o600, durable: true });
  return cidr;
}
