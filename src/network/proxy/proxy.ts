// The service proxy: follows services and their endpoint slices, and keeps the kernel's table equal to them.
// A change costs as much as its elements.
import { endpointslices, nodes, type Persisted, serviceNameLabel, services, type V1EndpointSlice, type V1Service } from '../../api/mod.ts';
import type { Clock, Logger, Random } from '../../base/mod.ts';
import type { Processes } from '../../base/ports/process.ts';
import { cacheKeyOf, type Informer, type Informers } from '../../client/mod.ts';
import { ipv4, ipv6 } from '../addresses/family.ts';
import { Dirty, keepTable, type WantedTable } from '../nftables/keep-table.ts';
import { sameListing } from '../nftables/listing.ts';
import { createNft, type Nft } from '../nftables/nft.ts';
import type { Backend } from './backends.ts';
import { createFlows } from './flows.ts';
import { createHealthChecks, type HealthChecks, healthCheckOf } from './health-check.ts';
import { addressKey, type Frontend, frontendsOf } from './model.ts';
import {
  type BaseOptions,
  expectedListing,
  readServices,
  renderAll,
  renderChange,
  renderTableRemoval,
  servicesTableName,
} from './nftables.ts';
import { type LeftBackend, Program } from './plan.ts';

const ipMs = 10_000;
/** Not the controllers' index of the same resource, which holds other slices. */
export const sliceIndex = 'proxy/service';
const zoneLabel = 'topology.kubernetes.io/zone';
/** Sorts before every service: nobody takes these frontends away. */
const ownOwner = '';

/** Where something of the node itself is found by TCP under another address than it really has: the API server, which listens on loopback. */
export interface Redirect {
  readonly from: Backend;
  readonly to: Backend;
}

/** The slices that this node's own server makes, and whoever wants to know when they change. */
export interface ServedHere {
  readonly slices: ReadonlyMap<string, readonly V1EndpointSlice[]>;
  onChange(handler: (key: string) => void): () => void;
}

export interface ServiceProxyOptions extends Omit<BaseOptions, 'table'> {
  readonly clusterId: string;
  readonly nodeName: string;
  /** For pods on the bridge and the node itself. */
  readonly redirects: readonly Redirect[];
  /** Services (`namespace/name`) that each node serves by itself, whatever their slices say. */
  readonly servedHere?: ServedHere | undefined;
  readonly informers: Informers;
  readonly processes: Processes;
  readonly programs: { readonly ip: string; readonly nft: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Firing it ends the proxy. The rules stay: pods go on without Minke. */
  readonly signal: AbortSignal;
  /** The first full table is in the kernel. */
  readonly onSynced?: () => void;
}

/** For one family of addresses. Runs until the signal fires. */
export async function runServiceProxy(options: ServiceProxyOptions): Promise<void> {
  const health = createHealthChecks({ ...options, host: options.family.any });
  const follower = follow(options, health);
  try {
    await options.informers.synced();
    await addServiceRoutes(options);
    const nft = createNft(options.processes, options.programs.nft);
    await keepTable(wantedTable(options, follower, health, nft), { ...options, nft });
  } catch (error) {
    if (!options.signal.aborted) throw error;
  } finally {
    follower.stop();
    await health.close();
  }
}

/** Takes the tables away. The route goes with the bridge. Repeating it is harmless. */
export async function removeServiceRules(clusterId: string, processes: Processes, nftPath: string): Promise<void> {
  const nft = createNft(processes, nftPath);
  const table = servicesTableName(clusterId);
  await nft(renderTableRemoval(ipv4, table));
  // Where the kernel has no IPv6, none was made.
  await nft(renderTableRemoval(ipv6, table)).catch(() => {});
}

/** By them the node itself gets to service addresses without any other route, and with an address that pods answer to. */
async function addServiceRoutes(options: ServiceProxyOptions): Promise<void> {
  const { serviceCidr, loadBalancerCidr, bridge, gateway, processes, programs, signal } = options;
  for (const range of [serviceCidr, loadBalancerCidr]) {
    if (range === undefined) continue;
    const args = ['route', 'replace', range, 'dev', bridge, 'src', gateway];
    const { code, stderr } = await processes.run(programs.ip, args, { deadlineMs: ipMs, signal });
    if (code !== 0) throw new Error(`Cannot route the service range "${range}" to "${bridge}": ${stderr.trim()}`);
  }
}

interface Follower {
  readonly program: Program;
  /** Brings what has changed into the program. */
  catchUp(): void;
  /** Resolves when something has changed since `catchUp`. */
  changed(signal: AbortSignal): Promise<void>;
  stop(): void;
}

function follow(options: ServiceProxyOptions, health: HealthChecks): Follower {
  const { informers, nodeName, redirects, podCidr, servedHere, family } = options;
  const program = new Program(podCidr);
  program.want(ownOwner, redirects.map(redirectFrontend));
  const byAddress = new Map(redirects.map((one) => [addressKey(one.from.address, 'tcp', one.from.port), one.to]));
  const redirect = (backend: Backend) => byAddress.get(addressKey(backend.address, 'tcp', backend.port)) ?? backend;
  const serviceCache: Informer<V1Service> = informers.of(services);
  const sliceCache: Informer<V1EndpointSlice> = informers.of(endpointslices);
  const nodeCache = informers.of(nodes);
  sliceCache.addIndex(sliceIndex, (slice) => [serviceKeyOf(slice)]);
  const dirty = new Dirty();
  let zone: string | undefined;
  const mark = (key: string) => dirty.mark(key);
  const offs = [
    ...(servedHere ? [servedHere.onChange(mark)] : []),
    serviceCache.onChange(({ old, next }) => mark(cacheKeyOf((next ?? old) as Persisted<V1Service>))),
    sliceCache.onChange(({ old, next }) => {
      for (const slice of [old, next]) if (slice) mark(serviceKeyOf(slice));
    }),
    nodeCache.onChange(({ next }) => {
      if (next?.metadata.name !== nodeName || next.metadata.labels?.[zoneLabel] === zone) return;
      zone = next.metadata.labels?.[zoneLabel];
      for (const service of serviceCache.list()) mark(cacheKeyOf(service));
    }),
  ];
  return {
    program,
    catchUp() {
      for (const key of dirty.take()) {
        const service = serviceCache.get(key);
        const slices = service ? (servedHere?.slices.get(key) ?? sliceCache.byIndex(sliceIndex, key)) : [];
        program.want(key, service ? frontendsOf(service, slices, { nodeName, zone, family }, redirect) : []);
        health.want(key, service && healthCheckOf(service, slices, { nodeName, zone, family }));
      }
    },
    changed: (signal) => dirty.marked(signal),
    stop: () => {
      for (const off of offs) off();
    },
  };
}

const serviceKeyOf = (slice: V1EndpointSlice): string =>
  `${slice.metadata?.namespace ?? ''}/${slice.metadata?.labels?.[serviceNameLabel] ?? ''}`;

function redirectFrontend({ from, to }: Redirect): Frontend {
  return {
    table: 'inside-addresses',
    key: addressKey(from.address, 'tcp', from.port),
    protocol: 'tcp',
    backends: [to],
    otherwise: 'refuse',
  };
}

/** The table of services, as the loop keeps it. */
function wantedTable(options: ServiceProxyOptions, { program, catchUp, changed }: Follower, health: HealthChecks, nft: Nft): WantedTable {
  const base: BaseOptions = { ...options, table: servicesTableName(options.clusterId) };
  const flows = createFlows(options.processes, options.log);
  let left: readonly LeftBackend[] = [];
  let synced = options.onSynced;
  return {
    what: 'services',
    name: base.table,
    catchUp,
    changed,
    all: () => renderAll(base, program.everything()),
    change() {
      const change = program.plan();
      left = [...left, ...(change?.left ?? [])];
      return change && renderChange(base, change);
    },
    async written() {
      const gone = left;
      left = [];
      await flows.forget(gone);
      await health.settle();
      synced?.();
      synced = undefined;
    },
    async isUntouched() {
      const found = readServices(await nft.list('table', base.family.ip, base.table));
      return sameListing(found, expectedListing(base, program.standing()));
    },
  };
}
