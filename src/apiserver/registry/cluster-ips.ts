// IPAddress objects of cluster IPs: one is made before the Service that has the address, and goes after it. They say what is taken.
// Source: https://kubernetes.io/docs/reference/networking/virtual-ips/#ip-address-objects
import {
  addressAt,
  apiVersionOf,
  type Draft,
  formatIp,
  formatRange,
  type IPFamily,
  type IpRange,
  ipaddresses,
  type KubeObject,
  parseIp,
  sizeOf,
  type V1IPAddress,
} from '../../api/mod.ts';
import { assert, type Random } from '../../base/mod.ts';
import { RevisionMismatchError } from '../../store/mod.ts';
import type { Registry } from './registry.ts';
import type { Resource } from './resource.ts';
import { ServiceRanges } from './service-ranges.ts';

export const familyLabel = 'ipaddress.kubernetes.io/ip-family';
export const managedByLabel = 'ipaddress.kubernetes.io/managed-by';
export const allocatorName = 'ipallocator.k8s.io';

/** The Service that has, or is to have, an address. */
export interface AddressOwner {
  readonly namespace: string;
  readonly name: string;
}

/** Where and when an address is taken. On a dry run nothing is stored. */
export interface Taking {
  readonly owner: AddressOwner;
  readonly nowTime: string;
  readonly dryRun: boolean;
}

/** Another server of the same store may be faster, so often. */
const attemptsMax = 20;

export const isManaged = (address: V1IPAddress): boolean => address.metadata?.labels?.[managedByLabel] === allocatorName;

/** Of a larger range, only so many addresses are given out. */
const sizeMax = 1n << 20n;

/** The low end of a range is left for those who choose, until the rest is used up. Source: KEP 3070. */
export const reservedOf = (size: number): number => (size <= 16 ? 0 : Math.min(Math.max(16, size >> 4), 256));

export function isOwnedBy({ spec }: V1IPAddress, owner: AddressOwner): boolean {
  const parent = spec?.parentRef;
  return !parent?.group && parent?.resource === 'services' && parent.namespace === owner.namespace && parent.name === owner.name;
}

export function addressesOf(registry: Registry): Resource {
  const resource = registry.find(ipaddresses);
  assert(resource, 'service addresses need IPAddresses');
  return resource;
}

export class ClusterIps {
  readonly ranges: ServiceRanges;
  readonly #registry: () => Registry;
  readonly #random: Random;
  /** Taken by writes under way, which the cache does not show yet. */
  readonly #pending = new Set<string>();
  /** By range: nothing was free when this was the newest change. */
  readonly #full = new Map<string, number>();

  constructor(registry: () => Registry, random: Random) {
    this.#registry = registry;
    this.#random = random;
    this.ranges = new ServiceRanges(registry);
  }

  /** Takes a chosen address. What is wrong with it, in upstream's words; undefined when it has been taken. */
  async take(text: string, taking: Taking): Promise<string | undefined> {
    const parsed = parseIp(text);
    if (!parsed || !this.ranges.gives(parsed)) return 'the provided network does not match the current range';
    return (await this.#store(formatIp(parsed), taking)) ? undefined : 'provided IP is already allocated';
  }

  /** Undefined when no range that is ready has a free address. */
  async takeAny(family: IPFamily, taking: Taking): Promise<string | undefined> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const ip = this.#free(family);
      if (ip === undefined) return undefined;
      if (await this.#store(ip, taking)) return ip;
    }
    return undefined;
  }

  /** Gives an address back, if it is this Service's. What cannot be taken away now, the repair takes away later. */
  async release(text: string, owner: AddressOwner): Promise<void> {
    const parsed = parseIp(text);
    const entry = parsed && addressesOf(this.#registry()).get(undefined, formatIp(parsed));
    if (!entry || !isOwnedBy(entry.object as V1IPAddress, owner)) return;
    await this.#registry()
      .delete(entry)
      .catch(() => {});
  }

  /** False when somebody has it. Throws when the store fails. */
  async #store(ip: string, { owner, nowTime, dryRun }: Taking): Promise<boolean> {
    const registry = this.#registry();
    const resource = addressesOf(registry);
    if (this.#pending.has(ip) || resource.get(undefined, ip)) return false;
    if (dryRun) return true;
    this.#pending.add(ip);
    try {
      await registry.create(resource.keyOf(undefined, ip), draftFor(ip, owner, { uid: this.#random.uuid(), nowTime }));
      return true;
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error;
      if (error.current) await registry.cache.reach(error.current.revision);
      return false;
    } finally {
      this.#pending.delete(ip);
    }
  }

  #free(family: IPFamily): string | undefined {
    const resource = addressesOf(this.#registry());
    for (const range of this.ranges.ready(family)) {
      const cidr = formatRange(range);
      if (this.#full.get(cidr) === resource.cache.lastChange) continue;
      const all = sizeOf(range);
      const size = Number(all < sizeMax ? all : sizeMax);
      const last = range.family === 'IPv4' ? size - 2 : size - 1;
      const reserved = Math.min(reservedOf(size), last);
      const ip = this.#probe(resource, range, reserved + 1, last) ?? this.#probe(resource, range, 1, reserved);
      if (ip !== undefined) return ip;
      if (this.#pending.size === 0) this.#full.set(cidr, resource.cache.lastChange);
    }
    return undefined;
  }

  /** A free address from `low` to `high`, from a random start so that one is not used again at once. */
  #probe(resource: Resource, range: IpRange, low: number, high: number): string | undefined {
    const size = high - low + 1;
    if (size <= 0) return undefined;
    const start = this.#random.below(size);
    for (let step = 0; step < size; step++) {
      const ip = addressAt(range, low + ((start + step) % size));
      if (!this.#pending.has(ip) && !resource.get(undefined, ip)) return ip;
    }
    return undefined;
  }
}

/** The IPAddress of a Service's address, as it is stored. */
export function draftFor(ip: string, owner: AddressOwner, { uid, nowTime }: { uid: string; nowTime: string }): Draft<KubeObject> {
  const draft: Draft<V1IPAddress> = {
    apiVersion: apiVersionOf(ipaddresses),
    kind: ipaddresses.kind,
    metadata: {
      name: ip,
      uid,
      creationTimestamp: nowTime,
      labels: { [familyLabel]: ip.includes(':') ? 'IPv6' : 'IPv4', [managedByLabel]: allocatorName },
    },
    spec: { parentRef: { resource: 'services', namespace: owner.namespace, name: owner.name } },
  };
  return draft;
}
