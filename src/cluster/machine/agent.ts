// A node of a cluster that runs on another machine: what `minke agent` runs. Joins with a token once; afterwards it has credentials
// and a range of its own, and starts also while the server is away.
import { join } from 'node:path';
import { kubernetesVersion, pods as podType } from '../../api/mod.ts';
import { Tasks } from '../../base/mod.ts';
import type { CertifiedKey } from '../../base/ports/certificates.ts';
import { createHttpClient, type HttpClient } from '../../base/ports/http-client.ts';
import { type Client, createClient, createHttpTransport, createInformers, type OwnedInformers } from '../../client/mod.ts';
import { createOwnReferences } from '../../kubelet/mod.ts';
import { type ServedHere, vxlanOverheadBytes } from '../../network/mod.ts';
import { bearerOf, type JoinToken } from '../pki/join-token.ts';
import {
  fetchAuthority,
  JoinError,
  keepNodeCertificates,
  type NodeCredentialsOptions,
  requestCertificate,
  standingCertificate,
} from '../pki/node-credentials.ts';
import { type ClusterIdentity, type ClusterPaths, clusterIdOf, clusterPaths, MachineError, readIdentity } from './data-dir.ts';
import { nodeNameOf, writeRecord } from './identity.ts';
import { joinCluster, type Membership, refreshMembership } from './join-cluster.ts';
import { takeLock } from './lock.ts';
import { type MachineOptions, nodeReady, runRoot } from './machine.ts';
import { checkNode, type NodeRequirements, nodeAddresses, startNodeAgent, startNodeRuntime } from './node.ts';
import { type NodeConfig, readNodeConfig } from './node-config.ts';
import { dnsServiceKey, dnsSlices } from './publish-dns.ts';

export interface AgentOptions extends Pick<MachineOptions, 'ports' | 'dataDir' | 'nodeFiles' | 'log' | 'step' | 'signal'> {
  /** `https://192.0.2.7:6443`. Undefined: the one that it has joined. */
  readonly server: string | undefined;
  /** Needed once. */
  readonly token: JoinToken | undefined;
  /** Default: the machine's name. */
  readonly nodeName: string | undefined;
  /** The address by which others reach this node. Default: of the interface with the default route. */
  readonly nodeIp: string | undefined;
}

export interface RunningAgent {
  readonly identity: ClusterIdentity;
  readonly paths: ClusterPaths;
  /** Resolves when the signal has fired and everything but the containers has ended. */
  readonly stopped: Promise<void>;
}

/** Resolves when the node is Ready; one that was a node before, also when the server is away. Throws {@link MachineError}. */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const { ports, dataDir } = options;
  const standing = await readIdentity(ports.fs, dataDir);
  const { server, nodeName } = settled(options, standing);
  const requirements = await checkNode(ports, clusterIdOf(dataDir));
  const release = await takeLock({ fs: ports.fs, processes: ports.processes, dataDir, self: ports.pid, url: server });
  const own = new AbortController();
  options.signal.addEventListener('abort', () => own.abort(options.signal.reason), { once: true });
  const parts: Promise<void>[] = [];
  const ended = async () => {
    await Promise.allSettled(parts);
    await release();
  };
  try {
    const nodeConfig = await readNodeConfig(ports.fs, options.nodeFiles ?? {});
    const identity = await start({ ...options, nodeConfig, server, nodeName, requirements, standing, parts, signal: own.signal });
    return { identity, paths: clusterPaths(dataDir), stopped: ended() };
  } catch (error) {
    own.abort(error);
    await ended();
    // Of a name that the node may not get next time.
    if (!(await ports.fs.exists(clusterPaths(dataDir).marker))) await ports.fs.remove(join(dataDir, 'pki'));
    throw error instanceof JoinError ? new MachineError(error.message, { cause: error }) : error;
  }
}

function settled(options: AgentOptions, standing: ClusterIdentity | undefined): { readonly server: string; readonly nodeName: string } {
  const { dataDir, server = standing?.server, token, ports } = options;
  if (standing && standing.server === undefined) {
    throw new MachineError(`${dataDir} holds a cluster of its own: start it with \`minke up\`, or name another directory with --data-dir.`);
  }
  if (!standing && !token)
    throw new MachineError('--token: a machine that joins needs one: make it with `minke token create` on the server.');
  if (server === undefined) throw new MachineError('--server: the address of the API server is needed, such as https://192.0.2.7:6443.');
  const nodeName = standing?.nodeName ?? options.nodeName ?? nodeNameOf(ports.machine.hostname);
  if (options.nodeName !== undefined && options.nodeName !== nodeName) {
    throw new MachineError(
      `--node-name: got "${options.nodeName}", but this node has joined as ${nodeName}. Leave the flag out, or let it leave with \`minke down --clean\` first.`,
    );
  }
  return { server, nodeName };
}

interface Start extends AgentOptions {
  readonly server: string;
  readonly nodeName: string;
  readonly requirements: NodeRequirements;
  readonly nodeConfig: NodeConfig;
  readonly standing: ClusterIdentity | undefined;
  /** What must have ended before the lock is released. */
  readonly parts: Promise<void>[];
}

async function start(options: Start): Promise<ClusterIdentity> {
  const { ports, dataDir, server, nodeName, requirements, standing, parts, step, log, signal } = options;
  const { fs, clock } = ports;
  // Ranges are known after joining; the bridge has no address before.
  const addresses = nodeAddresses(standing ?? { podCidr: '', serviceCidr: '' }, options.nodeIp === undefined ? [] : [options.nodeIp]);
  const credentials: NodeCredentialsOptions = { dataDir, fs, clock, nodeName, addresses, signal };
  const { authorityPem, pair } = await step('credentials', () => establish(options, credentials));
  const http = createHttpClient({ clock, tls: clientTls(authorityPem, pair) });
  const client = clientOver(options, http);
  // The last to be closed: what ends says so to the API.
  const closeHttp = () => http.close();
  try {
    const place = { ports, dataDir, server, nodeName, addresses, requirements, client, log, signal };
    const membership = standing ? await refreshMembership(place, standing) : await step('joining the cluster', () => joinCluster(place));
    const { identity } = membership;
    await writeRecord(ports, runRoot, dataDir, identity);
    const serving = await servingCertificate(options, credentials, client);
    const agent = await startNode(options, { membership, addresses, client, authorityPem, serving });
    parts.push(agent.stopped.finally(closeHttp));
    const tasks = new Tasks(log);
    tasks.run('certificate renewal', signal, () =>
      keepNodeCertificates({
        ...credentials,
        client,
        log,
        onRenewed: (name, renewed) => {
          if (name === 'kubelet-client') http.setTls(clientTls(authorityPem, renewed));
          else agent.server.reloadCertificates(serverTls(authorityPem, renewed));
        },
      }),
    );
    parts.push(tasks.settled());
    await step('node ready', () => ready(options, agent.informers));
    log.info('Node started', { server, node: nodeName });
    return identity;
  } catch (error) {
    closeHttp();
    throw error;
  }
}

/** A node that was one before goes on without the server, too. */
async function ready(options: Start, informers: OwnedInformers): Promise<void> {
  const { standing, nodeName, log } = options;
  try {
    await nodeReady(options, informers, nodeName, standing ? 10_000 : undefined);
  } catch (error) {
    if (!standing || !(error instanceof MachineError)) throw error;
    log.warn('The API server has not answered yet; this node goes on with what it has');
  }
}

const clientTls = (ca: string, { certificatePem: cert, keyPem: key }: CertifiedKey) => ({ ca, cert, key });
const serverTls = (clientCa: string, { certificatePem: cert, keyPem: key }: CertifiedKey) => ({ clientCa, cert, key });

const userAgent = 'minke-agent';

const clientOver = ({ ports: { clock }, server }: Pick<Start, 'ports' | 'server'>, http: HttpClient, token?: string): Client =>
  createClient(createHttpTransport({ http, server, userAgent, ...(token === undefined ? {} : { token: () => token }) }), {
    clock,
    userAgent,
  });

/** The CA and the node's client certificate, by the token where they are not there yet. */
async function establish(options: Start, credentials: NodeCredentialsOptions): Promise<{ authorityPem: string; pair: CertifiedKey }> {
  const { ports, dataDir, server, token } = options;
  const { fs, clock } = ports;
  const path = join(dataDir, 'pki/ca.crt');
  const known = await fs.readText(path);
  const standing = known === undefined ? undefined : await standingCertificate(credentials, 'kubelet-client');
  if (known !== undefined && standing) return { authorityPem: known, pair: standing.pair };
  if (!token)
    throw new MachineError(
      'The certificate of this node has ended: make a token with `minke token create` on the server, and give it with --token.',
    );
  const authorityPem = await fetchAuthority(clock, server, token);
  await fs.mkdir(join(dataDir, 'pki'), { mode: 0o700 });
  const http = createHttpClient({ clock, tls: { ca: authorityPem } });
  try {
    const pair = await requestCertificate(credentials, clientOver(options, http, bearerOf(token)), 'kubelet-client').catch(
      (error: unknown) => {
        if ((error as { code?: unknown }).code !== 401) throw error;
        throw new JoinError(
          `The server at ${server} does not know the token ${token.id}: it has ended, or was deleted. Make a new one with \`minke token create\`.`,
        );
      },
    );
    await fs.write(path, authorityPem, { mode: 0o600, durable: true });
    return { authorityPem, pair };
  } finally {
    http.close();
  }
}

/** The one that stands, as long as it is valid: without the server there is no other. */
async function servingCertificate({ log }: Start, credentials: NodeCredentialsOptions, client: Client): Promise<CertifiedKey> {
  const standing = await standingCertificate(credentials, 'kubelet');
  if (standing?.wants === 'nothing') return standing.pair;
  try {
    return await requestCertificate(credentials, client, 'kubelet');
  } catch (error) {
    if (!standing) throw error;
    log.warn('The certificate of the kubelet’s port could not be renewed; it goes on with the one it has', { error: String(error) });
    return standing.pair;
  }
}

interface NodeParts {
  readonly membership: Membership;
  readonly addresses: readonly string[];
  readonly client: Client;
  readonly authorityPem: string;
  readonly serving: CertifiedKey;
}

async function startNode(options: Start, { membership, addresses, client, authorityPem, serving }: NodeParts) {
  const { ports, dataDir, requirements, step, log, signal } = options;
  const { identity, config } = membership;
  const { clock, random } = ports;
  const own = { ...options.nodeConfig, ports, identity, paths: clusterPaths(dataDir), requirements, log, signal };
  const overheadBytes = config.ways.mode === 'vxlan' ? vxlanOverheadBytes(identity.podCidr) : 0;
  const node = await step('container runtime, images and pod network', () => startNodeRuntime({ ...own, overheadBytes }));
  const common = { clock, random: random.child('informers'), log: log.with({ component: 'informers' }), signal };
  const informers = createInformers({ ...common, client: ownPodsOnly(client, identity.nodeName) });
  // Watches everybody's pods once there is a policy.
  const policyInformers = createInformers({ ...common, random: random.child('policy-informers'), client });
  const served = createServedHere();
  const agent = await startNodeAgent({
    ...own,
    overheadBytes,
    node,
    api: { client, informers, policyInformers, references: createOwnReferences({ ...common, client, informers }) },
    tls: serverTls(authorityPem, serving),
    addresses,
    version: kubernetesVersion,
    services: {
      ways: config.ways,
      redirects: [],
      servedHere: served.served,
      loadBalancerCidr: config.loadBalancerCidr,
      onDns: async (places) => served.set(dnsServiceKey, dnsSlices(places)),
    },
  });
  return {
    server: agent.server,
    informers,
    stopped: Promise.all([agent.stopped, informers.stopped, policyInformers.stopped]).then(() => {}),
  };
}

/** A node may see its own pods alone. */
const ownPodsOnly = (client: Client, nodeName: string): Client => {
  const fieldSelector = `spec.nodeName=${nodeName}`;
  const narrow = (resource: string) => (resource === podType.resource ? { fieldSelector } : {});
  return {
    ...client,
    list: (type, options) => client.list(type, { ...options, ...narrow(type.resource) }),
    watch: (type, options) => client.watch(type, { ...options, ...narrow(type.resource) }),
  };
};

/** DNS is refused until this node's own server answers, and never asked of another node. */
function createServedHere(): { readonly served: ServedHere; set(key: string, slices: ReturnType<typeof dnsSlices>): void } {
  const slices = new Map<string, ReturnType<typeof dnsSlices>>([[dnsServiceKey, []]]);
  const handlers = new Set<(key: string) => void>();
  return {
    served: {
      slices,
      onChange(handler) {
        handlers.add(handler);
        return () => handlers.delete(handler);
      },
    },
    set(key, next) {
      slices.set(key, next);
      for (const handler of handlers) handler(key);
    },
  };
}
