// What one scheduling cycle looks at: the nodes as they stand now. The cycle is synchronous, so that nothing moves meanwhile,
// and what is pretended is put back before it ends.
import type { V1Pod } from '../api/mod.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodGroups } from './pod-groups.ts';

/** The values that nodes have for a label. */
export interface LabelValues {
  /** Each once. */
  readonly values: readonly string[];
  /** Which of them each node has, by its place in the list of nodes; -1 for a node without the label. */
  readonly ofNodes: Int32Array;
  /** How many nodes have the label. */
  readonly nodes: number;
}

export interface Snapshot {
  /** Nodes that exist, in a stable order. */
  readonly nodes: readonly NodeInfo[];
  /** One a node of that list: another one than before when the node, or a pod on it or nominated to it, has changed. Never 0. */
  readonly revisions: Uint32Array;
  get(name: string): NodeInfo | undefined;
  /** How many nodes have taints or are cordoned. */
  readonly tainted: number;
  /** Kept until a node comes, goes or changes its labels. */
  labelValues(key: string): LabelValues;
  /** Where pods are, by their labels. */
  readonly groups: Pick<PodGroups, 'namespaces' | 'inNamespace' | 'withAffinity'>;
  /** Whether any node has nominated pods. */
  readonly hasNominated: boolean;
  /** Pods that wait for a node which others have been told to leave. */
  nominatedOn(nodeName: string): readonly V1Pod[];
  /** Where a pod waits for room that others have been told to make. */
  nominationOf(pod: V1Pod): string | undefined;
  /**
   * Counts a pod on a node, until the function that it gives is called. `node`: in what the node counts alone, and not in the
   * groups, which nobody may ask then.
   */
  pretendThere(pod: V1Pod, nodeName: string, scope?: 'everywhere' | 'node'): () => void;
  /** Leaves a pod out, as {@link pretendThere} counts one. */
  pretendGone(pod: V1Pod, scope?: 'everywhere' | 'node'): () => void;
}
