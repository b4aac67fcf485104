// The node of the machine that the API server runs on: it reaches the API in this process, and does what one node of a cluster does
// for all: it publishes DNS, gives load balancers their addresses, makes volumes, and says what nodes that join must know.
import { kubernetesVersion, persistentvolumeclaims } from '../../api/mod.ts';
import { Tasks } from '../../base/mod.ts';
import { adminUser, nodeUser } from '../control-plane.ts';
import { clusterAddresses } from './addresses.ts';
import type { RunningApi } from './api.ts';
import { dialAddress, isAny, isLoopback } from './bind-address.ts';
import { type IngressSettings, startIngress } from './ingress.ts';
import { kubeletTls, type NodeAgent, type NodeOptions, type NodeRuntime, nodeAddresses, startNodeAgent } from './node.ts';
import { publishDns } from './publish-dns.ts';
import { loadBalancerRange, type PodWays, startLoadBalancers } from './services.ts';
import { runLocalVolumes } from './volumes.ts';

export interface LocalNodeOptions extends NodeOptions {
  readonly node: NodeRuntime;
  readonly api: RunningApi;
  readonly ways: PodWays;
  readonly loadBalancerCidr: string | undefined;
  readonly ingress: IngressSettings;
}

export const localLoadBalancerRange = ({ ports, paths, identity, requirements }: NodeOptions): Promise<string | undefined> =>
  loadBalancerRange({ fs: ports.fs, dataDir: paths.dataDir, network: requirements.network }, identity);

export async function startLocalNode(options: LocalNodeOptions): Promise<NodeAgent> {
  const { api, identity, log, signal, loadBalancerCidr } = options;
  const { controlPlane, pki, server } = api;
  const { nodeName, bindAddress } = identity;
  const { gateway } = clusterAddresses(identity);
  const agent = await startNodeAgent({
    ...options,
    api: {
      client: controlPlane.clientFor(nodeUser(nodeName)),
      informers: controlPlane.informers,
      claims: controlPlane.informers.of(persistentvolumeclaims),
      onStats: (stats) => controlPlane.nodeUsage.attach(nodeName, stats),
    },
    tls: kubeletTls(pki),
    addresses: nodeAddresses(identity, isLoopback(bindAddress) || isAny(bindAddress) ? [] : [bindAddress]),
    version: kubernetesVersion,
    services: {
      ways: options.ways,
      // Pods find it here also where it listens on loopback alone.
      redirects:
        isAny(bindAddress) && gateway.includes(':')
          ? []
          : [{ from: { address: gateway, port: server.port }, to: { address: dialAddress(bindAddress), port: server.port } }],
      loadBalancerCidr,
      onDns: (places) => publishDns(controlPlane.clientFor(adminUser), places),
    },
  });
  const tasks = new Tasks(log);
  tasks.run('volumes', signal, () => runLocalVolumes({ ...options, controlPlane }));
  if (loadBalancerCidr !== undefined) {
    tasks.run('load balancers', signal, () => startLoadBalancers({ ...options, controlPlane, cidr: loadBalancerCidr }));
  }
  if (options.ingress.enabled) {
    const hostAddress = isAny(bindAddress) ? (nodeAddresses(identity)[0] ?? bindAddress) : bindAddress;
    tasks.run('ingress', signal, () =>
      startIngress({ ...options, controlPlane, settings: options.ingress, nodeName, gateway, hostAddress }),
    );
  }
  return { ...agent, stopped: Promise.all([agent.stopped, tasks.settled()]).then(() => {}) };
}
