// Which pods count as the like of a pod that has no spread constraints of its own: those of its services and its workload.
import {
  controllerOf,
  everything,
  type LabelSelector,
  matchesLabels,
  replicasets,
  replicationcontrollers,
  selectorOf,
  selectorOfLabels,
  services,
  statefulsets,
  type V1Pod,
} from '../api/mod.ts';
import type { Informers } from '../client/mod.ts';

/** Every requirement of every selector that applies; undefined when none does: then there is nothing to spread by. */
export function createDefaultSelector(informers: Informers): (pod: V1Pod) => LabelSelector | undefined {
  const serviceCache = informers.of(services);
  const replicaSets = informers.of(replicasets);
  const statefulSets = informers.of(statefulsets);
  const replicationControllers = informers.of(replicationcontrollers);
  const selectorOfOwner = (kind: string, key: string): LabelSelector | undefined => {
    if (kind === 'ReplicationController') {
      const selector = replicationControllers.get(key)?.spec?.selector;
      return selector && selectorOfLabels(selector);
    }
    const selector = (kind === 'ReplicaSet' ? replicaSets : kind === 'StatefulSet' ? statefulSets : undefined)?.get(key)?.spec?.selector;
    return selector && selectorOf(selector);
  };
  return (pod) => {
    const namespace = pod.metadata?.namespace ?? '';
    const labels = pod.metadata?.labels;
    const found = serviceCache
      .list(namespace)
      .filter((service) => Object.keys(service.spec?.selector ?? {}).length > 0)
      .map((service) => selectorOfLabels(service.spec?.selector))
      .filter((selector) => matchesLabels(selector, labels));
    const owner = controllerOf(pod);
    const selector = owner && selectorOfOwner(owner.kind, `${namespace}/${owner.name}`);
    if (selector) found.push(selector);
    if (found.length === 0) return undefined;
    return { ...everything, requirements: found.flatMap(({ requirements }) => requirements) };
  };
}
