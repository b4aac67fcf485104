// Where the pods of the cluster are, by their labels: pods of one namespace with the same labels are one group. A selector is
// then matched once a group, not once a pod, and what matches is known by node: the cost of spreading and of affinity does not
// grow with the number of pods.
import type { V1Pod } from '../api/mod.ts';

export interface PodGroup {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Pods that are being deleted: spreading does not count them. */
  readonly terminating: boolean;
  /** How many of them are on each node; never 0. */
  readonly nodes: ReadonlyMap<string, number>;
}

interface OwnedGroup extends PodGroup {
  readonly nodes: Map<string, number>;
}

/** Changed only by the cache that owns it. */
export class PodGroups {
  readonly #groups = new Map<string, OwnedGroup>();
  readonly #byNamespace = new Map<string, Set<OwnedGroup>>();

  add(pod: V1Pod, nodeName: string): void {
    const key = keyOf(pod);
    let group = this.#groups.get(key);
    if (!group) {
      const namespace = pod.metadata?.namespace ?? '';
      group = {
        namespace,
        labels: pod.metadata?.labels ?? {},
        terminating: pod.metadata?.deletionTimestamp !== undefined,
        nodes: new Map(),
      };
      this.#groups.set(key, group);
      const siblings = this.#byNamespace.get(namespace) ?? new Set();
      this.#byNamespace.set(namespace, siblings.add(group));
    }
    group.nodes.set(nodeName, (group.nodes.get(nodeName) ?? 0) + 1);
  }

  remove(pod: V1Pod, nodeName: string): void {
    const key = keyOf(pod);
    const group = this.#groups.get(key);
    const left = (group?.nodes.get(nodeName) ?? 0) - 1;
    if (!group || left < 0) return;
    if (left > 0) return void group.nodes.set(nodeName, left);
    group.nodes.delete(nodeName);
    if (group.nodes.size > 0) return;
    this.#groups.delete(key);
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
}

function keyOf(pod: V1Pod): string {
  const labels = Object.entries(pod.metadata?.labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([pod.metadata?.namespace ?? '', pod.metadata?.deletionTimestamp !== undefined, labels]);
}
