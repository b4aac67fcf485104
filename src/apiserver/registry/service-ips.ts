// Cluster IPs and node ports of Services: allocated on create and on changes, given back on delete, rebuilt from the standing Services at start.
// Source: https://kubernetes.io/docs/reference/networking/virtual-ips/#ip-address-objects-tracking (the older bitmap scheme)
import {
  type Draft,
  type FieldError,
  invalid,
  invalidValue,
  isHeadless,
  type KubeObject,
  needsClusterIP,
  needsNodePort,
  type V1Service,
  type V1ServicePort,
} from '../../api/mod.ts';
import { assert, type Random } from '../../base/mod.ts';
import type { Reservation, ServerHooks } from './hooks.ts';
import { addressAt, type IpRange, offsetIn, parseRange } from './ip-range.ts';
import { NumberAllocator } from './number-allocator.ts';

export interface ServiceIpsOptions {
  /** `10.96.0.0/16`. */
  readonly serviceCidr: string;
  /** Both included. */
  readonly nodePortRange: { readonly first: number; readonly last: number };
  readonly random: Random;
}

const headless = 'None';

interface Pools {
  readonly range: IpRange;
  readonly ips: NumberAllocator;
  readonly ports: NumberAllocator;
}

/** What one Service holds. */
interface Holdings {
  readonly ips: readonly string[];
  readonly ports: readonly number[];
}

/** Everything that a hook has taken, so that it can be given back when the write fails. */
interface Taken {
  readonly ips: string[];
  readonly ports: number[];
}

export interface ServiceIps {
  readonly hooks: ServerHooks;
  /** Takes what standing Services hold. Before the first request. */
  repair(services: Iterable<KubeObject>): void;
  /** The first address of the range, which is the `kubernetes` Service's. */
  readonly firstIp: string;
}

export function createServiceIps(options: ServiceIpsOptions): ServiceIps {
  const range = parseRange(options.serviceCidr);
  assert(range && range.size >= 4, `the service range ${options.serviceCidr} is no usable CIDR`);
  const random = options.random.child('service-ips');
  const reservedUntil = Math.min(Math.max(16, range.size >> 4), 256);
  const last = range.family === 'IPv4' ? range.size - 2 : range.size - 1;
  const pools: Pools = {
    range,
    // The network's own address and the broadcast address are nobody's. The low end is kept for those who choose theirs.
    ips: new NumberAllocator({ first: 1, last, reservedUntil: range.size > 32 ? reservedUntil : 0 }, random),
    ports: new NumberAllocator(options.nodePortRange, random),
  };
  return {
    firstIp: addressAt(range, 1),
    repair(services) {
      for (const service of services) {
        const held = holdingsOf(service as V1Service);
        for (const ip of held.ips) pools.ips.take(offsetIn(range, ip) ?? -1);
        for (const port of held.ports) pools.ports.take(port);
      }
    },
    hooks: {
      beforeCreate: (draft) => reserve(pools, draft as Draft<V1Service>, { ips: [], ports: [] }),
      beforeUpdate: (draft, old) => reserve(pools, draft as Draft<V1Service>, holdingsOf(old as V1Service)),
      afterDelete: (object) => giveBack(pools, holdingsOf(object as V1Service)),
    },
  };
}

function holdingsOf(service: V1Service): Holdings {
  const { spec } = service;
  const ips = (spec?.clusterIPs ?? (spec?.clusterIP ? [spec.clusterIP] : [])).filter((ip) => ip !== '' && ip !== headless);
  const ports = new Set((spec?.ports ?? []).flatMap((port) => (port.nodePort ? [port.nodePort] : [])));
  if (spec?.healthCheckNodePort) ports.add(spec.healthCheckNodePort);
  return { ips, ports: [...ports] };
}

function giveBack(pools: Pools, held: Holdings): void {
  for (const ip of held.ips) pools.ips.release(offsetIn(pools.range, ip) ?? -1);
  for (const port of held.ports) pools.ports.release(port);
}

type Spec = NonNullable<V1Service['spec']>;
const protocolOf = (port: V1ServicePort): string => port.protocol ?? 'TCP';

/** Takes what the draft wants and `held` does not already have. What `held` has and the draft does not is given back once the write is stored. */
function reserve(pools: Pools, draft: Draft<V1Service>, held: Holdings): Reservation {
  const taken: Taken = { ips: [], ports: [] };
  const release = () => giveBack(pools, taken);
  try {
    const errors = [...takeIps(pools, draft, held, taken), ...takePorts(pools, draft, held, taken)];
    if (errors.length > 0) throw invalid({ group: '', kind: 'Service', name: draft.metadata?.name ?? '' }, errors);
  } catch (error) {
    release();
    throw error;
  }
  const wanted = holdingsOf(draft as V1Service);
  const left: Holdings = {
    ips: held.ips.filter((ip) => !wanted.ips.includes(ip)),
    ports: held.ports.filter((port) => !wanted.ports.includes(port)),
  };
  return { release, commit: () => giveBack(pools, left) };
}

function takeIps(pools: Pools, draft: Draft<V1Service>, held: Holdings, taken: Taken): FieldError[] {
  const { spec } = draft;
  if (!spec) return [];
  if (!needsClusterIP(spec)) return [];
  const familyErrors = setFamilies(pools, spec);
  if (familyErrors.length > 0) return familyErrors;
  const [chosen = spec.clusterIP ?? ''] = spec.clusterIPs ?? [];
  if (chosen === headless || held.ips.includes(chosen)) {
    setIp(spec, chosen);
    return [];
  }
  const ip = chosen === '' ? takeAnyIp(pools) : chosen;
  if (ip === undefined) return [clusterIpError(chosen, 'failed to allocate a serviceIP: range is full')];
  const problem = chosen === '' ? undefined : takeChosenIp(pools, chosen);
  if (problem !== undefined) return [clusterIpError([chosen], `failed to allocate IP ${chosen}: ${problem}`)];
  taken.ips.push(ip);
  setIp(spec, ip);
  return [];
}

/** One stack of addresses is served; a headless Service without a selector may name addresses of either. */
function setFamilies(pools: Pools, spec: Draft<Spec>): FieldError[] {
  const { family } = pools.range;
  const selectorless = isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0;
  if (selectorless && spec.ipFamilyPolicy === undefined) {
    spec.ipFamilyPolicy = spec.ipFamilies === undefined || spec.ipFamilies.length > 1 ? 'RequireDualStack' : 'SingleStack';
    spec.ipFamilies ??= family === 'IPv4' ? ['IPv4', 'IPv6'] : ['IPv6', 'IPv4'];
    return [];
  }
  if (selectorless) {
    spec.ipFamilies ??= [family];
    return [];
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack') {
    return [invalidValue('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services')];
  }
  spec.ipFamilyPolicy ??= 'SingleStack';
  const wrong = (spec.ipFamilies ?? []).findIndex((other) => other !== family);
  if (wrong >= 0) return [invalidValue(`spec.ipFamilies[${wrong}]`, spec.ipFamilies?.[wrong], 'not configured on this cluster')];
  spec.ipFamilies ??= [family];
  return [];
}

const clusterIpError = (value: unknown, detail: string): FieldError => invalidValue('spec.clusterIPs', value, detail);

function setIp(spec: Draft<Spec>, ip: string): void {
  // A change of the status shares the standing spec, which is frozen.
  if (spec.clusterIP === ip && spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === ip) return;
  spec.clusterIP = ip;
  spec.clusterIPs = [ip];
}

function takeAnyIp(pools: Pools): string | undefined {
  const offset = pools.ips.takeAny();
  return offset === undefined ? undefined : addressAt(pools.range, offset);
}

/** What is wrong with a chosen address; undefined when it has been taken. */
function takeChosenIp(pools: Pools, ip: string): string | undefined {
  const offset = offsetIn(pools.range, ip);
  if (offset === undefined || !pools.ips.contains(offset))
    return `the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${pools.range.cidr}`;
  return pools.ips.take(offset) ? undefined : 'provided IP is already allocated';
}

function takePorts(pools: Pools, draft: Draft<V1Service>, held: Holdings, taken: Taken): FieldError[] {
  const { spec } = draft;
  if (!spec) return [];
  // A LoadBalancer that allocates none may still choose its own. On other types validation refuses them.
  if (!needsNodePort(spec) && spec.type !== 'LoadBalancer') return [];
  const errors: FieldError[] = [];
  const own = new Set(held.ports);
  for (const [index, port] of (spec.ports ?? []).entries()) {
    if (!port.nodePort && needsNodePort(spec)) port.nodePort = sharedPort(spec, port) ?? undefined;
    if (port.nodePort && own.has(port.nodePort)) continue;
    const problem = port.nodePort ? takeChosenPort(pools, port.nodePort) : needsNodePort(spec) ? takeAnyPort(pools, port) : undefined;
    if (problem !== undefined) errors.push(invalidValue(`spec.ports[${index}].nodePort`, port.nodePort ?? 0, problem));
    else if (port.nodePort) {
      taken.ports.push(port.nodePort);
      own.add(port.nodePort);
    }
  }
  return errors;
}

/** The same port number under another protocol shares its node port within one Service. */
function sharedPort(spec: Spec, port: V1ServicePort): number | undefined {
  return spec.ports?.find((other) => other !== port && other.port === port.port && protocolOf(other) !== protocolOf(port) && other.nodePort)
    ?.nodePort;
}

function takeAnyPort(pools: Pools, port: Draft<V1ServicePort>): string | undefined {
  const number = pools.ports.takeAny();
  if (number === undefined) return 'failed to allocate a nodePort: range is full';
  port.nodePort = number;
  return undefined;
}

function takeChosenPort(pools: Pools, port: number): string | undefined {
  if (!pools.ports.contains(port)) return 'provided port is not in the valid range';
  return pools.ports.take(port) ? undefined : 'provided port is already allocated';
}
