// The scheduler's picture of the cluster: nodes, the pods bound to them, and pods it has just decided on (assumed).
import { equal, type V1Node, type V1Pod } from '../api/mod.ts';
import { assert } from '../base/mod.ts';
import { NodeInfo, placedPod, podKey } from './node-info.ts';
import { PodGroups, staysInGroup } from './pod-groups.ts';
import type { LabelValues, Snapshot } from './snapshot.ts';

/** 1 for a node that keeps some pods away, or would rather. */
const taintsCount = (node: V1Node | undefined): 0 | 1 => (node?.spec?.unschedulable || (node?.spec?.taints ?? []).length > 0 ? 1 : 0);

const nobody: readonly V1Pod[] = [];

function labelValuesOf(key: string, nodes: readonly NodeInfo[]): LabelValues {
  const places = new Map<string, number>();
  const ofNodes = new Int32Array(nodes.length).fill(-1);
  let having = 0;
  for (const { index, labels } of nodes) {
    const value = labels[key];
    if (value === undefined) continue;
    const place = places.get(value) ?? places.size;
    places.set(value, place);
    ofNodes[index] = place;
    having++;
  }
  return { values: [...places.keys()], ofNodes, nodes: having };
}

/**
 * Fed by informers; owned by the scheduler. A pod counts on its node from the moment of the decision (`assume`) until the
 * informer shows it bound (`setPod`) or the binding fails (`forget`): nothing is given away twice.
 */
export class SchedulerCache implements Snapshot {
  readonly #infos = new Map<string, NodeInfo>();
  /** Where each pod counts: node name by pod key. */
  readonly #placed = new Map<string, string>();
  readonly #assumed = new Set<string>();
  readonly #nominated = new Map<string, { readonly pod: V1Pod; readonly nodeName: string }>();
  readonly #nominatedOn = new Map<string, Map<string, V1Pod>>();
  #list: { readonly nodes: readonly NodeInfo[]; readonly revisions: Uint32Array } | undefined;
  readonly #labelValues = new Map<string, LabelValues>();
  tainted = 0;
  readonly groups = new PodGroups((nodeName) => {
    const info = this.#infos.get(nodeName);
    return info?.node && info.labels;
  });

  get nodes(): readonly NodeInfo[] {
    return this.#listed().nodes;
  }

  get revisions(): Uint32Array {
    return this.#listed().revisions;
  }

  labelValues(key: string): LabelValues {
    let known = this.#labelValues.get(key);
    if (!known) {
      known = labelValuesOf(key, this.nodes);
      this.#labelValues.set(key, known);
    }
    return known;
  }

  get(name: string): NodeInfo | undefined {
    const info = this.#infos.get(name);
    return info?.node ? info : undefined;
  }

  setNode(node: V1Node): void {
    const name = node.metadata?.name ?? '';
    const info = this.#infoOf(name);
    const before = info.node;
    if (!before) this.#list = undefined;
    info.setNode(node);
    this.tainted += taintsCount(node) - taintsCount(before);
    if (!before || !equal(before.metadata?.labels, node.metadata?.labels)) this.#labelsChanged();
  }

  removeNode(name: string): void {
    const info = this.#infos.get(name);
    if (!info) return;
    this.tainted -= taintsCount(info.node);
    info.setNode(undefined);
    this.#list = undefined;
    this.#labelsChanged();
    if (info.pods.size === 0) this.#infos.delete(name);
  }

  /** A pod that the API shows as bound. */
  setPod(pod: V1Pod): void {
    const nodeName = pod.spec?.nodeName;
    assert(nodeName, `pod ${podKey(pod)} is not bound`);
    this.#assumed.delete(podKey(pod));
    this.#place(pod, nodeName);
  }

  /** A pod that is gone, or has ended: it takes no room any more. */
  removePod(pod: V1Pod): void {
    const key = podKey(pod);
    this.#assumed.delete(key);
    const nodeName = this.#placed.get(key);
    if (nodeName === undefined) return;
    this.#placed.delete(key);
    const info = this.#infos.get(nodeName);
    this.#unplace(key, info);
    if (info && !info.node && info.pods.size === 0) this.#infos.delete(nodeName);
  }

  /** Counts the pod on the node before it is bound. */
  assume(pod: V1Pod, nodeName: string): void {
    const key = podKey(pod);
    assert(!this.#placed.has(key), `pod ${key} is placed already`);
    this.#assumed.add(key);
    this.#place(pod, nodeName);
  }

  /** The binding failed: the room is free again. Does nothing when the API has shown the pod as bound meanwhile. */
  forget(pod: V1Pod): void {
    if (this.#assumed.has(podKey(pod))) this.removePod(pod);
  }

  /** A pod that waits for room on a node; undefined takes the nomination back. */
  nominate(pod: V1Pod, nodeName: string | undefined): void {
    const key = podKey(pod);
    const before = this.#nominated.get(key);
    if (before) {
      this.#nominatedOn.get(before.nodeName)?.delete(key);
      this.#infos.get(before.nodeName)?.changed();
    }
    this.#nominated.delete(key);
    if (nodeName === undefined) return;
    this.#infos.get(nodeName)?.changed();
    this.#nominated.set(key, { pod, nodeName });
    const there = this.#nominatedOn.get(nodeName) ?? new Map<string, V1Pod>();
    this.#nominatedOn.set(nodeName, there.set(key, pod));
  }

  get hasNominated(): boolean {
    return this.#nominated.size > 0;
  }

  nominatedOn(nodeName: string): readonly V1Pod[] {
    const there = this.#nominatedOn.get(nodeName);
    return there && there.size > 0 ? [...there.values()] : nobody;
  }

  pretendThere(pod: V1Pod, nodeName: string, scope: 'everywhere' | 'node' = 'everywhere'): () => void {
    const key = podKey(pod);
    if (this.#placed.has(key)) return () => {};
    if (scope === 'node') {
      const info = this.#infos.get(nodeName);
      info?.putBack(key, placedPod(pod));
      return () => info?.take(key);
    }
    this.#place(pod, nodeName);
    return () => {
      this.#placed.delete(key);
      this.#unplace(key, this.#infos.get(nodeName));
    };
  }

  nominationOf(pod: V1Pod): string | undefined {
    return this.#nominated.get(podKey(pod))?.nodeName;
  }

  pretendGone(pod: V1Pod, scope: 'everywhere' | 'node' = 'everywhere'): () => void {
    const key = podKey(pod);
    const nodeName = this.#placed.get(key);
    if (nodeName === undefined) return () => {};
    if (scope === 'node') {
      const info = this.#infos.get(nodeName);
      const taken = info?.take(key);
      return () => taken && info?.putBack(key, taken);
    }
    this.#placed.delete(key);
    this.#unplace(key, this.#infos.get(nodeName));
    return () => this.#place(pod, nodeName);
  }

  isPlaced(pod: V1Pod): boolean {
    return this.#placed.has(podKey(pod));
  }

  #place(pod: V1Pod, nodeName: string): void {
    const key = podKey(pod);
    const before = this.#placed.get(key);
    if (before === nodeName && this.#renew(key, pod, this.#infos.get(nodeName))) return;
    if (before !== undefined) this.#unplace(key, this.#infos.get(before));
    this.#placed.set(key, nodeName);
    const info = this.#infoOf(nodeName);
    info.add(pod);
    this.groups.add(pod, nodeName);
  }

  /** A newer version of a pod that asks for the same is exchanged for the one that is there: what the node counts is not reckoned anew. */
  #renew(key: string, pod: V1Pod, info: NodeInfo | undefined): boolean {
    const counted = info?.pods.get(key)?.pod;
    if (!info || !counted || !info.renew(pod)) return false;
    if (!staysInGroup(counted, pod)) {
      this.groups.remove(counted, info.name);
      this.groups.add(pod, info.name);
    }
    return true;
  }

  /** Takes away what was counted for the pod, as it was when it was counted. */
  #unplace(key: string, info: NodeInfo | undefined): void {
    const counted = info?.pods.get(key)?.pod;
    if (!info || !counted) return;
    info.remove(counted);
    this.groups.remove(counted, info.name);
  }

  #listed(): { readonly nodes: readonly NodeInfo[]; readonly revisions: Uint32Array } {
    if (!this.#list) {
      const nodes = [...this.#infos.values()].filter((info) => info.node !== undefined);
      const revisions = new Uint32Array(nodes.length).fill(1);
      for (const [index, info] of nodes.entries()) info.standsAt(index, revisions);
      this.#list = { nodes, revisions };
    }
    return this.#list;
  }

  #labelsChanged(): void {
    this.#labelValues.clear();
    this.groups.nodesChanged();
  }

  #infoOf(name: string): NodeInfo {
    let info = this.#infos.get(name);
    if (!info) {
      info = new NodeInfo(name);
      this.#infos.set(name, info);
    }
    return info;
  }
}
