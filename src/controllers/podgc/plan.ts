// Which pods nobody else will end. Pure.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection
import { getCondition, type Persisted, timeMs, type V1Node, type V1Pod } from '../../api/mod.ts';
import { isFinished } from '../runtime/pods.ts';

const outOfServiceTaint = 'node.kubernetes.io/out-of-service';

/** An administrator says that the node is off for good, and it does not say otherwise: its kubelet will end nothing any more. */
export const isOutOfService = (node: V1Node): boolean =>
  getCondition(node.status?.conditions, 'Ready')?.status !== 'True' &&
  (node.spec?.taints ?? []).some(({ key }) => key === outOfServiceTaint);

/** Finished pods beyond `threshold`: those that were evicted first, then the oldest. None when the threshold is 0, which stands for no bound. */
export function surplusOf(pods: readonly Persisted<V1Pod>[], threshold: number): readonly Persisted<V1Pod>[] {
  const finished = pods.filter((pod) => isFinished(pod) && pod.metadata.deletionTimestamp === undefined);
  if (threshold <= 0 || finished.length <= threshold) return [];
  const wasEvicted = (pod: V1Pod) => (pod.status?.reason === 'Evicted' ? 0 : 1);
  const age = (pod: V1Pod) => timeMs(pod.metadata?.creationTimestamp);
  const order = (a: Persisted<V1Pod>, b: Persisted<V1Pod>) =>
    wasEvicted(a) - wasEvicted(b) || age(a) - age(b) || (a.metadata.name < b.metadata.name ? -1 : 1);
  return finished.sort(order).slice(0, finished.length - threshold);
}
