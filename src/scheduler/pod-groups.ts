// Where the pods of the cluster are, by their labels: pods of one namespace with the same labels and the same affinity to other
// pods are one group. A selector is then matched once a group, not once a pod, and how many of them a topology domain has is kept
// as they come and go: the cost of spreading and of affinity grows neither with the number of pods nor with that of nodes.
import type { V1Pod } from '../api/mod.ts';
import { hasAffinity } from './pod-affinity-terms.ts';

export interface PodGroup {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Pods that are being deleted: spreading does not count them. */
  readonly terminating: boolean;
  /** One of them, for what all have in common. */
  readonly sample: V1Pod;
  /** How many of them are on each node; never 0. */
  readonly nodes: ReadonlyMap<string, number>;
  /** How many of them each domain has; never 0. Kept up to date: the map holds until the cycle ends. */
  domains(topologyKey: string): ReadonlyMap<string, number>;
}

/** The labels of a node that is there; undefined for one that is not. */
export type NodeLabels = (nodeName: string) => Readonly<Record<string, string>> | undefined;

class OwnedGroup implements PodGroup {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly terminating: boolean;
  readonly sample: V1Pod;
  readonly nodes = new Map<string, number>();
  readonly #owner: { readonly labelsOf: NodeLabels; readonly nodesSeen: number };
  readonly #domains = new Map<string, Map<string, number>>();
  /** The state of the nodes' labels that `#domains` was counted for. */
  #seen = 0;

  constructor(pod: V1Pod, owner: { readonly labelsOf: NodeLabels; readonly nodesSeen: number }) {
    this.namespace = pod.metadata?.namespace ?? '';
    this.labels = pod.metadata?.labels ?? {};
    this.terminating = pod.metadata?.deletionTimestamp !== undefined;
    this.sample = pod;
    this.#owner = owner;
  }

  domains(topologyKey: string): ReadonlyMap<string, number> {
    if (this.#seen !== this.#owner.nodesSeen) {
      this.#domains.clear();
      this.#seen = this.#owner.nodesSeen;
    }
    let domains = this.#domains.get(topologyKey);
    if (!domains) {
      domains = new Map();
      for (const [nodeName, pods] of this.nodes) addTo(domains, this.#owner.labelsOf(nodeName)?.[topologyKey], pods);
      this.#domains.set(topologyKey, domains);
    }
    return domains;
  }

  count(nodeName: string, by: 1 | -1): void {
    addTo(this.nodes, nodeName, by);
    if (this.#domains.size === 0 || this.#seen !== this.#owner.nodesSeen) return;
    const labels = this.#owner.labelsOf(nodeName);
    for (const [topologyKey, domains] of this.#domains) addTo(domains, labels?.[topologyKey], by);
  }
}

function addTo(counts: Map<string, number>, key: string | undefined, by: number): void {
  if (key === undefined) return;
  const now = (counts.get(key) ?? 0) + by;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}

/** Changed only by the cache that owns it. */
export class PodGroups {
  readonly labelsOf: NodeLabels;
  readonly #groups = new Map<string, OwnedGroup>();
  readonly #byNamespace = new Map<string, Set<OwnedGroup>>();
  readonly #withAffinity = new Set<OwnedGroup>();
  nodesSeen = 0;

  constructor(labelsOf: NodeLabels) {
    this.labelsOf = labelsOf;
  }

  /** A node came, went or changed its labels: domains are counted anew when somebody asks. */
  nodesChanged(): void {
    this.nodesSeen++;
  }

  add(pod: V1Pod, nodeName: string): void {
    const key = keyOf(pod);
    let group = this.#groups.get(key);
    if (!group) {
      group = new OwnedGroup(pod, this);
      this.#groups.set(key, group);
      const siblings = this.#byNamespace.get(group.namespace) ?? new Set();
      this.#byNamespace.set(group.namespace, siblings.add(group));
      if (hasAffinity(pod)) this.#withAffinity.add(group);
    }
    group.count(nodeName, 1);
  }

  remove(pod: V1Pod, nodeName: string): void {
    const key = keyOf(pod);
    const group = this.#groups.get(key);
    if (!group?.nodes.has(nodeName)) return;
    group.count(nodeName, -1);
    if (group.nodes.size > 0) return;
    this.#groups.delete(key);
    this.#withAffinity.delete(group);
    const siblings = this.#byNamespace.get(group.namespace);
    siblings?.delete(group);
    if (siblings?.size === 0) this.#byNamespace.delete(group.namespace);
  }

  get namespaces(): Iterable<string> {
    return this.#byNamespace.keys();
  }

  inNamespace(namespace: string): Iterable<PodGroup> {
    return this.#byNamespace.get(namespace) ?? [];
  }

  /** Those whose pods have affinity or anti-affinity to other pods: few in most clusters. */
  get withAffinity(): Iterable<PodGroup> {
    return this.#withAffinity;
  }
}

/** Whether a newer version of a pod certainly belongs to the same group, by the parts that both share. */
export function staysInGroup(old: V1Pod, next: V1Pod): boolean {
  const [before, now] = [old.metadata, next.metadata];
  const same =
    before?.labels === now?.labels &&
    (before?.deletionTimestamp === undefined) === (now?.deletionTimestamp === undefined) &&
    old.spec?.affinity === next.spec?.affinity;
  const key = same ? keys.get(old) : undefined;
  if (key !== undefined) keys.set(next, key);
  return key !== undefined;
}

/** Pods are frozen: the same one is asked for when it comes and when it goes. */
const keys = new WeakMap<V1Pod, string>();

function keyOf(pod: V1Pod): string {
  let key = keys.get(pod);
  if (key === undefined) {
    const { namespace = '', deletionTimestamp, labels = {} } = pod.metadata ?? {};
    const affinity = hasAffinity(pod) ? [pod.spec?.affinity?.podAffinity, pod.spec?.affinity?.podAntiAffinity] : undefined;
    const names = Object.keys(labels).sort();
    key = JSON.stringify([namespace, deletionTimestamp !== undefined, names, names.map((name) => labels[name]), affinity]);
    keys.set(pod, key);
  }
  return key;
}
