// The service proxy: follows services and their endpoint slices, and keeps the kernel's table equal to them.
// Changes that come together go into one transaction, whose cost is that of its elements.
import { endpointslices, nodes, type Persisted, serviceNameLabel, services, type V1EndpointSlice, type V1Service } from '../../api/mod.ts';
import { Backoff, type Clock, errorText, type Logger, type Random, sleep } from '../../base/mod.ts';
import type { Processes } from '../../base/ports/process.ts';
import { cacheKeyOf, type Informer, type Informers } from '../../client/mod.ts';
import { createNft, type Nft } from '../cni/nft.ts';
import type { Backend } from './backends.ts';
import { createFlows } from './flows.ts';
import { createHealthChecks, type HealthChecks, healthCheckOf } from './health-check.ts';
import { addressKey, type Frontend, frontendsOf } from './model.ts';
import {
  type BaseOptions,
  expectedListing,
  readListing,
  renderAll,
  renderChange,
  renderTableRemoval,
  sameListing,
  servicesTableName,
} from './nftables.ts';
import { Program } from './plan.ts';

/** How long the first of several changes waits for the others. */
const coalesceMs = 5;
/** Between two looks at whether someone else has changed the table; longer where looking takes long. */
const checkMs = 15_000;
const checkShareMax = 0.01;
const retry = { baseMs: 100, maxMs: 10_000, jitter: 0.5 };
const ipMs = 10_000;
/** Not the controllers' index of the same resource, which holds other slices. */
const sliceIndex = 'proxy/service';
const zoneLabel = 'topology.kubernetes.io/zone';
/** Sorts before every service: nobody takes these frontends away. */
const ownOwner = '';

/** Where something of the node itself is found by TCP under another address than it really has: the API server, which listens on loopback. */
export interface Redirect {
  readonly from: Backend;
  readonly to: Backend;
}

export interface ServiceProxyOptions extends Omit<BaseOptions, 'table'> {
  readonly clusterId: string;
  readonly nodeName: string;
  /** For pods on the bridge and the node itself. */
  readonly redirects: readonly Redirect[];
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

/** Runs until the signal fires. */
export async function runServiceProxy(options: ServiceProxyOptions): Promise<void> {
  const health = createHealthChecks(options);
  const follower = follow(options, health);
  try {
    await options.informers.synced();
    await addServiceRoutes(options);
    await keep(options, follower, health);
  } catch (error) {
    if (!options.signal.aborted) throw error;
  } finally {
    follower.stop();
    await health.close();
  }
}

/** Takes the table away. The route goes with the bridge. Repeating it is harmless. */
export async function removeServiceRules(clusterId: string, processes: Processes, nftPath: string): Promise<void> {
  await createNft(processes, nftPath)(renderTableRemoval(servicesTableName(clusterId)));
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
  const { informers, nodeName, redirects, podCidr } = options;
  const program = new Program(podCidr);
  program.want(ownOwner, redirects.map(redirectFrontend));
  const byAddress = new Map(redirects.map((one) => [addressKey(one.from.address, 'tcp', one.from.port), one.to]));
  const redirect = (backend: Backend) => byAddress.get(addressKey(backend.address, 'tcp', backend.port)) ?? backend;
  const serviceCache: Informer<V1Service> = informers.of(services);
  const sliceCache: Informer<V1EndpointSlice> = informers.of(endpointslices);
  const nodeCache = informers.of(nodes);
  sliceCache.addIndex(sliceIndex, (slice) => [serviceKeyOf(slice)]);
  const dirty = new Set<string>();
  let wake: (() => void) | undefined;
  let zone: string | undefined;
  const mark = (key: string) => {
    dirty.add(key);
    wake?.();
  };
  const offs = [
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
      for (const key of dirty) {
        const service = serviceCache.get(key);
        const slices = service ? sliceCache.byIndex(sliceIndex, key) : [];
        program.want(key, service ? frontendsOf(service, slices, { nodeName, zone }, redirect) : []);
        health.want(key, service && healthCheckOf(service, slices, { nodeName, zone }));
      }
      dirty.clear();
    },
    changed: (signal) =>
      new Promise((resolve) => {
        if (dirty.size > 0 || signal.aborted) return resolve();
        const done = () => {
          signal.removeEventListener('abort', done);
          wake = undefined;
          resolve();
        };
        wake = done;
        signal.addEventListener('abort', done, { once: true });
      }),
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

/** The loop: one transaction after the other, and everything anew after trouble. */
async function keep(options: ServiceProxyOptions, { program, catchUp, changed }: Follower, health: HealthChecks): Promise<void> {
  const { clock, log, signal, processes, programs, random } = options;
  const base: BaseOptions = { ...options, table: servicesTableName(options.clusterId) };
  const nft = createNft(processes, programs.nft);
  const flows = createFlows(processes, log);
  const backoff = new Backoff(retry, random);
  let state: 'unknown' | 'in step' = 'unknown';
  let checkAtMs = 0;
  let synced = options.onSynced;
  while (!signal.aborted) {
    try {
      catchUp();
      if (state === 'unknown') await nft(renderAll(base, program.everything()));
      else {
        const change = program.plan();
        if (change) {
          await nft(renderChange(base.table, change));
          await flows.forget(change.left);
        }
      }
      if (state === 'unknown') checkAtMs = clock.monotonicMs() + checkMs;
      state = 'in step';
      await health.settle();
      backoff.reset();
      synced?.();
      synced = undefined;
      if (await changedBefore(clock, changed, checkAtMs, signal)) await sleep(clock, coalesceMs, signal);
      else {
        const begunMs = clock.monotonicMs();
        if (!(await isUntouched(nft, base, program))) {
          log.warn('The rules for services were changed by someone else; writing them anew', { table: base.table });
          state = 'unknown';
        }
        const tookMs = clock.monotonicMs() - begunMs;
        checkAtMs = clock.monotonicMs() + Math.max(checkMs, tookMs / checkShareMax);
      }
    } catch (error) {
      if (signal.aborted) return;
      state = 'unknown';
      log.warn('Rules for services could not be written; will write all anew', { error: errorText(error) });
      await sleep(clock, backoff.nextMs(), signal);
    }
  }
}

/** False when the time came first. */
async function changedBefore(clock: Clock, changed: Follower['changed'], atMs: number, signal: AbortSignal): Promise<boolean> {
  const timeout = new AbortController();
  const stop = () => timeout.abort();
  signal.addEventListener('abort', stop, { once: true });
  const timer = clock.after(Math.max(0, atMs - clock.monotonicMs()), stop);
  try {
    await changed(timeout.signal);
    signal.throwIfAborted();
    return !timeout.signal.aborted;
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', stop);
  }
}

async function isUntouched(nft: Nft, base: BaseOptions, program: Program): Promise<boolean> {
  const found = readListing(await nft.list('table', 'ip', base.table));
  return sameListing(found, expectedListing(base, program.standing()));
}
