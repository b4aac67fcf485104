// Keeps the ways to other nodes' pods as the Node objects say: on each change of them, and now and then, should somebody else have
// changed what stands in the kernel. On a node that is alone nothing is made.
import { nodes as nodeType } from '../../api/mod.ts';
import { type Clock, errorText, type Logger, onAbort, sleep } from '../../base/mod.ts';
import type { Processes } from '../../base/ports/process.ts';
import type { Informers } from '../../client/mod.ts';
import {
  isSameWay,
  type Neighborhood,
  neighborhoodOf,
  type PodNetworkMode,
  planRoutes,
  readStanding,
  routeListings,
  type Step,
  vxlanDevice,
  vxlanOverheadBytes,
  type Wanted,
} from './plan.ts';

/** Nodes that come together are seen together. */
const coalesceMs = 20;
const checkMs = 30_000;
const retryMs = 5_000;
const programMs = 20_000;

export interface PodRoutesOptions {
  readonly nodeName: string;
  readonly bridge: string;
  readonly clusterCidr: string;
  readonly mode: PodNetworkMode;
  /** The tunnel's network identifier, the same on every node. */
  readonly vni: number;
  /** Of the way outside. */
  readonly outsideMtu: () => Promise<number>;
  /** Called before the first way to another node is made, with what its packets need besides. */
  readonly onOverhead: (bytes: number) => Promise<void>;
  readonly informers: Informers;
  readonly processes: Processes;
  readonly programs: { readonly ip: string; readonly bridge: string };
  readonly clock: Clock;
  readonly log: Logger;
  /** Firing it ends the work. The ways stay: pods go on without Minke. */
  readonly signal: AbortSignal;
}

/** Runs until the signal fires. */
export async function runPodRoutes(options: PodRoutesOptions): Promise<void> {
  const { informers, clock, log, signal, nodeName, clusterCidr } = options;
  const cache = informers.of(nodeType);
  const now = () => neighborhoodOf(cache.list(), nodeName, clusterCidr);
  let wake = () => {};
  let dirty = false;
  const off = cache.onChange(({ old, next }) => {
    if (isSameWay(old, next, clusterCidr)) return;
    dirty = true;
    wake();
  });
  const state: State = { mode: options.mode, told: false };
  try {
    await cache.synced;
    while (!signal.aborted) {
      dirty = false;
      const wanted = now();
      const done = await bring(options, state, wanted).catch((error: unknown) => {
        if (!signal.aborted) log.warn('Ways to the pods of other nodes could not be made; will try again', { error: errorText(error) });
        return false;
      });
      const waitMs = !done ? retryMs : wanted.peers.length > 0 ? checkMs : undefined;
      await changedOr(clock, waitMs, signal, (notify) => {
        wake = notify;
        // Something came while the kernel was told.
        if (dirty) notify();
      });
      await sleep(clock, coalesceMs, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    off();
  }
}

interface State {
  mode: PodNetworkMode;
  told: boolean;
}

/** Resolves when `listen` notifies, when the time has passed, or when the signal fires. */
function changedOr(clock: Clock, ms: number | undefined, signal: AbortSignal, listen: (notify: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      timer?.cancel();
      off();
      resolve();
    };
    const timer = ms === undefined ? undefined : clock.after(ms, done);
    const off = onAbort(signal, () => resolve());
    listen(done);
  });
}

/** Makes the kernel's state the wanted one; true when it is. */
async function bring(options: PodRoutesOptions, state: State, { own, peers }: Neighborhood): Promise<boolean> {
  if (!own) return true;
  const { log, clusterCidr, vni } = options;
  const device = vxlanDevice(options.bridge);
  if (peers.length > 0 && !state.told) {
    await options.onOverhead(state.mode === 'vxlan' ? vxlanOverheadBytes(own.address) : 0);
    state.told = true;
  }
  const wanted: Wanted = { mode: state.mode, device, vni, mtu: await options.outsideMtu(), clusterCidr, own, peers };
  const steps = planRoutes(wanted, await look(options, wanted));
  for (const step of steps) {
    const problem = await runStep(options, step);
    if (problem === undefined) continue;
    if (/unknown device type|not supported/i.test(problem) && state.mode === 'vxlan') {
      log.warn('This kernel has no VXLAN: other nodes are reached by routes, which needs them on the same network', { problem });
      Object.assign(state, { mode: 'routes', told: false });
      return bring(options, state, { own, peers });
    }
    throw new Error(problem);
  }
  if (steps.length > 0) log.info('Ways to the pods of other nodes changed', { nodes: peers.length, mode: state.mode });
  return true;
}

async function look({ processes, programs, signal }: PodRoutesOptions, wanted: Wanted) {
  const listing = async (program: 'ip' | 'bridge', ...args: readonly string[]) => {
    const { code, stdout } = await processes.run(programs[program], args, { deadlineMs: programMs, signal });
    return code === 0 ? stdout : '';
  };
  const { device } = wanted;
  const [link, routes] = await Promise.all([
    listing('ip', '-d', '-j', 'addr', 'show', 'dev', device),
    Promise.all(routeListings(wanted.clusterCidr).map((args) => listing('ip', ...args))),
  ]);
  const [neighbors, forwarding] =
    link === ''
      ? ['', '']
      : await Promise.all([
          listing('ip', '-j', 'neigh', 'show', 'dev', device, 'nud', 'permanent'),
          listing('bridge', '-j', 'fdb', 'show', 'dev', device),
        ]);
  return readStanding({ link, routes, neighbors, forwarding }, wanted);
}

/** What went wrong, if anything: the other lines were carried out. */
async function runStep({ processes, programs, signal }: PodRoutesOptions, { program, lines }: Step): Promise<string | undefined> {
  const input = lines.map((line) => `${line}\n`).join('');
  const { code, stderr } = await processes.run(programs[program], ['-force', '-batch', '-'], { input, deadlineMs: programMs, signal });
  return code === 0 ? undefined : stderr.trim();
}
