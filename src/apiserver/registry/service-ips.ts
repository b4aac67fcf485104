// Cluster IPs and node ports of Services: allocated on create and on changes, given back on delete. Addresses are held by IPAddress objects,
// ports by a bitmap that is rebuilt from the standing Services at start.
// Source: https://kubernetes.io/docs/reference/networking/virtual-ips/#ip-address-objects
import {
  addressAt,
  type Draft,
  type FieldError,
  type IPFamily,
  internalError,
  invalid,
  invalidValue,
  type KubeObject,
  needsClusterIP,
  needsHealthCheckPort,
  needsNodePort,
  parseCidr,
  serviceAddressErrors,
  sizeOf,
  type V1Service,
  type V1ServicePort,
} from '../../api/mod.ts';
import { assert, type Random } from '../../base/mod.ts';
import { type AddressOwner, ClusterIps, type Taking } from './cluster-ips.ts';
import type { HookContext, Reservation, ServerHooks } from './hooks.ts';
import { NumberAllocator } from './number-allocator.ts';
import type { Registry } from './registry.ts';
import { setFamilies } from './service-families.ts';
import type { ServiceRanges } from './service-ranges.ts';

export interface ServiceIpsOptions {
  /** `10.96.0.0/16`, or one of each family with a comma between; the first is the default. */
  readonly serviceCidr: string;
  /** Both included. */
  readonly nodePortRange: { readonly first: number; readonly last: number };
  readonly random: Random;
  /** Asked for when the first Service comes. */
  readonly registry: () => Registry;
}

const headless = 'None';

interface Pools {
  readonly families: readonly IPFamily[];
  readonly ips: ClusterIps;
  readonly ports: NumberAllocator;
}

/** What one Service holds. */
export interface Holdings {
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
  readonly ranges: ServiceRanges;
  /** Takes the node ports of standing Services. Before the first request. */
  takePorts(services: Iterable<KubeObject>): void;
  /** The first address of the first range, which is the `kubernetes` Service's. */
  readonly firstIp: string;
  /** The configured ranges, for the default ServiceCIDR. */
  readonly cidrs: readonly string[];
}

export function createServiceIps(options: ServiceIpsOptions): ServiceIps {
  const cidrs = options.serviceCidr.split(',');
  const configured = cidrs.map((cidr) => {
    const range = parseCidr(cidr);
    assert(range && sizeOf(range) >= 4n, `the service range ${cidr} is no usable CIDR`);
    return range;
  });
  const [first, second, ...more] = configured;
  assert(
    first && more.length === 0 && first.family !== second?.family,
    `wants one service range or one of each family, got ${cidrs.join(',')}`,
  );
  const random = options.random.child('service-ips');
  const pools: Pools = {
    families: configured.map((range) => range.family),
    ips: new ClusterIps(options.registry, random),
    ports: new NumberAllocator(options.nodePortRange, random),
  };
  return {
    cidrs,
    firstIp: addressAt(first, 1),
    ranges: pools.ips.ranges,
    takePorts(services) {
      for (const service of services) for (const port of holdingsOf(service as V1Service).ports) pools.ports.take(port);
    },
    hooks: {
      beforeCreate: (draft, context) => reserve(pools, draft as Draft<V1Service>, undefined, context),
      beforeUpdate: (draft, old, context) => reserve(pools, draft as Draft<V1Service>, old as V1Service, context),
      afterDelete: (object) => giveBack(pools, holdingsOf(object as V1Service), ownerOf(object)),
    },
  };
}

export const ownerOf = ({ metadata }: KubeObject): AddressOwner => ({ namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' });

export function holdingsOf(service: V1Service): Holdings {
  const { spec } = service;
  const ips = clusterIpsOf(spec ?? {}).filter((ip) => ip !== '' && ip !== headless);
  const ports = new Set((spec?.ports ?? []).flatMap((port) => (port.nodePort ? [port.nodePort] : [])));
  if (spec?.healthCheckNodePort) ports.add(spec.healthCheckNodePort);
  return { ips, ports: [...ports] };
}

const clusterIpsOf = (spec: Spec): readonly string[] => spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);

async function giveBack(pools: Pools, held: Holdings, owner: AddressOwner): Promise<void> {
  for (const port of held.ports) pools.ports.release(port);
  for (const ip of held.ips) await pools.ips.release(ip, owner);
}

type Spec = NonNullable<V1Service['spec']>;
const protocolOf = (port: V1ServicePort): string => port.protocol ?? 'TCP';
const nothing: Holdings = { ips: [], ports: [] };

/** Takes what the draft wants and the old Service does not already have. What that has and the draft does not is given back once the write is stored. */
async function reserve(pools: Pools, draft: Draft<V1Service>, old: V1Service | undefined, context: HookContext): Promise<Reservation> {
  const taking: Taking = { ...context, owner: ownerOf(draft as V1Service) };
  const held = old ? holdingsOf(old) : nothing;
  const taken: Taken = { ips: [], ports: [] };
  const release = () => giveBack(pools, taken, taking.owner);
  try {
    const errors = takePorts(pools, draft, held, taken);
    if (errors.length === 0) errors.push(...(await takeIps(pools, draft, { old, held, taken, taking })));
    if (errors.length > 0) throw invalid({ group: '', kind: 'Service', name: draft.metadata?.name ?? '' }, errors);
  } catch (error) {
    await release();
    throw error;
  }
  const wanted = holdingsOf(draft as V1Service);
  const left: Holdings = {
    ips: held.ips.filter((ip) => !wanted.ips.includes(ip)),
    ports: held.ports.filter((port) => !wanted.ports.includes(port)),
  };
  return { release, commit: () => giveBack(pools, left, taking.owner) };
}

interface IpWish {
  readonly old: V1Service | undefined;
  readonly held: Holdings;
  readonly taken: Taken;
  readonly taking: Taking;
}

async function takeIps(pools: Pools, draft: Draft<V1Service>, { old, held, taken, taking }: IpWish): Promise<FieldError[]> {
  const { spec } = draft;
  // What is malformed takes nothing: validation says what is wrong with it.
  if (!spec || !needsClusterIP(spec) || serviceAddressErrors(spec).length > 0) return [];
  const familyErrors = setFamilies(spec, old?.spec, pools.families);
  if (familyErrors.length > 0) return familyErrors;
  const chosen = clusterIpsOf(spec);
  if (chosen[0] === headless) {
    setIps(spec, chosen);
    return [];
  }
  const ips: string[] = [];
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    let ip = chosen[index] ?? '';
    if (!held.ips.includes(ip)) {
      const problem = ip === '' ? undefined : await pools.ips.take(ip, taking);
      if (problem !== undefined) return [invalidValue('spec.clusterIPs', chosen, `failed to allocate IP ${ip}: ${problem}`)];
      ip ||= (await pools.ips.takeAny(family as IPFamily, taking)) ?? '';
      if (ip === '') throw internalError(new Error('failed to allocate a serviceIP: range is full'));
      taken.ips.push(ip);
    }
    ips.push(ip);
  }
  setIps(spec, ips);
  return [];
}

function setIps(spec: Draft<Spec>, ips: readonly string[]): void {
  // What stands may be shared, and frozen.
  if (spec.clusterIP === ips[0] && spec.clusterIPs?.length === ips.length && ips.every((ip, index) => spec.clusterIPs?.[index] === ip))
    return;
  spec.clusterIP = ips[0];
  spec.clusterIPs = [...ips];
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
  if (errors.length === 0 && needsHealthCheckPort(spec)) takeHealthCheckPort(pools, spec, own, taken);
  return errors;
}

/** Of a load balancer that keeps to the node: it asks there which nodes have endpoints. Throws 500, as upstream does. */
function takeHealthCheckPort(pools: Pools, spec: Draft<Spec>, own: ReadonlySet<number>, taken: Taken): void {
  const asked = spec.healthCheckNodePort;
  if (asked && own.has(asked)) return;
  const problem = asked ? takeChosenPort(pools, asked) : undefined;
  if (problem !== undefined) throw internalError(new Error(`failed to allocate requested HealthCheck NodePort ${asked}: ${problem}`));
  const port = asked || pools.ports.takeAny();
  if (!port) throw internalError(new Error('failed to allocate a HealthCheck NodePort 0: range is full'));
  taken.ports.push(port);
  spec.healthCheckNodePort = port;
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
