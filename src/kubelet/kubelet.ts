// The node agent: puts its parts together and runs them until it is stopped. It decides nothing. Containers go on when it ends.
import { setMaxListeners } from 'node:events';
import type { V1Node, V1Pod } from '../api/mod.ts';
import { aborted, type Clock, childController, type Logger, type Random, StoppedError, sleep, Tasks } from '../base/mod.ts';
import type { FileSystem } from '../base/ports/fs.ts';
import type { ProbeIo } from '../base/ports/probe-io.ts';
import type { Client, EventRecorder, Informers } from '../client/mod.ts';
import { nodes, pods } from './api-resources.ts';
import { configurationDocument } from './configuration/document.ts';
import { defaultSettings, type KubeletSettings } from './configuration/settings.ts';
import type { ClusterDns } from './container/dns.ts';
import type { ContainerRuntime, RuntimeFeatures } from './cri/runtime.ts';
import type { VolumeFigures } from './csi/volumes.ts';
import { createEviction, type Eviction, type EvictionPorts } from './eviction/eviction.ts';
import { localUse, machineSignals } from './eviction/machine-signals.ts';
import type { LocalUse } from './eviction/plan.ts';
import { createImageManager, type ImageKeyring } from './image-manager.ts';
import { type RunningLog, runLogRotation } from './logs/rotate.ts';
import { type AdmissionInput, admit, admitCritical, admitResize, endingMaxMs } from './node/admission.ts';
import { createDiskUse, type DiskUse } from './node/disk-use.ts';
import { runLease } from './node/lease.ts';
import { allocatableOf, type MachineFacts, type NodeInput, nodeLabels } from './node/node-object.ts';
import { type NodeStatusOptions, runNodeStatus } from './node/node-status.ts';
import { preemptionMessage } from './node/preemption.ts';
import { endPods, type MachineEnd, notReadyForShutdown, shutdownRejection } from './node/shutdown.ts';
import { createStats, type NodeStats, type StatsWish } from './node/stats.ts';
import type { UsageSource } from './node/usage-source.ts';
import { createUsedSpace } from './node/used-space.ts';
import type { NodeDisk, NodeStorage } from './node-storage.ts';
import { createRelister, followEvents } from './pleg.ts';
import type { Admission, PodContext } from './pod/context.ts';
import { isLive } from './pod/observed.ts';
import { isCritical } from './pod/spec.ts';
import type { PodView } from './pod/worker.ts';
import { createPodManager, type PodManager } from './pod-manager.ts';
import { createPodRouter, type PodSource } from './pod-source.ts';
import { createReferenceCache, type ReferenceCache } from './reference-cache.ts';
import { createStaticPods } from './static-pods.ts';

export interface KubeletOptions {
  readonly nodeName: string;
  readonly client: Client;
  readonly informers: Informers;
  readonly recorder: Pick<EventRecorder, 'record'>;
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly probeIo: ProbeIo;
  /** `createDiskStorage` for a real machine, `createNoStorage` for a simulated one. */
  readonly storage: NodeStorage;
  readonly clusterDns?: ClusterDns | undefined;
  /** Below which the pods' cgroups stand: `/minke-1a2b`. */
  readonly cgroupRoot: string;
  readonly podCidr?: string | undefined;
  readonly machine: MachineFacts;
  /** Of the kubelet's own HTTP server, for the node's daemonEndpoints. */
  readonly listenPort?: number | undefined;
  readonly labels?: Readonly<Record<string, string>>;
  /** What the node says of its version: `v1.36.0`. */
  readonly version: string;
  /** Default: `defaultSettings`. */
  readonly settings?: KubeletSettings | undefined;
  /** What registries are told besides pods' pull secrets. */
  readonly imageKeyring?: ImageKeyring | undefined;
  /** What the machine has left; default: asked of the storage's disk. */
  readonly evictionPorts?: EvictionPorts;
  /** Absent: the node does not end its pods before the machine goes. */
  readonly shutdown?: MachineEnd | undefined;
  /** The node's pods. Default: out of `informers`. Many kubelets in one process share one `createPodRouter`. */
  readonly podSource?: PodSource;
  /** Config maps and secrets. Default: out of `informers`, which then hold everybody's. */
  readonly references?: ReferenceCache | undefined;
  /** Called once everything runs, with the handle for the node's HTTP server. */
  readonly onReady?: (kubelet: Kubelet) => void;
}

/** What the node's HTTP server may know. */
export interface Kubelet {
  readonly nodeName: string;
  /** A pod of this node, as its worker last saw it. */
  pod(namespace: string, name: string): PodView | undefined;
  pods(): readonly PodView[];
  /** What the node and its pods use at the moment. */
  stats(wish?: StatsWish): Promise<NodeStats>;
  /** Where those figures come from, for who wants all of them. */
  readonly usage: UsageSource;
  /** What a pod has on the node's disk: absent on a node without one. */
  readonly usedSpace?: (view: PodView) => Promise<LocalUse>;
  /** What the runtime has there: absent on a node without one. */
  readonly diskUse?: DiskUse;
  /** What storage drivers say of a pod's volumes; absent on a node without any. */
  readonly volumeFigures?: (view: PodView) => Promise<readonly VolumeFigures[]>;
  /** The machine's own; absent on a node without a disk. */
  readonly files?: FileSystem;
  /** As a KubeletConfiguration object has it. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** The directory of a pod's logs: `<container>/<attempt>.log` in it. */
  logDirectory(pod: { readonly namespace: string; readonly name: string; readonly uid: string }): string;
}

/** Runs until the signal fires. Rejects only for a broken invariant, or when its informers end before it does. */
export async function runKubelet(options: KubeletOptions): Promise<void> {
  const tasks = new Tasks(options.log);
  // A signal of its own: the caller's, which many may share, gets one listener, however many pods there are.
  const { controller, unlink } = childController(options.signal);
  const { signal } = controller;
  setMaxListeners(0, signal);
  try {
    await runParts({ ...options, signal }, tasks);
  } finally {
    controller.abort(new StoppedError('kubelet'));
    unlink();
    await tasks.settled();
  }
}

async function runParts(options: KubeletOptions, tasks: Tasks): Promise<void> {
  const { signal, informers, client } = options;
  const node: NodeInput = {
    nodeName: options.nodeName,
    machine: options.machine,
    podCidr: options.podCidr,
    labels: options.labels ?? {},
    listenPort: options.listenPort,
    version: options.version,
    settings: settingsOf(options),
  };
  const router = options.podSource ? undefined : createPodRouter(informers.of(pods));
  const assigned = options.podSource ?? router?.forNode(options.nodeName);
  if (!assigned) return;
  const source = withStaticPods(options, { tasks, api: assigned });
  const references = options.references ?? createReferenceCache({ informers, client });
  const place: Place = { waiting: new Set() };
  const judged = (pod: V1Pod, others = holdersBeside(pod, place)) => admissionInput(options, node, { pod, others, place });
  const context = podContext(options, {
    tasks,
    node,
    references,
    runtimeFeatures: () => place.features ?? noFeatures,
    admit: (pod) => (options.shutdown?.signal.aborted ? shutdownRejection : admitPod(options, judged, { pod, place })),
    madeRoom: () => wakeWaiting(place),
    resizable(pod) {
      const refused = admitResize(judged(pod));
      return refused ? { is: refused.never ? 'Infeasible' : 'Deferred', message: refused.message } : { is: 'go' };
    },
  });
  const looked = new Promise<void>((resolve) => {
    const onFeatures = (features: RuntimeFeatures) => {
      place.features = features;
      resolve();
    };
    tasks.run('node status', signal, () => runNodeStatus({ ...nodeStatusOptions(options, { tasks, node, place }), onFeatures }));
  });
  try {
    // Before the config maps are known every pod that refers to one would seem to lack it; before the runtime has been asked it
    // would seem to be able to do nothing special.
    await Promise.race([Promise.all([references.synced, looked]), aborted(signal)]);
    if (!signal.aborted) await runPods(options, { context, references, source, place });
  } finally {
    router?.stop();
  }
}

/** The pods' workers, once they are there: what workers are made with asks about all of them. */
interface Place {
  /** Pods that wait until others have ended. */
  readonly waiting: Set<string>;
  manager?: PodManager;
  eviction?: Eviction;
  features?: RuntimeFeatures;
}

const noFeatures: RuntimeFeatures = { handlers: [], supplementalGroupsPolicy: false };

interface PodParts {
  readonly context: PodContext;
  readonly references: ReferenceCache;
  readonly source: PodSource;
  readonly place: Place;
}

/** Runs the node's pods until the signal fires. */
async function runPods(options: KubeletOptions, { context, references, source, place }: PodParts): Promise<void> {
  const { clock, log, signal, runtime } = options;
  const { tasks } = context;
  const { eviction: wanted, imageGarbage, logs, shutdown: phases } = settingsOf(options);
  const manager = createPodManager(context, { source, signal });
  place.manager = manager;
  const pleg = { runtime, pods: manager, clock, random: options.random.child('pleg'), log, signal };
  const relister = createRelister(pleg);
  tasks.run('relist', signal, async () => {
    // Before the pods are known every sandbox would look like an orphan.
    await Promise.race([source.synced, aborted(signal)]);
    await relister.run();
  });
  tasks.run('runtime events', signal, () => followEvents({ ...pleg, relistSoon: relister.soon }));
  const kubelet = handle(options, manager);
  const { disk } = options.storage;
  if (disk) {
    const { fs } = disk;
    tasks.run('log rotation', signal, () =>
      runLogRotation({ ...logs, fs, runtime, clock, log, signal, running: () => runningLogs(manager) }),
    );
  }
  const ports = options.evictionPorts ?? (disk && kubelet.diskUse && diskPorts(disk, kubelet.diskUse, kubelet));
  if (ports) {
    const evict = (pod: V1Pod, message: string, graceSeconds: number) =>
      manager.worker(pod.metadata?.uid ?? '')?.end({ reason: 'Evicted', message, graceSeconds });
    const views = kubelet.pods;
    const eviction = createEviction({ settings: wanted, imageGarbage, ports, runtime, clock, log, signal, views, evict });
    place.eviction = eviction;
    tasks.run('eviction', signal, () => eviction.run());
  }
  const { shutdown } = options;
  if (shutdown) {
    tasks.run('node shutdown', signal, async () => {
      await Promise.race([aborted(shutdown.signal), aborted(signal)]);
      if (signal.aborted) return;
      log.info('The machine is about to go: ending its pods');
      await endPods({ phases, workers: () => [...manager.workers.values()], clock, signal });
      shutdown.done();
    });
  }
  const offs = [
    references.onChange((key) => manager.referenceChanged(key)),
    options.storage.csi?.onNews((news) => manager.volumesChanged(news.is === 'volume' ? news.podUid : undefined)) ?? (() => {}),
  ];
  options.onReady?.(kubelet);
  await aborted(signal);
  for (const off of offs) off();
  manager.stop();
}

/** On a node with a disk: its static pods too. */
function withStaticPods(options: KubeletOptions, of: { readonly tasks: Tasks; readonly api: PodSource }): PodSource {
  const { nodeName, client, clock, log, signal, storage, informers } = options;
  if (!storage.disk) return of.api;
  const { fs, manifests: directory } = storage.disk;
  const nodeUid = () => informers.of(nodes).get(nodeName)?.metadata.uid;
  const source = createStaticPods({ nodeName, nodeUid, fs, directory, client, clock, log, signal, api: of.api });
  of.tasks.run('static pods', signal, () => source.run());
  return source;
}

const diskPorts = (disk: NodeDisk, diskUse: DiskUse, { stats, usage }: Kubelet): EvictionPorts => ({
  signals: () => machineSignals(disk, diskUse),
  localUse: (view) => localUse(disk, diskUse, view),
  stats,
  processes: async (view) => (await usage.details(view))?.processes ?? 0,
});

function runningLogs(manager: PodManager): readonly RunningLog[] {
  return [...manager.workers.values()].flatMap((worker) =>
    worker.view.observed.containers
      .filter((run) => run.state === 'running' && run.logPath !== '')
      .map((run) => ({ containerId: run.id, path: run.logPath })),
  );
}

function nodeStatusOptions(
  options: KubeletOptions,
  of: { readonly tasks: Tasks; readonly node: NodeInput; readonly place: Place },
): Omit<NodeStatusOptions, 'onFeatures'> {
  const { nodeName, client, clock, log, signal } = options;
  let leased = false;
  const onRegistered = (registered: V1Node) => {
    if (leased) return;
    leased = true;
    const nodeUid = registered.metadata?.uid ?? '';
    const random = options.random.child('lease');
    of.tasks.run('node lease', signal, () => runLease({ nodeName, nodeUid, client, clock, random, log, signal }));
  };
  return {
    ...options,
    node: of.node,
    random: options.random.child('node'),
    pressures: () => of.place.eviction?.pressures ?? [],
    known: () => options.informers.of(nodes).get(nodeName),
    notReady: () => (options.shutdown?.signal.aborted ? notReadyForShutdown : undefined),
    hurry: options.shutdown?.signal,
    onRegistered,
  };
}

const settingsOf = ({ settings = defaultSettings }: Pick<KubeletOptions, 'settings'>): KubeletSettings => settings;

/** A critical pod makes room for itself, and has it when the containers of those that make way have ended. */
function admitPod(
  options: KubeletOptions,
  judged: (pod: V1Pod, others?: readonly PodView[]) => AdmissionInput,
  of: { readonly pod: V1Pod; readonly place: Place },
): Admission {
  const { pod, place } = of;
  if (!isCritical(pod)) return admit(judged(pod));
  const nowMs = options.clock.nowMs();
  const holders = holdersBeside(pod, place);
  const ending = holders.flatMap((view) => endingUntil(view, nowMs));
  const verdict = admitCritical(
    judged(
      pod,
      holders.filter(({ state }) => state.at === 'syncing'),
    ),
    ending.map((one) => one.pod),
  );
  if (verdict === undefined || (verdict !== 'wait' && 'reason' in verdict)) return verdict;
  place.waiting.add(pod.metadata?.uid ?? '');
  if (verdict === 'wait') return { untilMs: Math.min(...ending.map((one) => one.untilMs)) };
  for (const { metadata, spec } of verdict.victims) {
    const graceSeconds = spec?.terminationGracePeriodSeconds ?? 30;
    place.manager?.worker(metadata?.uid ?? '')?.end({ reason: 'Preempting', message: preemptionMessage, graceSeconds });
  }
  // Asked once more right away: the victims are ending by then.
  return { untilMs: nowMs };
}

/** Until when a pod that ends keeps what it has; nothing when it does no more. */
function endingUntil({ pod, state, observed }: PodView, nowMs: number): readonly { readonly pod: V1Pod; readonly untilMs: number }[] {
  if (state.at !== 'terminating' || !observed.containers.some(isLive)) return [];
  const untilMs = state.sinceMs + endingMaxMs(state.graceSeconds);
  return nowMs < untilMs ? [{ pod, untilMs }] : [];
}

/** Containers of a pod that ends are no more: who waits for room looks again. */
function wakeWaiting({ waiting, manager }: Place): void {
  for (const uid of waiting) manager?.worker(uid)?.wake();
  waiting.clear();
}

/** The other pods that hold a place on the node. */
const holdersBeside = (pod: V1Pod, { manager }: Place): readonly PodView[] =>
  [...(manager?.workers.values() ?? [])]
    .map((worker) => worker.view)
    .filter(({ pod: other, state, admitted }) => {
      const holds = state.at === 'syncing' ? admitted : state.at === 'terminating';
      return holds && other.metadata?.uid !== pod.metadata?.uid;
    });

/** What admission asks about a pod, with what this node runs at the moment. */
function admissionInput(
  options: KubeletOptions,
  node: NodeInput,
  of: { readonly pod: V1Pod; readonly others: readonly PodView[]; readonly place: Place },
): AdmissionInput {
  const { nodeName, informers } = options;
  const labels = { ...nodeLabels(node), ...informers.of(nodes).get(nodeName)?.metadata.labels };
  const { appArmor = false } = options.machine;
  const { allowedUnsafeSysctls } = settingsOf(options);
  return {
    pod: of.pod,
    others: of.others.map((view) => view.pod),
    nodeName,
    labels,
    allocatable: allocatableOf(node),
    pressures: of.place.eviction?.pressures ?? [],
    security: { appArmor, allowedUnsafeSysctls, supplementalGroupsPolicy: of.place.features?.supplementalGroupsPolicy === true },
  };
}

function handle(options: KubeletOptions, manager: PodManager): Kubelet {
  const views = () => [...manager.workers.values()].map((worker) => worker.view);
  const usage = options.storage.usage(options.cgroupRoot);
  const { disk } = options.storage;
  const diskUse = disk && createDiskUse({ ...options, fs: disk.fs });
  return {
    nodeName: options.nodeName,
    pod: (namespace, name) => manager.find(namespace, name)?.view,
    pods: views,
    stats: createStats({
      nodeName: options.nodeName,
      source: usage,
      nowMs: () => options.clock.nowMs(),
      wait: (ms) => sleep(options.clock, ms, options.signal),
      views,
    }),
    usage,
    ...(disk && diskUse
      ? {
          files: disk.fs,
          diskUse,
          usedSpace: createUsedSpace(
            () => options.clock.nowMs(),
            (view) => localUse(disk, diskUse, view),
          ),
        }
      : {}),
    ...figuresOf(options),
    configuration: configurationDocument({ settings: settingsOf(options), clusterDns: options.clusterDns, cgroupRoot: options.cgroupRoot }),
    logDirectory: (id) => options.storage.files.logDirectory(id),
  };
}

function figuresOf({ storage: { csi }, clock }: KubeletOptions): Pick<Kubelet, 'volumeFigures'> {
  if (!csi) return {};
  const look = ({ pod }: PodView) => csi.volumes.figures(pod.metadata?.uid ?? '');
  return { volumeFigures: createUsedSpace(() => clock.nowMs(), look) };
}

function podContext(
  options: KubeletOptions,
  of: {
    readonly tasks: Tasks;
    readonly node: NodeInput;
    readonly references: ReferenceCache;
    readonly runtimeFeatures: PodContext['runtimeFeatures'];
    readonly admit: PodContext['admit'];
    readonly madeRoom: PodContext['madeRoom'];
    readonly resizable: PodContext['resizable'];
  },
): PodContext {
  const { runtime, clock, machine, storage } = options;
  const { references } = of;
  const settings = settingsOf(options);
  const { cpu = '0', memory = '0', 'ephemeral-storage': disk = '0' } = allocatableOf(of.node);
  return {
    nodeName: options.nodeName,
    client: options.client,
    recorder: options.recorder,
    runtime,
    clock,
    random: options.random.child('pods'),
    log: options.log,
    tasks: of.tasks,
    images: createImageManager({
      runtime,
      clock,
      secret: references.secret,
      settings: settings.pulls,
      keyring: options.imageKeyring,
    }),
    volumes: storage.volumes(references),
    files: storage.files,
    references,
    probes: { runtime, io: options.probeIo },
    machine: { memoryBytes: machine.memoryBytes, oomScoreAdjMin: machine.oomScoreAdjMin, cpuQuota: settings.cpuQuota },
    podPidsLimit: settings.podPidsLimit,
    restartDelayMaxMs: settings.restartDelayMaxMs,
    cgroupRoot: options.cgroupRoot,
    clusterDns: options.clusterDns,
    hostDns: storage.hostDns,
    hostIPs: hostIPs(machine.addresses),
    allocatable: { cpu, memory, 'ephemeral-storage': disk },
    cgroups: storage.cgroups,
    runtimeFeatures: of.runtimeFeatures,
    admit: of.admit,
    madeRoom: of.madeRoom,
    resizable: of.resizable,
  };
}

/** The node's first address, and its first of the other family. */
function hostIPs([main, ...more]: readonly string[]): readonly string[] {
  if (main === undefined) return [];
  const other = more.find((address) => address.includes(':') !== main.includes(':'));
  return other === undefined ? [main] : [main, other];
}
