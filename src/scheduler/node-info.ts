// A node as the scheduler sees it: what it offers, and what the pods on it have taken.
import type { V1Node, V1Pod } from '../api/mod.ts';
import { asksForTheSame, podRequests, podScoreRequests, type Resources, toResources } from './pod-resources.ts';

/** A pod on a node, with what is computed from it once. */
export interface PlacedPod {
  readonly pod: V1Pod;
  readonly requests: Resources;
  readonly hostPorts: readonly HostPort[];
}

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

export const podKey = (pod: V1Pod): string => pod.metadata?.uid ?? `${pod.metadata?.namespace}/${pod.metadata?.name}`;

const noLabels: Readonly<Record<string, string>> = {};
const anyAddress = '0.0.0.0';
const noPorts: readonly HostPort[] = [];
const noRevisions = new Uint32Array(0);

export function hostPortsOf(pod: V1Pod): readonly HostPort[] {
  const { containers: main = [], initContainers = [] } = pod.spec ?? {};
  if (initContainers.length === 0 && main.every(({ ports }) => ports === undefined)) return noPorts;
  const containers = [...main, ...initContainers.filter((container) => container.restartPolicy === 'Always')];
  return containers.flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => (port.hostPort ?? 0) > 0)
      .map((port) => ({ ip: port.hostIP || anyAddress, protocol: port.protocol ?? 'TCP', port: port.hostPort ?? 0 })),
  );
}

export const placedPod = (pod: V1Pod): PlacedPod => ({ pod, requests: podRequests(pod), hostPorts: hostPortsOf(pod) });

const clash = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === anyAddress || b.ip === anyAddress);

/**
 * Changed only by the cache that owns it. `requested` is the sum over `pods`; the invariant is kept by `add` and `remove`
 * alone, so that a filter costs a few comparisons and no walk over pods.
 */
export class NodeInfo {
  readonly name: string;
  /** Its place in the snapshot's list of nodes. */
  index = 0;
  /** Of all nodes of that list; raised here by each change that lasts (and not by what is pretended), for those who remember. */
  #revisions: Uint32Array = noRevisions;
  #node: V1Node | undefined;
  #labels: Readonly<Record<string, string>> = noLabels;
  #allocatable: Resources = new Map();
  #freeCpu = 0;
  #freeMemory = 0;
  #allowedPods = 0;
  #imageBytes: ReadonlyMap<string, number> | undefined;
  readonly #requested = new Map<string, number>();
  #scoreCpu = 0;
  #scoreMemory = 0;
  readonly #pods = new Map<string, PlacedPod>();
  #portPods = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Undefined for a node that is gone while pods on it remain. */
  get node(): V1Node | undefined {
    return this.#node;
  }
  get labels(): Readonly<Record<string, string>> {
    return this.#labels;
  }
  /** Millicores that nobody has asked for. */
  get freeCpu(): number {
    return this.#freeCpu;
  }
  /** Bytes that nobody has asked for. */
  get freeMemory(): number {
    return this.#freeMemory;
  }
  get allocatable(): Resources {
    return this.#allocatable;
  }
  get allowedPods(): number {
    return this.#allowedPods;
  }
  /** The node's images by every name, and their sizes. */
  get imageBytes(): ReadonlyMap<string, number> {
    this.#imageBytes ??= new Map(
      (this.#node?.status?.images ?? []).flatMap(({ names = [], sizeBytes = 0 }) => names.map((name) => [name, sizeBytes] as const)),
    );
    return this.#imageBytes;
  }
  get requested(): Resources {
    return this.#requested;
  }
  /** What counts when nodes are compared: pods that ask for nothing count with a default. Millicores. */
  get scoreCpu(): number {
    return this.#scoreCpu;
  }
  /** As `scoreCpu`, in bytes. */
  get scoreMemory(): number {
    return this.#scoreMemory;
  }
  get pods(): ReadonlyMap<string, PlacedPod> {
    return this.#pods;
  }

  setNode(node: V1Node | undefined): void {
    if (node?.status?.images !== this.#node?.status?.images) this.#imageBytes = undefined;
    if (node?.status?.allocatable !== this.#node?.status?.allocatable) {
      this.#allocatable = toResources(node?.status?.allocatable);
      this.#allowedPods = this.#allocatable.get('pods') ?? 0;
    }
    this.#node = node;
    this.#labels = node?.metadata?.labels ?? noLabels;
    this.#reckonFree();
    this.changed();
  }

  /** The node stands at a place in a list whose revisions are these. */
  standsAt(index: number, revisions: Uint32Array): void {
    this.index = index;
    this.#revisions = revisions;
  }

  changed(): void {
    this.#revisions[this.index] = (this.#revisions[this.index] ?? 0) + 1;
  }

  add(pod: V1Pod): void {
    const key = podKey(pod);
    if (this.#pods.has(key)) this.remove(pod);
    this.putBack(key, placedPod(pod));
    this.changed();
  }

  /** A newer version of a pod that is there takes its place. False, and nothing done, where it may ask for something else. */
  renew(pod: V1Pod): boolean {
    const key = podKey(pod);
    const placed = this.#pods.get(key);
    if (!placed || !asksForTheSame(placed.pod, pod)) return false;
    this.#pods.set(key, { ...placed, pod });
    this.changed();
    return true;
  }

  remove(pod: V1Pod): void {
    if (this.take(podKey(pod))) this.changed();
  }

  /** Leaves a pod out, until {@link putBack} is given what this gives: what is pretended is no change. */
  take(key: string): PlacedPod | undefined {
    const placed = this.#pods.get(key);
    if (!placed) return undefined;
    this.#pods.delete(key);
    this.#count(placed, -1);
    return placed;
  }

  putBack(key: string, placed: PlacedPod): void {
    this.#pods.set(key, placed);
    this.#count(placed, 1);
  }

  portTaken(wanted: HostPort): boolean {
    if (this.#portPods === 0) return false;
    for (const placed of this.#pods.values()) if (placed.hostPorts.some((port) => clash(port, wanted))) return true;
    return false;
  }

  #count(placed: PlacedPod, sign: 1 | -1): void {
    for (const [name, value] of placed.requests) this.#requested.set(name, (this.#requested.get(name) ?? 0) + sign * value);
    const score = podScoreRequests(placed.pod);
    this.#scoreCpu += sign * score.cpu;
    this.#scoreMemory += sign * score.memory;
    if (placed.hostPorts.length > 0) this.#portPods += sign;
    this.#reckonFree();
  }

  #reckonFree(): void {
    this.#freeCpu = (this.#allocatable.get('cpu') ?? 0) - (this.#requested.get('cpu') ?? 0);
    this.#freeMemory = (this.#allocatable.get('memory') ?? 0) - (this.#requested.get('memory') ?? 0);
  }
}
