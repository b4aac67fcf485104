// A cluster on this machine: what `minke up` runs. Puts the parts together in the order in which they need each other.
import { kubernetesVersion, nodes } from '../../api/mod.ts';
import type { Logger } from '../../base/mod.ts';
import { listenTcp } from '../../base/ports/tcp.ts';
import type { Informers } from '../../client/mod.ts';
import { type PodNetworkMode, vxlanOverheadBytes } from '../../network/mod.ts';
import type { SchedulerConfiguration } from '../../scheduler/mod.ts';
import { adminUser } from '../control-plane.ts';
import { startSimulatedNodes } from '../simulated-nodes.ts';

import type { AccessSettings } from './access.ts';
import type { AdmissionFlags } from './admission-config.ts';
import { keepCertificates, portError, startApi } from './api.ts';
import { isLoopback, urlOf } from './bind-address.ts';
import { type ClusterIdentity, type ClusterPaths, clusterIdOf, clusterPaths, loopback, MachineError, readIdentity } from './data-dir.ts';
import { establishIdentity, writeRecord } from './identity.ts';
import type { IngressSettings } from './ingress.ts';
import type { LocalNodeOptions } from './local-node.ts';
import { takeLock } from './lock.ts';
import type { NodeAgent, NodeRequirements, NodeRuntime } from './node.ts';
import { type NodeConfig, type NodeFiles, readNodeConfig } from './node-config.ts';
import type { MachinePorts } from './ports.ts';
import { publishForNodes } from './publish-nodes.ts';
import { readSchedulerConfig } from './scheduler-config.ts';
import type { StorageSettings } from './storage.ts';

/** How long the node may take to become Ready before the start is called failed. */
const nodeReadyMs = 60_000;
/** Where clusters of this machine keep what ends with the boot. */
export const runRoot = '/run/minke';

export interface MachineOptions {
  readonly ports: MachinePorts;
  readonly dataDir: string;
  readonly port: number | undefined;
  /** Where the API server listens; undefined: as it has been, else on loopback. */
  readonly bindAddress: string | undefined;
  /** How nodes reach each other's pods; undefined: as it has been, else by VXLAN. */
  readonly podNetwork: PodNetworkMode | undefined;
  readonly serviceCidr: string | undefined;
  readonly podCidr: string | undefined;
  /** A real node, which runs containers. */
  readonly node: boolean;
  readonly simulate: number;
  readonly storage: StorageSettings;
  /** Default: certificates and tokens, RBAC, nothing recorded. */
  readonly access?: AccessSettings | undefined;
  readonly admission?: AdmissionFlags | undefined;
  readonly ingress: IngressSettings;
  /** A file with a KubeSchedulerConfiguration. Default: upstream's own. */
  readonly schedulerConfig?: string | undefined;
  /** What the real node is told. */
  readonly nodeFiles?: NodeFiles | undefined;
  readonly log: Logger;
  /** Runs each step of the start: shows what is waited for. */
  readonly step: <T>(what: string, work: () => Promise<T>) => Promise<T>;
  /** Firing it stops everything but the containers. */
  readonly signal: AbortSignal;
  /** When the machine is about to go: the node's pods are ended, then `done` is called. */
  readonly power?: MachinePower | undefined;
}

export interface MachinePower {
  readonly signal: AbortSignal;
  done(): void;
}

export interface RunningMachine {
  readonly identity: ClusterIdentity;
  readonly paths: ClusterPaths;
  readonly url: string;
  /** Resolves when the signal has fired and everything has ended. */
  readonly stopped: Promise<void>;
}

/** Starts the cluster; resolves when the API answers and the node is Ready. Throws {@link MachineError}, with nothing left behind. */
export async function startMachine(options: MachineOptions): Promise<RunningMachine> {
  const { ports, dataDir, node } = options;
  const isNew = (await readIdentity(ports.fs, dataDir)) === undefined && !(await ports.fs.exists(dataDir));
  const nodeModule = node ? await import('./node.ts') : undefined;
  const requirements = await nodeModule?.checkNode(ports, clusterIdOf(dataDir));
  const standing = await readIdentity(ports.fs, dataDir);
  const port = options.port ?? standing?.port ?? 6443;
  const bindAddress = options.bindAddress ?? standing?.bindAddress ?? loopback;
  const url = urlOf(bindAddress, port);
  const release = await takeLock({ fs: ports.fs, processes: ports.processes, dataDir, self: ports.pid, url });
  try {
    await checkPort(bindAddress, port);
    const { schedulerConfig: path } = options;
    const schedulerConfiguration = path === undefined ? undefined : await readSchedulerConfig(ports.fs, path);
    const nodeConfig = await readNodeConfig(ports.fs, options.nodeFiles ?? {});
    const running = await start({ ...options, port, schedulerConfiguration, nodeConfig }, requirements, nodeModule);
    return { ...running, stopped: running.stopped.finally(release) };
  } catch (error) {
    await release();
    if (isNew) await ports.fs.remove(dataDir);
    throw error;
  }
}

/** Says it before anything is begun, rather than after. */
async function checkPort(host: string, port: number): Promise<void> {
  try {
    const listener = await listenTcp({ host, port, onConnection: (socket) => void socket.destroy() });
    await listener.close();
  } catch (error) {
    throw portError(port, error, { host, flag: '--port' });
  }
}

/** What the command's files say. */
interface Read {
  readonly port: number;
  readonly schedulerConfiguration: SchedulerConfiguration | undefined;
  readonly nodeConfig: NodeConfig;
}

type NodeModule = typeof import('./node.ts');

async function start(
  options: MachineOptions & Read,
  requirements: NodeRequirements | undefined,
  nodeModule: NodeModule | undefined,
): Promise<RunningMachine> {
  const { ports, dataDir, step, log, signal } = options;
  const identity = await establishIdentity({
    ...options,
    runRoot,
    takenRanges: async () => (await requirements?.network.takenRanges()) ?? [],
  });
  const paths = clusterPaths(dataDir);
  // A failed start stops what it has started, and waits for its end.
  const own = new AbortController();
  signal.addEventListener('abort', () => own.abort(signal.reason), { once: true });
  const parts: Promise<void>[] = [];
  try {
    const common = { ...options.nodeConfig, ports, identity, paths, log, power: options.power, signal: own.signal };
    const nodeOptions = requirements ? { ...common, requirements, overheadBytes: overheadOf(identity) } : undefined;
    if (nodeOptions) await writeRecord(ports, runRoot, dataDir, identity);
    const runtime =
      nodeOptions && nodeModule
        ? step('container runtime, images and pod network', () => nodeModule.startNodeRuntime(nodeOptions))
        : undefined;
    runtime?.catch(() => {}); // Awaited below; if the API server fails first, that is the error to tell.
    const api = await step('API server', () =>
      startApi({ ...options, identity, paths, hasNode: requirements !== undefined, signal: own.signal, parts }),
    );
    const ways = { mode: identity.podNetwork, vni: vniOf(identity) };
    const local = nodeOptions ? await import('./local-node.ts') : undefined;
    const loadBalancerCidr = nodeOptions && (await local?.localLoadBalancerRange(nodeOptions));
    if (!isLoopback(identity.bindAddress)) {
      await publishForNodes(api.controlPlane.clientFor(adminUser), { ...identity, ways, loadBalancerCidr });
    }
    const agent =
      nodeOptions && local && runtime
        ? await startAgent(options, { runtime, local, with: { ...nodeOptions, api, ways, loadBalancerCidr, ingress: options.ingress } })
        : undefined;
    if (agent) parts.push(agent.stopped);
    if (options.simulate > 0) {
      parts.push(
        startSimulatedNodes({ ...ports, controlPlane: api.controlPlane, count: options.simulate, log, signal: own.signal }).stopped,
      );
    }
    parts.push(keepCertificates(log, api, agent, own.signal));
    log.info('Cluster started', { url: api.url, version: kubernetesVersion, node: options.node, simulated: options.simulate });
    return { identity, paths, url: api.url, stopped: Promise.all(parts).then(() => api.closeStore()) };
  } catch (error) {
    own.abort(error);
    await Promise.allSettled(parts);
    throw error;
  }
}

/** Where other machines may join, the tunnel to them has its room from the first pod on: a pod's packets keep their size for life. */
const overheadOf = ({ bindAddress, podNetwork, podCidr }: ClusterIdentity): number =>
  podNetwork === 'vxlan' && !isLoopback(bindAddress) ? vxlanOverheadBytes(podCidr) : 0;

/** The cluster's id is six hexadecimal digits, as the identifier has 24 bits; none of it is 0. */
const vniOf = ({ id }: ClusterIdentity): number => Number.parseInt(id, 16) || 1;

interface AgentRequest {
  readonly runtime: Promise<NodeRuntime>;
  readonly local: typeof import('./local-node.ts');
  readonly with: Omit<LocalNodeOptions, 'node'>;
}

async function startAgent(options: MachineOptions, { runtime, local, with: of }: AgentRequest): Promise<NodeAgent> {
  const node = await runtime;
  return options.step('node ready', async () => {
    const agent = await local.startLocalNode({ ...of, node });
    await nodeReady(options, of.api.controlPlane.informers, of.identity.nodeName);
    return agent;
  });
}

/** Resolves when the node's Ready condition is true. */
export function nodeReady(
  { ports, signal }: Pick<MachineOptions, 'ports' | 'signal'>,
  informers: Informers,
  nodeName: string,
  waitMs = nodeReadyMs,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      timer.cancel();
      off();
      signal.removeEventListener('abort', stop);
      finish();
    };
    const stop = () => settle(() => reject(signal.reason));
    const timer = ports.clock.after(waitMs, () =>
      settle(() => reject(new MachineError(`The node did not become Ready within ${waitMs / 1000} s: see the log for the reason.`))),
    );
    signal.addEventListener('abort', stop, { once: true });
    let off = () => {};
    off = informers.of(nodes).onChange(({ next }) => {
      if (next?.metadata.name !== nodeName) return;
      const ready = next.status?.conditions?.find((condition) => condition.type === 'Ready');
      // Not within the handler's own call, which may come before `off` is known.
      if (ready?.status === 'True') queueMicrotask(() => settle(resolve));
    });
  });
}
