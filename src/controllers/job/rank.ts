// Which of a job's active pods go first: those that have done the least. Pure.
import { timeMs } from '../../api/mod.ts';
import { isReady, readySinceMs, restartsOf } from '../runtime/pods.ts';
import type { Pod } from './pods.ts';

const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** In the order in which they should go: not bound, not running, not ready, ready for the shortest, restarted most, youngest. */
export function rankPods(pods: readonly Pod[]): readonly Pod[] {
  const ranked = pods.map((pod) => ({ pod, order: orderOf(pod) }));
  ranked.sort((a, b) => {
    for (let i = 0; i < a.order.length; i++) {
      const difference = (a.order[i] ?? 0) - (b.order[i] ?? 0);
      if (difference !== 0) return difference;
    }
    return a.pod.metadata.name < b.pod.metadata.name ? -1 : 1;
  });
  return ranked.map(({ pod }) => pod);
}

function orderOf(pod: Pod): readonly number[] {
  return [
    pod.spec?.nodeName ? 1 : 0,
    phaseOrder[pod.status?.phase ?? ''] ?? 0,
    isReady(pod) ? 1 : 0,
    -(readySinceMs(pod) ?? 0),
    -restartsOf(pod),
    -timeMs(pod.metadata.creationTimestamp),
  ];
}
