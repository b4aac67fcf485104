// The real node of this machine: containerd, images, pod network, the kubelet and its port.
import { join } from 'node:path';
import { type Logger, Tasks } from '../../base/mod.ts';
import { systemFollower } from '../../base/ports/file-follow.ts';
import { fileSystemBytes, machineAddresses } from '../../base/ports/machine.ts';
import { systemMounts } from '../../base/ports/mounts.ts';
import { systemProbeIo } from '../../base/ports/probe-io.ts';
import { systemArchives } from '../../base/ports/tar.ts';
import { createEventRecorder } from '../../client/mod.ts';
import {
  cgroupRootOf,
  findPrograms,
  type NodeFacts,
  type NodePrograms,
  nodeFacts,
  runtimePaths,
  startContainerd,
} from '../../kubelet/containerd/mod.ts';
import { type ContainerRuntime, createCriRuntime, createImageViews, type ImageViews } from '../../kubelet/cri/mod.ts';
import { architectureOf, createImageStore, type ImageStore, pauseImage } from '../../kubelet/images/mod.ts';
import { createDiskStorage, runKubelet } from '../../kubelet/mod.ts';
import { createKubeletAccess, type KubeletServer, startKubeletServer } from '../../kubelet/server/mod.ts';
import { createPodNetwork, type PodNetwork } from '../../network/mod.ts';
import { type ControlPlane, nodeUser } from '../control-plane.ts';
import type { Pki } from '../pki/pki.ts';
import { supervise } from '../supervise.ts';
import { clusterAddresses, clusterDomain } from './addresses.ts';
import { type ClusterIdentity, type ClusterPaths, MachineError } from './data-dir.ts';
import type { MachinePorts } from './ports.ts';
import { loadBalancerRange, startNetworkServices } from './services.ts';
import { runLocalVolumes } from './volumes.ts';

/** Interfaces whose addresses are no way to this machine: pods' bridges and tunnels of any cluster. */
const isPodInterface = (name: string): boolean => /^(mk[0-9a-f]{6}|veth|docker|br-|cni|flannel|cali)/.test(name);

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
}

/** The node's containers can be run; no kubelet yet. Does not need the API server, and so starts beside it. */
export interface NodeRuntime {
  readonly runtime: ContainerRuntime;
  readonly images: ImageStore;
  readonly imageViews: ImageViews;
  readonly adopted: boolean;
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
  await network.setUp({ podCidr: identity.podCidr, confDir: runtimeDirs.cniConf, leasesDir: runtimeDirs.cniLeases });
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
  return { runtime, images, imageViews, adopted: containerd.adopted, done: containerd.done };
}

export interface NodeAgent {
  readonly server: KubeletServer;
  readonly stopped: Promise<void>;
}

export interface NodeAgentOptions extends NodeOptions {
  readonly node: NodeRuntime;
  readonly controlPlane: ControlPlane;
  readonly pki: Pki;
  readonly version: string;
  /** Where the API server listens. */
  readonly api: { readonly address: string; readonly port: number };
}

/** Starts the kubelet and its port, and what serves pods beside it. */
export async function startNodeAgent(options: NodeAgentOptions): Promise<NodeAgent> {
  const { ports, identity, paths, requirements, node, controlPlane, pki, signal } = options;
  const { fs, clock, random, machine } = ports;
  const log = options.log.with({ component: 'kubelet' });
  const { runtime, imageViews } = node;
  const client = controlPlane.clientFor(nodeUser(identity.nodeName));
  const server = await startKubeletServer({
    host: '::',
    port: 0,
    tls: kubeletTls(pki),
    access: createKubeletAccess({ nodeName: identity.nodeName, client, clock }),
    runtime,
    follower: systemFollower,
    clock,
    log,
    signal,
  });
  const recorder = createEventRecorder({
    client,
    clock,
    random: random.child('kubelet-events'),
    log,
    signal,
    component: 'kubelet',
    host: identity.nodeName,
  });
  const dirs = { pods: join(paths.kubelet, 'pods'), logs: join(paths.kubelet, 'logs') };
  await fs.mkdir(dirs.pods, { mode: 0o750 });
  const storage = createDiskStorage({ fs, mounts: systemMounts, clock, random: random.child('volumes'), client, dirs, imageViews });
  const kubelet = (stop: AbortSignal) =>
    runKubelet({
      nodeName: identity.nodeName,
      client,
      informers: controlPlane.informers,
      recorder,
      runtime,
      clock,
      random: random.child('kubelet'),
      log,
      signal: stop,
      probeIo: systemProbeIo,
      storage,
      cgroupRoot: cgroupRootOf(identity.id),
      podCidr: identity.podCidr,
      clusterDns: { servers: [clusterAddresses(identity).dns], domain: clusterDomain },
      machine: {
        ...machine,
        os: machine.platform,
        architecture: architectureOf(machine.architecture),
        ephemeralStorageBytes: fileSystemBytes(paths.dataDir),
        addresses: addressesOf(identity),
        oomScoreAdjMin: requirements.facts.canLowerOomScore ? -1000 : 0,
      },
      listenPort: server.port,
      version: options.version,
      onReady: (handle) => {
        server.attach(handle);
        controlPlane.nodeUsage.attach(identity.nodeName, () => handle.stats({ speeds: true }));
        log.info('Kubelet started', { node: identity.nodeName, port: server.port });
      },
    });
  const tasks = new Tasks(log);
  tasks.run('kubelet', signal, () => supervise({ name: 'kubelet', clock, random, log, signal, run: kubelet }));
  tasks.run('volumes', signal, () => runLocalVolumes(options));
  const { network, programs } = requirements;
  const loadBalancerCidr = await loadBalancerRange(fs, paths.dataDir, network, [identity.serviceCidr]);
  const services = startNetworkServices({ ...options, network, programs: programs.paths, loadBalancerCidr });
  const stopped = Promise.all([tasks.settled(), services, recorder.stopped, server.closed, node.done]).then(() => {});
  return { server, stopped };
}

export const kubeletTls = (pki: Pki) => ({
  cert: pki.leaves.kubelet.certificatePem,
  key: pki.leaves.kubelet.keyPem,
  clientCa: pki.authorityPem,
});

/** A machine without a network still has the address of its pods' bridge. */
function addressesOf(identity: ClusterIdentity): readonly string[] {
  const found = machineAddresses(isPodInterface);
  return found.length > 0 ? found : [clusterAddresses(identity).gateway];
}
