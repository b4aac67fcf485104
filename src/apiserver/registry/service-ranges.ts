// The ranges from which Services get their addresses: those of every ServiceCIDR that is ready.
// Source: https://kubernetes.io/docs/reference/networking/virtual-ips/#ip-address-objects
import {
  hasAddress,
  type IPFamily,
  type IpAddress,
  type IpRange,
  type KubeObject,
  parseCidr,
  servicecidrs,
  type V1ServiceCIDR,
} from '../../api/mod.ts';
import { assert } from '../../base/mod.ts';
import type { Revision } from '../../store/mod.ts';
import type { Registry } from './registry.ts';

/** One that nobody has judged yet is ready: the API server may run without controllers. */
export function isReady({ metadata, status }: V1ServiceCIDR): boolean {
  if (metadata?.deletionTimestamp !== undefined) return false;
  const ready = status?.conditions?.find((condition) => condition.type === 'Ready');
  return ready === undefined || ready.status === 'True';
}

/** Read anew when a ServiceCIDR has changed; costs a comparison otherwise. */
export class ServiceRanges {
  #seen: Revision | undefined;
  #ready: readonly IpRange[] = [];
  #all: readonly IpRange[] = [];
  readonly #registry: () => Registry;

  constructor(registry: () => Registry) {
    this.#registry = registry;
  }

  /** Those that give out addresses of a family, in order of the objects' names. */
  ready(family: IPFamily): readonly IpRange[] {
    this.#read();
    return this.#ready.filter((range) => range.family === family);
  }

  /** Whether an address may be taken now. */
  gives(address: IpAddress): boolean {
    this.#read();
    return this.#ready.some((range) => hasAddress(range, address));
  }

  /** Whether any ServiceCIDR has the address, also one that gives out none. */
  has(address: IpAddress): boolean {
    this.#read();
    return this.#all.some((range) => hasAddress(range, address));
  }

  #read(): void {
    const resource = this.#registry().find(servicecidrs);
    assert(resource, 'service addresses need ServiceCIDRs');
    if (this.#seen === resource.cache.lastChange) return;
    this.#seen = resource.cache.lastChange;
    const objects = resource.cache.page({}).entries.map(({ object }) => object as V1ServiceCIDR & KubeObject);
    this.#all = objects.flatMap(rangesOf);
    this.#ready = objects.filter(isReady).flatMap(rangesOf);
  }
}

const rangesOf = ({ spec }: V1ServiceCIDR): IpRange[] => (spec?.cidrs ?? []).flatMap((cidr) => parseCidr(cidr) ?? []);
