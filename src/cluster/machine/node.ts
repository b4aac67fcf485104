// The real node of this machine: containerd, images, pod network, the kubelet and its port.
import { join } from 'node:path';
import { nodes, type V1PersistentVolumeClaim } from '../../api/mod.ts';
import { errorText, type Logger, Tasks } from '../../base/mod.ts';
import { systemDirectories } from '../../base/ports/directory-watch.ts';
import { systemFollower } from '../../base/ports/file-follow.ts';
import type { ServerTls } from '../../base/ports/http-server.ts';
import { fileSystemBytes, machineAddresses } from '../../base/ports/machine.ts';
import { shareMounts, systemMounts } from '../../base/ports/mounts.ts';
import { systemProbeIo } from '../../base/ports/probe-io.ts';
import { systemArchives } from '../../base/ports/tar.ts';
import { type Client, createEventRecorder, type EventRecorder, type Informer, type Informers } from '../../client/mod.ts';
import {
  cgroupRootOf,
  findPrograms,
  type NodeFacts,
  type NodePrograms,
  nodeFacts,
  type Registry,
  runtimePaths,
  startContainerd,
  writeRegistries,
} from '../../kubelet/containerd/mod.ts';
import { type ContainerRuntime, createCriRuntime, createImageViews, type ImageViews } from '../../kubelet/cri/mod.ts';
import { architectureOf, createImageStore, type ImageStore, pauseImage } from '../../kubelet/images/mod.ts';
import {
  type Csi,
  createCsi,
  createDiskStorage,
  type KubeletSettings,
  type MachineFacts,
  type NodeStats,
  type NodeStorage,
  type ReferenceCache,
  runKubelet,
} from '../../kubelet/mod.ts';
import { createKubeletAccess, type KubeletServer, startKubeletServer } from '../../kubelet/server/mod.ts';
import { createPodNetwork, ipv6Problem, type PodNetwork } from '../../network/mod.ts';
import type { Pki } from '../pki/pki.ts';
import { supervise } from '../supervise.ts';
import { clusterAddresses, clusterDomain, mainFirst } from './addresses.ts';
import { isPodInterface } from './bind-address.ts';
import { type ClusterIdentity, type ClusterPaths, MachineError } from './data-dir.ts';
import { imageKeyring } from './image-keyring.ts';
import type { CredentialPrograms } from './node-config.ts';
import type { MachinePorts } from './ports.ts';
import { type NetworkServicesOptions, startNetworkServices } from './services.ts';

/** What must be there before anything is begun. */
export interface NodeRequirements {
  readonly programs: NodePrograms;
  readonly facts: NodeFacts;
  readonly network: PodNetwork;
}

/** Throws {@link MachineError} with one sentence that says what is missing and what helps. */
export async function checkNode(ports: MachinePorts, clusterId: string): Promise<NodeRequirements> {
  if (!ports.isRoot) {
    throw new MachineError('A node needs root: run as root, or start without a real node by --no-node or --simulate N.');
  }
  const search = await findPrograms(ports.fs);
  if (!search.complete) throw new MachineError(`${search.message}, or start without a real node by --no-node or --simulate N.`);
  const facts = await nodeFacts(ports.fs);
  if (facts.cgroups.version === 'none') {
    throw new MachineError(
      'A node needs cgroups, and none are mounted: mount them at /sys/fs/cgroup, or start without a real node by --no-node or --simulate N.',
    );
  }
  const { paths } = search.programs;
  const network = createPodNetwork({ ...ports, clusterId, programs: { ip: paths.ip, nft: paths.nft } });
  return { programs: search.programs, facts, network };
}

export interface NodeOptions {
  readonly ports: MachinePorts;
  readonly identity: ClusterIdentity;
  readonly paths: ClusterPaths;
  readonly requirements: NodeRequirements;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** What packets between nodes need besides, where that is known from the start. Default 0. */
  readonly overheadBytes?: number;
  /** When the machine is about to go: the node's pods are ended, then `done` is called. */
  readonly power?: { readonly signal: AbortSignal; done(): void } | undefined;
  /** Of the kubelet. */
  readonly settings?: KubeletSettings | undefined;
  /** Where images come from. Undefined: as containerd's files say. */
  readonly registries?: readonly Registry[] | undefined;
  readonly credentialProviders?: CredentialPrograms | undefined;
}

/** The node's containers can be run; no kubelet yet. Does not need the API server, and so starts beside it. */
export interface NodeRuntime {
  readonly runtime: ContainerRuntime;
  readonly images: ImageStore;
  readonly imageViews: ImageViews;
  readonly adopted: boolean;
  readonly shapesBandwidth: boolean;
  /** Pods made from now on have packets so much shorter. */
  setOverhead(bytes: number): Promise<void>;
  readonly done: Promise<void>;
}

/** Starts or adopts containerd, sets the pod network up, makes sure of the local images. */
export async function startNodeRuntime(options: NodeOptions): Promise<NodeRuntime> {
  const { ports, identity, requirements, signal } = options;
  const { programs, facts, network } = requirements;
  const { fs, processes, clock, random } = ports;
  const log = options.log.with({ component: 'containerd' });
  const { dataDir } = options.paths;
  const of = { clusterId: identity.id, dataDir };
  const runtimeDirs = runtimePaths(of);
  const runtime = createCriRuntime({
    socketPath: runtimeDirs.socket,
    clock,
    log,
    signal,
    hostPorts: network.hostPorts,
    podGate: network.gate,
  });
  // The network first: containerd reads its configuration, and is ready when it has found it.
  await checkFamilies(ports, identity, programs.paths.nft);
  const setOverhead = async (overheadBytes: number) => {
    const { podCidr, clusterCidr } = identity;
    await network.setUp({ podCidr, clusterCidr, overheadBytes, confDir: runtimeDirs.cniConf, leasesDir: runtimeDirs.cniLeases });
  };
  await setOverhead(options.overheadBytes ?? 0);
  await writeRegistries(fs, runtimeDirs.registries, options.registries ?? []);
  const containerd = await startContainerd({ ...of, fs, processes, clock, log, signal, runtime, programs, facts, pauseImage });
  const images = createImageStore({
    fs,
    archives: systemArchives,
    processes,
    clock,
    random,
    runtime,
    socketPath: runtimeDirs.socket,
    snapshotter: containerd.snapshotter,
    programs: programs.paths,
    scratchDir: options.paths.images,
    architecture: architectureOf(ports.machine.architecture),
  });
  await images.ensureLocalImages();
  const imageViews = createImageViews({ socketPath: runtimeDirs.socket, snapshotter: containerd.snapshotter, clock, signal });
  return {
    runtime,
    images,
    imageViews,
    adopted: containerd.adopted,
    shapesBandwidth: await network.shapesBandwidth(),
    setOverhead,
    done: containerd.done,
  };
}

async function checkFamilies({ fs, processes }: MachinePorts, { podCidr }: ClusterIdentity, nft: string): Promise<void> {
  const problem = podCidr.includes(':') ? await ipv6Problem(fs, processes, nft) : undefined;
  if (problem !== undefined) throw new MachineError(`Pods cannot have addresses of ${podCidr} on this machine: ${problem}.`);
}

export interface NodeAgent {
  readonly server: KubeletServer;
  readonly stopped: Promise<void>;
}

export interface NodeAgentOptions extends NodeOptions {
  readonly node: NodeRuntime;
  readonly api: NodeApi;
  /** Of the kubelet's port. */
  readonly tls: ServerTls;
  /** First the primary one. Default: the machine's own. */
  readonly addresses?: readonly string[] | undefined;
  readonly version: string;
  readonly services: Pick<NetworkServicesOptions, 'ways' | 'redirects' | 'servedHere' | 'loadBalancerCidr' | 'onDns'>;
}

/** The API as the node reaches it: in this process, or over HTTPS with a certificate of its own. */
export interface NodeApi {
  /** Acts as the node. */
  readonly client: Client;
  readonly informers: Informers;
  /** Of everybody's pods. Default: the informers, which then hold them. */
  readonly policyInformers?: Informers;
  /** Default: out of the informers, which then hold everybody's. */
  readonly references?: ReferenceCache;
  /** Everybody's claims. Default: those of the node's pods are asked about once in a while. */
  readonly claims?: Informer<V1PersistentVolumeClaim>;
  /** Called with what tells what the node uses. Default: the API server asks the kubelet's port. */
  onStats?(stats: () => Promise<NodeStats>): void;
}

async function kubeletDirectories({ paths, ports }: NodeOptions): Promise<{ readonly pods: string; readonly logs: string }> {
  const pods = join(paths.kubelet, 'pods');
  await ports.fs.mkdir(pods, { mode: 0o750 });
  return { pods, logs: join(paths.kubelet, 'logs') };
}

/** Storage drivers in pods mount their volumes in the kubelet's directory. */
async function shareOwnMounts({ paths: { kubelet }, ports: { fs } }: NodeAgentOptions, log: Logger): Promise<void> {
  try {
    await fs.mkdir(kubelet, { mode: 0o750 });
    if (await shareMounts(kubelet)) return;
    log.warn('Containers cannot mount for this node before it is started with nothing mounted there', { directory: kubelet });
  } catch (error) {
    log.warn('Containers cannot mount for this node', { directory: kubelet, error: errorText(error) });
  }
}

const kubeletRecorder = ({ api, ports, identity, signal }: NodeAgentOptions, log: Logger) =>
  createEventRecorder({
    client: api.client,
    clock: ports.clock,
    random: ports.random.child('kubelet-events'),
    log,
    signal,
    component: 'kubelet',
    host: identity.nodeName,
  });

/** Starts the kubelet and its port, and what serves pods beside it. */
export async function startNodeAgent(options: NodeAgentOptions): Promise<NodeAgent> {
  const { ports, identity, requirements, node, api, signal } = options;
  const { clock, random } = ports;
  const { client, informers } = api;
  const log = options.log.with({ component: 'kubelet' });
  const server = await startKubeletServer({
    host: '::',
    port: 0,
    tls: options.tls,
    access: createKubeletAccess({ nodeName: identity.nodeName, client, clock }),
    runtime: node.runtime,
    follower: systemFollower,
    clock,
    log,
    signal,
  });
  await shareOwnMounts(options, log);
  const recorder = kubeletRecorder(options, log);
  const csi = storageDrivers(options, { recorder, log });
  const storage = await nodeStorage(options, csi);
  const kubelet = (stop: AbortSignal) =>
    runKubelet({
      nodeName: identity.nodeName,
      client,
      informers,
      references: api.references,
      recorder,
      runtime: node.runtime,
      clock,
      random: random.child('kubelet'),
      log,
      signal: stop,
      probeIo: systemProbeIo,
      storage,
      cgroupRoot: cgroupRootOf(identity.id),
      podCidr: identity.podCidr,
      clusterDns: { servers: [clusterAddresses(identity).dns], domain: clusterDomain },
      machine: machineFacts(options),
      listenPort: server.port,
      version: options.version,
      shutdown: options.power,
      settings: options.settings,
      imageKeyring: imageKeyring({ ...options, log }),
      onReady: (handle) => {
        server.attach(handle);
        api.onStats?.(() => handle.stats({ speeds: true }));
        log.info('Kubelet started', { node: identity.nodeName, port: server.port });
      },
    });
  const tasks = new Tasks(log);
  tasks.run('storage drivers', signal, () => supervise({ name: 'storage drivers', clock, random, log, signal, run: csi.run }));
  tasks.run('kubelet', signal, () => supervise({ name: 'kubelet', clock, random, log, signal, run: kubelet }));
  const { network, programs } = requirements;
  const services = startNetworkServices({
    ...options,
    ...options.services,
    informers,
    policyInformers: api.policyInformers ?? informers,
    network,
    programs: programs.paths,
    onOverhead: (bytes) => (bytes === (options.overheadBytes ?? 0) ? Promise.resolve() : node.setOverhead(bytes)),
  });
  const stopped = Promise.all([tasks.settled(), services, recorder.stopped, server.closed, node.done]).then(() => {});
  return { server, stopped };
}

async function nodeStorage(options: NodeAgentOptions, csi: Csi): Promise<NodeStorage> {
  const { fs, clock, random } = options.ports;
  const { client } = options.api;
  const { imageViews } = options.node;
  const dirs = await kubeletDirectories(options);
  return createDiskStorage({ fs, mounts: systemMounts, clock, random: random.child('volumes'), client, dirs, imageViews, csi });
}

function storageDrivers(
  { ports: { fs, clock }, paths, identity, api }: NodeAgentOptions,
  { recorder, log }: { readonly recorder: EventRecorder; readonly log: Logger },
): Csi {
  const { nodeName } = identity;
  const own = api.informers.of(nodes);
  const onNodeChange = (handler: (uid: string) => void) =>
    own.onChange(({ next }) => {
      if (next?.metadata.name === nodeName) handler(next.metadata.uid);
    });
  const { client, claims } = api;
  const { kubelet: root } = paths;
  return createCsi({
    nodeName,
    client,
    recorder,
    fs,
    mounts: systemMounts,
    watcher: systemDirectories,
    clock,
    log,
    root,
    onNodeChange,
    claims,
  });
}

const machineFacts = ({ ports: { machine }, paths, identity, requirements, node, addresses }: NodeAgentOptions): MachineFacts => ({
  ...machine,
  os: machine.platform,
  architecture: architectureOf(machine.architecture),
  ephemeralStorageBytes: fileSystemBytes(paths.dataDir),
  addresses: addresses ?? nodeAddresses(identity),
  shapesBandwidth: node.shapesBandwidth,
  oomScoreAdjMin: requirements.facts.canLowerOomScore ? -1000 : 0,
});

export const kubeletTls = (pki: Pki) => ({
  cert: pki.leaves.kubelet.certificatePem,
  key: pki.leaves.kubelet.keyPem,
  clientCa: pki.authorityPem,
});

/** Those that `first` names come first. A machine without a network still has the address of its pods' bridge. */
export function nodeAddresses(
  identity: Pick<ClusterIdentity, 'podCidr' | 'serviceCidr'>,
  first: readonly string[] = [],
): readonly string[] {
  const found = [...new Set([...first, ...machineAddresses(isPodInterface)])];
  if (found.length > 0 && identity.podCidr === '') return found;
  const { family, all } = clusterAddresses(identity);
  return found.length > 0 ? mainFirst(family, found) : all.map(({ gateway }) => gateway);
}
