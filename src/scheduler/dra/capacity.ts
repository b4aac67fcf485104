// How much of a device one request takes, where several may share it; and the counters that the devices of a pool share. Pure.
// Source: https://kubernetes.io/docs/concepts/resource-management/dynamic-resource-allocation/dra-features/#consumable-capacity
import {
  formatQuantity,
  parseQuantity,
  quantityOf,
  toNumber,
  type V1CapacityRequestPolicy,
  type V1Device,
  type V1ResourceSlice,
} from '../../api/mod.ts';

/** By capacity: the amount, and how it is written. */
export type Amounts = ReadonlyMap<string, { readonly amount: number; readonly text: string }>;

const numberOf = (quantity: string): number => toNumber(parseQuantity(quantity));

/** What a request takes of each capacity of the device; undefined when the device cannot give it. */
export function amountsOf(device: V1Device, requests: Readonly<Record<string, string>> = {}): Amounts | undefined {
  const capacity = device.capacity ?? {};
  if (Object.keys(requests).some((name) => capacity[name] === undefined)) return undefined;
  const amounts = new Map<string, { amount: number; text: string }>();
  for (const [name, { value, requestPolicy }] of Object.entries(capacity)) {
    const text = rounded(requests[name], value, requestPolicy);
    if (text === undefined) return undefined;
    amounts.set(name, { amount: numberOf(text), text });
  }
  return amounts;
}

/** The least amount that the policy allows and that is enough; without a wish the policy's default, or all. */
function rounded(wanted: string | undefined, value: string, policy: V1CapacityRequestPolicy | undefined): string | undefined {
  if (wanted === undefined) return policy?.default ?? value;
  const amount = numberOf(wanted);
  if (amount > numberOf(value)) return undefined;
  if (policy?.validValues && policy.validValues.length > 0) {
    return [...policy.validValues].sort((a, b) => numberOf(a) - numberOf(b)).find((one) => numberOf(one) >= amount);
  }
  if (!policy?.validRange) return wanted;
  const { min, max, step } = policy.validRange;
  const least = numberOf(min);
  if (amount <= least) return min;
  const by = step === undefined ? 0 : numberOf(step);
  const fit = by > 0 ? least + Math.ceil((amount - least) / by) * by : amount;
  if (fit > numberOf(max ?? value)) return undefined;
  return fit === amount ? wanted : formatQuantity(quantityOf(fit, parseQuantity(min).format));
}

/** Devices of one pool that share what lies beneath them: a device takes of each counter, and no counter may be overdrawn. */
export interface SharedCounters {
  readonly totals: ReadonlyMap<string, number>;
  /** By the device's id; also of devices that this node cannot reach. */
  readonly consumers: ReadonlyMap<string, readonly { readonly counter: string; readonly amount: number }[]>;
}

/** Of one pool: `slices` are those of its latest generation. */
export function readCounters(
  slices: readonly V1ResourceSlice[],
  into: { readonly totals: Map<string, number>; readonly consumers: Map<string, readonly { counter: string; amount: number }[]> },
  idOf: (slice: V1ResourceSlice, device: string) => string,
): void {
  if (!slices.some(({ spec }) => (spec.sharedCounters ?? []).length > 0)) return;
  for (const slice of slices) {
    const key = (set: string, counter: string) => `${slice.spec.driver}/${slice.spec.pool.name}/${set}/${counter}`;
    for (const { name, counters } of slice.spec.sharedCounters ?? []) {
      for (const [counter, { value }] of Object.entries(counters)) into.totals.set(key(name, counter), numberOf(value));
    }
    for (const { name, consumesCounters = [] } of slice.spec.devices ?? []) {
      if (consumesCounters.length === 0) continue;
      const takes = consumesCounters.flatMap(({ counterSet, counters }) =>
        Object.entries(counters).map(([counter, { value }]) => ({ counter: key(counterSet, counter), amount: numberOf(value) })),
      );
      into.consumers.set(idOf(slice, name), takes);
    }
  }
}
