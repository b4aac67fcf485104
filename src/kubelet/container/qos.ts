// The quality-of-service class of a pod, by its requests and limits of cpu and memory.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
import type { V1Pod, V1ResourceRequirements } from '../../api/mod.ts';
import { amountsOf } from './amounts.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

export function qosClassOf(pod: V1Pod): QosClass {
  const podLevel = pod.spec?.resources;
  if (podLevel && (podLevel.requests || podLevel.limits)) return classOf([podLevel]);
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return classOf(containers.map((container) => container.resources));
}

function classOf(all: readonly (V1ResourceRequirements | undefined)[]): QosClass {
  let any = false;
  let guaranteed = true;
  for (const resources of all) {
    const amounts = amountsOf(resources);
    const pairs = [
      [amounts.cpuRequestMilli, amounts.cpuLimitMilli],
      [amounts.memoryRequestBytes, amounts.memoryLimitBytes],
    ] as const;
    for (const [request, limit] of pairs) {
      if (request > 0 || limit > 0) any = true;
      if (limit === 0 || (request > 0 && request !== limit)) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
