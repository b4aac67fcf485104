// What a pod counts for in all, as exact quantities: its containers, its overhead, and what it names for itself as a whole.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
import type { V1Container, V1Pod } from '../generated/types.gen.ts';
import { addQuantities, compareQuantities, parseQuantity, type Quantity } from '../meta/quantity.ts';

/** By the name of a resource: `cpu`, `example.com/gpu`. */
export type QuantityMap = ReadonlyMap<string, Quantity>;

export const quantitiesOf = (amounts: Readonly<Record<string, string>> | undefined): QuantityMap =>
  new Map(Object.entries(amounts ?? {}).map(([name, text]) => [name, parseQuantity(text)]));

export function addQuantityMap(total: Map<string, Quantity>, more: QuantityMap): void {
  for (const [name, quantity] of more) {
    const standing = total.get(name);
    total.set(name, standing ? addQuantities(standing, quantity) : quantity);
  }
}

function raise(total: Map<string, Quantity>, floor: QuantityMap): void {
  for (const [name, quantity] of floor) {
    const standing = total.get(name);
    if (!standing || compareQuantities(quantity, standing) > 0) total.set(name, quantity);
  }
}

/**
 * The most that the pod asks for, or may use, at any time: main containers and sidecars together, or an init container with the
 * sidecars before it; what the pod names as a whole replaces that. While a pod is being resized the greater of what it wants and
 * what it has counts.
 */
export function podAmounts(pod: V1Pod, which: 'requests' | 'limits'): QuantityMap {
  const { spec, status } = pod;
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const amountsOf = (container: V1Container): QuantityMap => {
    const amounts = new Map(quantitiesOf(container.resources?.[which]));
    const actual = statuses.find(({ name }) => name === container.name);
    if (actual?.resources) raise(amounts, quantitiesOf(actual.resources[which]));
    if (which === 'requests' && actual?.allocatedResources) raise(amounts, quantitiesOf(actual.allocatedResources));
    return amounts;
  };
  const total = new Map<string, Quantity>();
  for (const container of spec?.containers ?? []) addQuantityMap(total, amountsOf(container));
  for (const container of spec?.initContainers ?? []) if (container.restartPolicy === 'Always') addQuantityMap(total, amountsOf(container));
  raise(total, initPeak(spec?.initContainers ?? [], amountsOf));
  for (const [name, quantity] of quantitiesOf(spec?.resources?.[which])) total.set(name, quantity);
  for (const [name, quantity] of quantitiesOf(spec?.overhead)) {
    const standing = total.get(name);
    // Without a limit of its own the pod has none, whatever its overhead.
    if (standing) total.set(name, addQuantities(standing, quantity));
    else if (which === 'requests') total.set(name, quantity);
  }
  return total;
}

function initPeak(containers: readonly V1Container[], amountsOf: (container: V1Container) => QuantityMap): QuantityMap {
  const peak = new Map<string, Quantity>();
  const sidecars = new Map<string, Quantity>();
  for (const container of containers) {
    const together = new Map(sidecars);
    addQuantityMap(together, amountsOf(container));
    raise(peak, together);
    if (container.restartPolicy === 'Always') addQuantityMap(sidecars, amountsOf(container));
  }
  return peak;
}
