// What is taken while devices are chosen: whole devices, shares of them, and the counters beneath. Kept by `take` and `giveBack`.
import type { V1DeviceRequestAllocationResult, V1ExactDeviceRequest } from '../../api/mod.ts';
import { type Amounts, amountsOf, type SharedCounters } from './capacity.ts';
import { deviceId, type PoolDevice } from './devices.ts';

/** What claims of the cluster hold already. */
export interface Taken {
  /** Ids of devices that somebody has, alone or with others. */
  readonly ids: ReadonlySet<string>;
  /** Of devices that several may share: how much of each capacity is taken, by device and capacity. */
  readonly shares: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

export const nothingTaken: Taken = { ids: new Set(), shares: new Map() };

/** What results of allocations hold. An administrator's access takes nothing. */
export function takenBy(results: Iterable<V1DeviceRequestAllocationResult>): Taken {
  const ids = new Set<string>();
  const shares = new Map<string, Map<string, number>>();
  for (const result of results) {
    if (result.adminAccess === true) continue;
    const id = deviceId(result);
    ids.add(id);
    for (const [name, { amount }] of amountsOf({ name: '', capacity: asCapacity(result.consumedCapacity) }) ?? []) {
      const of = shares.get(id) ?? new Map<string, number>();
      shares.set(id, of.set(name, (of.get(name) ?? 0) + amount));
    }
  }
  return { ids, shares };
}

const asCapacity = (consumed: Readonly<Record<string, string>> = {}) =>
  Object.fromEntries(Object.entries(consumed).map(([name, value]) => [name, { value }]));

/** One device, or one share of it, as it was taken. */
export interface Holding {
  readonly device: PoolDevice;
  /** What it takes of each capacity; undefined for a whole device. */
  readonly amounts: Amounts | undefined;
  /** Nobody had any of the device before. */
  readonly first: boolean;
}

export class Holdings {
  readonly #ids: Set<string>;
  readonly #shares = new Map<string, Map<string, number>>();
  readonly #left = new Map<string, number>();
  readonly #counters: SharedCounters;

  constructor(taken: Taken, counters: SharedCounters) {
    this.#ids = new Set(taken.ids);
    for (const [id, shares] of taken.shares) this.#shares.set(id, new Map(shares));
    this.#counters = counters;
    for (const [counter, total] of counters.totals) this.#left.set(counter, total);
    for (const [id, takes] of counters.consumers) if (this.#ids.has(id)) this.#draw(takes, 1);
  }

  /** Undefined when there is not enough of it left. */
  take(device: PoolDevice, request: V1ExactDeviceRequest): Holding | undefined {
    const isShared = device.device.allowMultipleAllocations === true;
    const first = !this.#ids.has(device.id);
    if (!isShared && !first) return undefined;
    const amounts = amountsOf(device.device, request.capacity?.requests);
    if (!amounts) return undefined;
    if (isShared && !this.#hasShare(device, amounts)) return undefined;
    const takes = first ? (this.#counters.consumers.get(device.id) ?? []) : [];
    if (takes.some(({ counter, amount }) => amount > (this.#left.get(counter) ?? 0))) return undefined;
    const holding = { device, amounts: isShared ? amounts : undefined, first };
    this.#apply(holding, 1);
    return holding;
  }

  giveBack(holding: Holding): void {
    this.#apply(holding, -1);
  }

  #apply({ device, amounts, first }: Holding, sign: 1 | -1): void {
    if (first) {
      if (sign === 1) this.#ids.add(device.id);
      else this.#ids.delete(device.id);
      this.#draw(this.#counters.consumers.get(device.id) ?? [], sign);
    }
    if (!amounts) return;
    const shares = this.#shares.get(device.id) ?? new Map<string, number>();
    this.#shares.set(device.id, shares);
    for (const [name, { amount }] of amounts) shares.set(name, (shares.get(name) ?? 0) + sign * amount);
  }

  #hasShare({ id, device }: PoolDevice, amounts: Amounts): boolean {
    const whole = amountsOf({
      name: '',
      capacity: Object.fromEntries(Object.entries(device.capacity ?? {}).map(([name, { value }]) => [name, { value }])),
    });
    const shares = this.#shares.get(id);
    for (const [name, { amount }] of amounts) {
      if ((shares?.get(name) ?? 0) + amount > (whole?.get(name)?.amount ?? 0)) return false;
    }
    return true;
  }

  #draw(takes: readonly { readonly counter: string; readonly amount: number }[], sign: 1 | -1): void {
    for (const { counter, amount } of takes) this.#left.set(counter, (this.#left.get(counter) ?? 0) - sign * amount);
  }
}
