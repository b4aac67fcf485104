// The quality-of-service class of a pod.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
import type { V1PodSpec, V1ResourceRequirements } from '../generated/types.gen.ts';
import { compareQuantities, isZeroQuantity, parseQuantity, quantityProblem } from '../meta/quantity.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const countedResources = ['cpu', 'memory'] as const;

/** The amount of a well-formed quantity above zero. */
function amount(map: Readonly<Record<string, string>> | undefined, resource: string) {
  const text = map?.[resource];
  if (text === undefined || quantityProblem(text) !== undefined) return undefined;
  const quantity = parseQuantity(text);
  return isZeroQuantity(quantity) ? undefined : quantity;
}

const classOf = (resources: V1ResourceRequirements | undefined): QosClass => {
  let any = false;
  let guaranteed = true;
  for (const resource of countedResources) {
    const request = amount(resources?.requests, resource);
    const limit = amount(resources?.limits, resource);
    if (request !== undefined || limit !== undefined) any = true;
    // A limit alone is its own request.
    if (limit === undefined || (request !== undefined && compareQuantities(request, limit) !== 0)) guaranteed = false;
  }
  return any ? (guaranteed ? 'Guaranteed' : 'Burstable') : 'BestEffort';
};

/** Guaranteed when every container has limits of CPU and memory that equal its requests, BestEffort when none has any. */
export function qosClassOf(spec: V1PodSpec | undefined): QosClass {
  if (spec === undefined) return 'BestEffort';
  if (spec.resources !== undefined && classOf(spec.resources) !== 'BestEffort') return classOf(spec.resources);
  const classes = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((container) => classOf(container.resources));
  if (classes.every((each) => each === 'BestEffort')) return 'BestEffort';
  return classes.every((each) => each === 'Guaranteed') ? 'Guaranteed' : 'Burstable';
}
