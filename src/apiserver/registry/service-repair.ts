// Keeps cluster IPs and IPAddress objects in step: what a crash, an older version or a hand has left apart is put right, or told.
// Source: https://kubernetes.io/docs/reference/networking/virtual-ips/#ip-address-objects
import {
  formatIp,
  hasReason,
  type IpAddress,
  isHeadless,
  type KubeObject,
  needsClusterIP,
  parseIp,
  servicecidrs,
  timeMs,
  type V1IPAddress,
  type V1Service,
} from '../../api/mod.ts';
import type { Random } from '../../base/mod.ts';
import { RevisionMismatchError } from '../../store/mod.ts';
import { type AddressOwner, addressesOf, draftFor, familyLabel, isManaged, isOwnedBy } from './cluster-ips.ts';
import type { Registry } from './registry.ts';
import { holdingsOf, ownerOf, type ServiceIps } from './service-ips.ts';

/** What one look sees. */
export interface RepairView {
  readonly services: Iterable<V1Service>;
  readonly addresses: Iterable<V1IPAddress>;
  readonly address: (name: string) => V1IPAddress | undefined;
  readonly service: (owner: AddressOwner) => V1Service | undefined;
  /** Whether any ServiceCIDR has it. */
  readonly inRange: (address: IpAddress) => boolean;
  readonly nowMs: number;
}

/** An event, with reason and words as upstream has them. */
export interface RepairReport {
  readonly about: 'service' | 'address';
  readonly object: KubeObject;
  readonly reason: string;
  readonly message: string;
}

export interface RepairStep {
  /** `make`: also in place of one that stands. */
  readonly do: 'make' | 'remove' | 'tell';
  readonly ip: string;
  readonly owner: AddressOwner;
  readonly report?: RepairReport;
}

export interface RepairPlan {
  readonly steps: readonly RepairStep[];
  /** Addresses without their Service are young enough to be those of a create under way: look again. */
  readonly waiting: boolean;
}

/** A Service is made after its address: for so long it may be on its way. */
const createMaxMs = 60_000;

export function planRepair(view: RepairView): RepairPlan {
  const steps: RepairStep[] = [];
  for (const service of view.services) {
    if (!needsClusterIP(service.spec ?? {}) || isHeadless(service.spec ?? {})) continue;
    for (const ip of holdingsOf(service).ips) {
      const step = stepForService(view, service, ip);
      if (step) steps.push(step);
    }
  }
  let waiting = false;
  for (const address of view.addresses) {
    const step = isManaged(address) ? stepForAddress(view, address) : undefined;
    if (step === 'wait') waiting = true;
    else if (step) steps.push(step);
  }
  return { steps, waiting };
}

function stepForService(view: RepairView, service: V1Service, text: string): RepairStep | undefined {
  const owner = ownerOf(service);
  const parsed = parseIp(text);
  const ip = parsed ? formatIp(parsed) : text;
  const step = (what: RepairStep['do'], reason: string, message: string): RepairStep => ({
    do: what,
    ip,
    owner,
    report: { about: 'service', object: service, reason, message },
  });
  if (!parsed) return step('tell', 'ClusterIPNotValid', `Cluster IP ${ip} is not a valid IP; please recreate Service`);
  const { family } = parsed;
  if (!view.inRange(parsed)) {
    return step(
      'tell',
      'ClusterIPOutOfRange',
      `Cluster IP [${family}]: ${ip} is not within any configured Service CIDR; please recreate service`,
    );
  }
  const address = view.address(ip);
  if (!address) return step('make', 'ClusterIPNotAllocated', `Cluster IP [${family}]: ${ip} is not allocated; repairing`);
  const astray = step(
    'make',
    'ClusterIPNotAllocated',
    `the ClusterIP [${family}]: ${ip} for Service ${owner.namespace}/${owner.name} has a wrong reference; repairing`,
  );
  const parent = address.spec?.parentRef;
  if (parent?.group || parent?.resource !== 'services') return astray;
  if (!isOwnedBy(address, owner)) {
    const other = view.service({ namespace: parent.namespace ?? '', name: parent.name });
    if (!other || !holdingsOf(other).ips.includes(ip)) return astray;
    return step(
      'tell',
      'ClusterIPAlreadyAllocated',
      `Cluster IP [${family}]:${ip} was assigned to multiple services; please recreate service`,
    );
  }
  return isManaged(address) && address.metadata?.labels?.[familyLabel] === family ? undefined : { do: 'make', ip, owner };
}

function stepForAddress(view: RepairView, address: V1IPAddress): RepairStep | 'wait' | undefined {
  const ip = address.metadata?.name ?? '';
  const parent = address.spec?.parentRef;
  const owner = { namespace: parent?.namespace ?? '', name: parent?.name ?? '' };
  const remove = (reason: string, message: string): RepairStep => ({
    do: 'remove',
    ip,
    owner,
    report: { about: 'address', object: address, reason, message },
  });
  if (parent?.group || parent?.resource !== 'services') {
    const told = `IPAddress ${ip} appears to have been modified, not referencing a Service ${JSON.stringify(parent)}: cleaning up`;
    return remove('IPAddressNotAllocated', told);
  }
  const service = view.service(owner);
  const of = `IPAddress: ${ip} for Service ${owner.namespace}/${owner.name}`;
  if (!service) {
    if (view.nowMs - timeMs(address.metadata?.creationTimestamp) <= createMaxMs) return 'wait';
    return remove('IPAddressNotAllocated', `${of} appears to have leaked: cleaning up`);
  }
  if (holdingsOf(service).ips.includes(ip)) return undefined;
  // An update takes a further address before the Service shows it.
  if (view.nowMs - timeMs(address.metadata?.creationTimestamp) <= createMaxMs) return 'wait';
  return remove('IPAddressWrongReference', `${of} has a wrong reference; cleaning up`);
}

export interface RepairOptions {
  readonly registry: Registry;
  readonly serviceIps: ServiceIps;
  readonly random: Random;
  readonly report: (report: RepairReport) => void;
}

/** A pass looks at everything that is there when something has changed since the last; each step is one small write. */
export function createServiceRepair({ registry, serviceIps, random, report }: RepairOptions) {
  const addresses = addressesOf(registry);
  const services = registry.find({ group: '', version: 'v1', resource: 'services' });
  let seen = '';
  return async (now: { readonly nowMs: number; readonly nowTime: string }): Promise<void> => {
    if (!services) return;
    const state = [services, addresses, registry.find(servicecidrs)].map((resource) => resource?.cache.lastChange).join(' ');
    if (state === seen) return;
    const { steps, waiting } = planRepair({
      services: services.cache.page({}).entries.map(({ object }) => object as V1Service),
      addresses: addresses.cache.page({}).entries.map(({ object }) => object as V1IPAddress),
      address: (name) => addresses.get(undefined, name)?.object as V1IPAddress | undefined,
      service: ({ namespace, name }) => services.get(namespace, name)?.object as V1Service | undefined,
      inRange: (address) => serviceIps.ranges.has(address),
      nowMs: now.nowMs,
    });
    for (const step of steps) {
      if (step.report) report(step.report);
      if (step.do !== 'tell') await carryOut(registry, step, { uid: random.uuid(), nowTime: now.nowTime });
    }
    seen = waiting ? '' : state;
  };
}

/** Who is faster, another server or the Service's own write, wins: the next pass looks again. */
async function carryOut(registry: Registry, { do: what, ip, owner }: RepairStep, made: { uid: string; nowTime: string }): Promise<void> {
  const addresses = addressesOf(registry);
  try {
    const standing = addresses.get(undefined, ip);
    if (standing) await registry.delete(standing);
    if (what === 'make') await registry.create(addresses.keyOf(undefined, ip), draftFor(ip, owner, made));
  } catch (error) {
    if (!(error instanceof RevisionMismatchError) && !hasReason(error, 'NotFound', 'AlreadyExists')) throw error;
  }
}
