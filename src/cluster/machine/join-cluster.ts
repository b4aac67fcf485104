// Becoming a node of another machine's cluster: the Node object, the range of its pods, and what every node must know. And leaving it.
import { join } from 'node:path';
import { hasReason, nodes, type V1Node } from '../../api/mod.ts';
import { errorText, type Logger, sleep, withDeadline } from '../../base/mod.ts';
import type { Client } from '../../client/mod.ts';
import { findClash, splitRanges } from '../../network/mod.ts';
import { JoinError } from '../pki/node-credentials.ts';
import { type ClusterIdentity, loopback, writeIdentity } from './data-dir.ts';
import type { NodeRequirements } from './node.ts';
import type { MachinePorts } from './ports.ts';
import { type NodesConfig, readNodesConfig } from './publish-nodes.ts';

const rangeMs = 30_000;
const lookEveryMs = 250;
/** How long a node that starts again waits for a server that may be away. */
const refreshMs = 3_000;
const configName = 'nodes.json';

export interface JoinPlace {
  readonly ports: MachinePorts;
  readonly dataDir: string;
  readonly server: string;
  readonly nodeName: string;
  readonly addresses: readonly string[];
  readonly requirements: NodeRequirements;
  /** Acts as the node. */
  readonly client: Client;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface Membership {
  readonly identity: ClusterIdentity;
  readonly config: NodesConfig;
}

/** Throws {@link JoinError}. */
export async function joinCluster(place: JoinPlace): Promise<Membership> {
  const { client, server, requirements } = place;
  const config = await readNodesConfig(client);
  if (!config) {
    throw new JoinError(
      `The cluster at ${server} takes no nodes: start it with \`minke up --bind-address\` and an address that others reach.`,
    );
  }
  const taken = await requirements.network.takenRanges();
  const clash = findClash([config.clusterCidr, config.serviceCidr].flatMap(splitRanges), taken);
  if (clash)
    throw new JoinError(`The cluster's range ${clash.range} overlaps ${clash.with}, which this machine uses already: it cannot join.`);
  await register(place);
  return remember(place, config, await podRange(place));
}

/** What has changed since; where the server does not answer, what was known last. */
export async function refreshMembership(place: JoinPlace, standing: ClusterIdentity): Promise<Membership> {
  const { client, ports, dataDir, server, nodeName, log, signal } = place;
  const last = await ports.fs.readText(join(dataDir, configName));
  const known = last === undefined ? undefined : (JSON.parse(last) as NodesConfig);
  try {
    const ask = async (limited: AbortSignal) =>
      [await readNodesConfig(client, limited), await client.get(nodes, { name: nodeName }, { signal: limited })] as const;
    const [config, node] = await withDeadline({ clock: ports.clock, ms: refreshMs, signal, what: 'asking the API server' }, ask);
    const podCidr = rangesOf(node) ?? standing.podCidr;
    if (podCidr !== standing.podCidr) log.warn('The range of this node’s pods has changed', { before: standing.podCidr, now: podCidr });
    return await remember(place, config ?? known ?? fallback(standing), podCidr);
  } catch (error) {
    signal.throwIfAborted();
    if (hasReason(error, 'NotFound')) {
      // Somebody has deleted the node: a kubelet that runs has one, in a range that is given anew.
      await register(place);
      return remember(place, known ?? fallback(standing), await podRange(place));
    }
    log.warn('The API server does not answer; starting with what was known last', { server, error: errorText(error) });
    return { identity: { ...standing, server }, config: known ?? fallback(standing) };
  }
}

const fallback = ({ serviceCidr, clusterCidr }: ClusterIdentity): NodesConfig => ({
  serviceCidr,
  clusterCidr,
  ways: { mode: 'routes', vni: 1 },
  loadBalancerCidr: undefined,
});

async function remember(place: JoinPlace, config: NodesConfig, podCidr: string): Promise<Membership> {
  const { ports, dataDir, server, nodeName } = place;
  const { serviceCidr, clusterCidr } = config;
  const port = Number(new URL(server).port || 443);
  const settings = { nodeName, port, bindAddress: loopback, serviceCidr, clusterCidr, podCidr, podNetwork: config.ways.mode, server };
  await ports.fs.write(join(dataDir, configName), `${JSON.stringify(config)}\n`, { mode: 0o600, durable: true });
  // The last thing written: a data dir with an identity is a node's.
  return { identity: await writeIdentity(ports.fs, ports.clock, dataDir, settings), config };
}

/** The Node before there is a kubelet: what it is asked for is the range of its pods. */
async function register({ client, nodeName, addresses, signal }: JoinPlace): Promise<void> {
  const found = [...addresses.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: nodeName }];
  const node: V1Node = { metadata: { name: nodeName, labels: { 'kubernetes.io/hostname': nodeName } }, status: { addresses: found } };
  try {
    await client.create(nodes, node, { signal });
    return;
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
  const standing = await client.get(nodes, { name: nodeName }, { signal });
  if (standing.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) {
    throw new JoinError(
      `The cluster has a node named ${nodeName} that is Ready: choose another name with --node-name, or let that one leave first.`,
    );
  }
  const patch = { status: { addresses: found } };
  await client.patch(nodes, { name: nodeName }, 'application/merge-patch+json', patch, { subresource: 'status', signal });
}

/** As an identity has them. */
const rangesOf = ({ spec }: V1Node): string | undefined => (spec?.podCIDRs?.length ? spec.podCIDRs.join(',') : spec?.podCIDR);

async function podRange({ ports, client, nodeName, signal }: JoinPlace): Promise<string> {
  for (let waitedMs = 0; waitedMs < rangeMs; waitedMs += lookEveryMs) {
    const node = await client.get(nodes, { name: nodeName }, { signal });
    const ranges = rangesOf(node);
    if (ranges !== undefined) return ranges;
    await sleep(ports.clock, lookEveryMs, signal);
  }
  throw new JoinError(
    `The cluster gave ${nodeName} no range for its pods within ${rangeMs / 1000} s: all may be in use. Delete nodes that are gone, then try again.`,
  );
}
