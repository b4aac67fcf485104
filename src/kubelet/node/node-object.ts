// The Node object as this machine describes itself. Pure.
import {
  formatQuantity,
  formatTime,
  milliQuantityOf,
  milliValueOf,
  quantityOf,
  type V1ContainerImage,
  type V1Node,
  type V1NodeAddress,
  type V1NodeCondition,
  type V1NodeStatus,
  type V1NodeSystemInfo,
  wholeValueOf,
} from '../../api/mod.ts';
import type { KubeletSettings } from '../configuration/settings.ts';
import type { Image, RuntimeFeatures } from '../cri/runtime.ts';
import { type Signal, thresholdValue } from '../eviction/thresholds.ts';

/** What a node is and has, found out once by whoever starts the kubelet. */
export interface MachineFacts {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  /** `linux` */
  readonly os: string;
  /** As Go names it: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  /** First the primary one. */
  readonly addresses: readonly string[];
  /** The lowest OOM score that this process may set: -1000 with CAP_SYS_RESOURCE, 0 in many containers. */
  readonly oomScoreAdjMin: number;
  /** The kernel enforces AppArmor profiles. Default: it does not. */
  readonly appArmor?: boolean;
  /** Pods can be held to a bandwidth. Default: they cannot. */
  readonly shapesBandwidth?: boolean;
}

export interface NodeInput {
  readonly nodeName: string;
  readonly machine: MachineFacts;
  /** Of its pods: one range, or one of each family with a comma between. */
  readonly podCidr: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly listenPort: number | undefined;
  readonly version: string;
  readonly settings: Pick<KubeletSettings, 'maxPods' | 'systemReserved' | 'kubeReserved' | 'eviction'>;
}

/** Why the node is not ready, in upstream's words; undefined when it is. */
export type NotReady = string | undefined;

/** What can change while the kubelet runs. */
export interface NodeFacts {
  readonly notReady: NotReady;
  /** `containerd://1.6.20` */
  readonly runtimeVersion: string;
  readonly images: readonly Image[];
  /** `MemoryPressure`, `DiskPressure`, `PIDPressure`, where they are true. */
  readonly pressures?: readonly string[];
  readonly features: RuntimeFeatures;
  readonly nowMs: number;
}

/** Images that a node reports, the largest first. Source: `nodeStatusMaxImages` of the kubelet's configuration. */
const imagesMax = 50;
const namesPerImageMax = 5;

export function nodeLabels({ nodeName, machine, labels }: NodeInput): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': machine.architecture,
    'beta.kubernetes.io/os': machine.os,
    'kubernetes.io/arch': machine.architecture,
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': machine.os,
    ...labels,
  };
}

/** As the API stores it: what is written is compared with what stands. */
const inKi = (bytes: number): string => formatQuantity(quantityOf(Math.floor(bytes / 1024) * 1024, 'BinarySI'));

export function capacityOf({ machine, settings: { maxPods } }: NodeInput): Record<string, string> {
  return {
    cpu: String(machine.cpus),
    'ephemeral-storage': inKi(machine.ephemeralStorageBytes),
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    memory: inKi(machine.memoryBytes),
    pods: String(maxPods),
  };
}

/** What is reserved, and what eviction would keep free, is not for pods. */
export function allocatableOf(input: NodeInput): Record<string, string> {
  const { machine, settings } = input;
  const { systemReserved, kubeReserved, eviction } = settings;
  const left = (resource: string, has: number, signal?: Signal) => {
    const hard = eviction.thresholds.find((one) => one.signal === signal && one.graceMs === undefined);
    const reserved = [systemReserved, kubeReserved].reduce((sum, list) => sum + wholeValueOf(list[resource] ?? '0'), 0);
    return Math.max(0, has - reserved - (hard ? thresholdValue(hard.value, has) : 0));
  };
  const cpuMilli = [systemReserved, kubeReserved].reduce((rest, { cpu = '0' }) => rest - milliValueOf(cpu), machine.cpus * 1000);
  return {
    ...capacityOf(input),
    cpu: formatQuantity(milliQuantityOf(Math.max(0, cpuMilli))),
    'ephemeral-storage': String(left('ephemeral-storage', machine.ephemeralStorageBytes, 'nodefs.available')),
    memory: inKi(left('memory', machine.memoryBytes, 'memory.available')),
  };
}

export function newNode(input: NodeInput, facts: NodeFacts): V1Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: input.nodeName,
      labels: nodeLabels(input),
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: rangesSpec(input),
    status: nodeStatus(input, { facts, before: undefined }),
  };
}

/** Resources that the kubelet does not know, which somebody else has put into the node's capacity: all of them are for pods. */
const othersOf = (capacity: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(capacity).filter(([name]) => name.includes('/')));

/** `before`: the newest that is known, in which others may have written. */
export function nodeStatus(input: NodeInput, of: { readonly facts: NodeFacts; readonly before: V1NodeStatus | undefined }): V1NodeStatus {
  const { facts, before } = of;
  const others = othersOf(before?.capacity);
  return {
    capacity: { ...capacityOf(input), ...others },
    allocatable: { ...allocatableOf(input), ...others },
    conditions: nodeConditions(facts, before?.conditions ?? []),
    addresses: addressesOf(input),
    daemonEndpoints: { kubeletEndpoint: { Port: input.listenPort ?? 0 } },
    nodeInfo: systemInfo(input, facts),
    images: imagesOf(facts.images),
    features: { supplementalGroupsPolicy: facts.features.supplementalGroupsPolicy },
    ...handlersOf(facts.features),
  };
}

/**
 * What is written of a status. Addresses are merged by their type, of which there are several: the list is said anew. The capacity of
 * others is theirs to write.
 */
export function patchOf(status: V1NodeStatus, before: V1NodeStatus | undefined) {
  const others = othersOf(status.capacity);
  const capacity = Object.fromEntries(Object.entries(status.capacity ?? {}).filter(([name]) => !(name in others)));
  const gone = Object.keys(othersOf(before?.allocatable)).filter((name) => !(name in others));
  const allocatable = { ...status.allocatable, ...Object.fromEntries(gone.map((name) => [name, null])) };
  return { status: { ...status, capacity, allocatable, addresses: [...(status.addresses ?? []), { $patch: 'replace' }] } };
}

function handlersOf({ handlers }: RuntimeFeatures): Pick<V1NodeStatus, 'runtimeHandlers'> {
  if (handlers.length === 0) return {};
  return { runtimeHandlers: handlers.map(({ name, ...features }) => ({ name, features })) };
}

/** The main range is the first. */
export function rangesSpec({ podCidr }: Pick<NodeInput, 'podCidr'>): NonNullable<V1Node['spec']> {
  const [main, ...more] = podCidr?.split(',') ?? [];
  return main ? { podCIDR: main, podCIDRs: [main, ...more] } : {};
}

function addressesOf({ nodeName, machine }: NodeInput): V1NodeAddress[] {
  const ips = machine.addresses.map((address) => ({ type: 'InternalIP', address }));
  return [...ips, { type: 'Hostname', address: nodeName }];
}

function systemInfo(input: NodeInput, facts: NodeFacts): V1NodeSystemInfo {
  const { machine, version } = input;
  return {
    machineID: machine.machineId,
    systemUUID: machine.systemUuid,
    bootID: machine.bootId,
    kernelVersion: machine.kernelVersion,
    osImage: machine.osImage,
    containerRuntimeVersion: facts.runtimeVersion,
    kubeletVersion: version,
    kubeProxyVersion: '',
    operatingSystem: machine.os,
    architecture: machine.architecture,
  };
}

function imagesOf(images: readonly Image[]): V1ContainerImage[] {
  return [...images]
    .sort((a, b) => b.sizeBytes - a.sizeBytes || (a.id < b.id ? -1 : 1))
    .slice(0, imagesMax)
    .map((image) => ({ names: [...image.repoDigests, ...image.repoTags].slice(0, namesPerImageMax), sizeBytes: image.sizeBytes }));
}

const pressures = [
  {
    type: 'MemoryPressure',
    none: { reason: 'KubeletHasSufficientMemory', message: 'kubelet has sufficient memory available' },
    some: { reason: 'KubeletHasInsufficientMemory', message: 'kubelet has insufficient memory available' },
  },
  {
    type: 'DiskPressure',
    none: { reason: 'KubeletHasNoDiskPressure', message: 'kubelet has no disk pressure' },
    some: { reason: 'KubeletHasDiskPressure', message: 'kubelet has disk pressure' },
  },
  {
    type: 'PIDPressure',
    none: { reason: 'KubeletHasSufficientPID', message: 'kubelet has sufficient PID available' },
    some: { reason: 'KubeletHasInsufficientPID', message: 'kubelet has insufficient PID available' },
  },
] as const;

function nodeConditions(facts: NodeFacts, before: readonly V1NodeCondition[]): V1NodeCondition[] {
  const now = formatTime(facts.nowMs);
  const make = (type: string, status: 'True' | 'False', why: { readonly reason: string; readonly message: string }): V1NodeCondition => {
    const old = before.find((condition) => condition.type === type);
    const kept = old?.status === status ? old.lastTransitionTime : undefined;
    return { type, status, lastHeartbeatTime: now, lastTransitionTime: kept ?? now, ...why };
  };
  const short = pressures.map(({ type, none, some }) => {
    const is = facts.pressures?.includes(type) === true;
    return make(type, is ? 'True' : 'False', is ? some : none);
  });
  const ready = facts.notReady === undefined;
  const why = ready
    ? { reason: 'KubeletReady', message: 'kubelet is posting ready status' }
    : { reason: 'KubeletNotReady', message: facts.notReady ?? '' };
  return [...short, make('Ready', ready ? 'True' : 'False', why)];
}
