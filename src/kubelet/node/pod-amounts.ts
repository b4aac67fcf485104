// What a whole pod asks for and may use, as plain numbers. Pure.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
import { milliValueOf, type V1Container, type V1Pod, wholeValueOf } from '../../api/mod.ts';

/** CPU in thousandths, all else in its own unit. What is not asked for is absent. */
export type PodAmounts = ReadonlyMap<string, number>;
type List = 'requests' | 'limits';

export function numbersOf(list: Readonly<Record<string, string>> | undefined): PodAmounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, name === 'cpu' ? milliValueOf(text) : wholeValueOf(text)]));
}

function add(total: Map<string, number>, more: PodAmounts): void {
  for (const [name, value] of more) total.set(name, (total.get(name) ?? 0) + value);
}

/** The most at any time: main containers and sidecars together, or an init container with the sidecars before it; pod-level amounts replace it. */
export function podAmounts(pod: V1Pod, list: List): PodAmounts {
  const own = (container: V1Container) => numbersOf(container.resources?.[list]);
  const { containers = [], initContainers = [], resources, overhead } = pod.spec ?? {};
  const total = new Map<string, number>();
  const sidecars = new Map<string, number>();
  const peaks: PodAmounts[] = [];
  for (const container of containers) add(total, own(container));
  for (const container of initContainers) {
    if (container.restartPolicy === 'Always') {
      add(total, own(container));
      add(sidecars, own(container));
      continue;
    }
    const together = new Map(sidecars);
    add(together, own(container));
    peaks.push(together);
  }
  for (const peak of peaks) for (const [name, value] of peak) total.set(name, Math.max(value, total.get(name) ?? 0));
  for (const [name, value] of numbersOf(resources?.[list])) total.set(name, value);
  for (const [name, value] of numbersOf(overhead))
    if (list === 'requests' || total.has(name)) total.set(name, (total.get(name) ?? 0) + value);
  return total;
}

/** A limit of the whole pod in cpu or memory: none unless every container has one, or the pod itself. */
export function podLimit(pod: V1Pod, name: 'cpu' | 'memory'): number | undefined {
  const { containers = [], initContainers = [], resources } = pod.spec ?? {};
  const bounded = [...containers, ...initContainers].every((container) => container.resources?.limits?.[name] !== undefined);
  if (resources?.limits?.[name] === undefined && !bounded) return undefined;
  return podAmounts(pod, 'limits').get(name);
}
