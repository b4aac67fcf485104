// A whole cluster in the caller's process, for tests: API server, scheduler, controllers and simulated nodes, no socket,
// no file, and a clock that the test may turn.
import { nodes } from '../api/mod.ts';
import { type Clock, createLogger, errorText, type Logger, SeededRandom, silentLogger, VirtualClock } from '../base/mod.ts';
import { systemClock, turn } from '../base/ports/clock.ts';
import type { Client, Informers, UserInfo } from '../client/mod.ts';
import { type ExplainPod, readSchedulerConfiguration } from '../scheduler/mod.ts';
import { openMemoryStore, type Store } from '../store/mod.ts';
import { adminUser, type ControlPlane, startControlPlane } from './control-plane.ts';
import { startSimulatedNodes } from './simulated-nodes.ts';

/** How long nodes may take to be Ready, and each of them more. */
const readyMs = 30_000;
const readyEachMs = 20;

export interface ClusterOptions {
  /** Simulated nodes, `sim-0`, `sim-1`, ... Default 1. */
  readonly nodes?: number;
  /** `real` (default) or `virtual`: time stands still but for `cluster.time.advance()`. */
  readonly clock?: 'real' | 'virtual';
  /** Everything that chance decides follows from it: names, uids, jitter. Default 1. */
  readonly seed?: number;
  /** `10.96.0.0/16` */
  readonly serviceCidr?: string;
  /** A KubeSchedulerConfiguration (v1): profiles, plugins and their arguments. Default: upstream's own. */
  readonly schedulerConfiguration?: object;
  /** Receives log lines. Default: none. */
  readonly log?: (line: string) => void;
}

/** A running cluster. Stop it when done: a test that forgets leaves timers behind. */
export interface Cluster {
  /** Acts as an administrator. */
  readonly client: Client;
  /** A client that acts as somebody else. */
  clientFor(user: UserInfo): Client;
  /** Caches that the cluster's own components share. */
  readonly informers: Informers;
  /** Why a pod is on its node, or on none: every refusal and every score. Undefined where there is no such pod. */
  readonly explainPod: ExplainPod;
  readonly clock: Clock;
  readonly store: Store;
  stop(): Promise<void>;
}

export interface VirtualCluster extends Cluster {
  readonly time: VirtualClock;
}

/**
 * Resolves when the API answers and every node is Ready.
 *
 * ```ts
 * const cluster = await startCluster({ nodes: 3, clock: 'virtual' });
 * await cluster.client.create(deployments, myDeployment);
 * await cluster.time.advance(60_000); // a minute passes at once
 * await cluster.stop();
 * ```
 */
export async function startCluster(options: ClusterOptions & { readonly clock: 'virtual' }): Promise<VirtualCluster>;
export async function startCluster(options?: ClusterOptions): Promise<Cluster>;
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster | VirtualCluster> {
  const schedulerConfiguration = options.schedulerConfiguration && readSchedulerConfiguration(options.schedulerConfiguration);
  const time = options.clock === 'virtual' ? new VirtualClock({ settle: turn }) : undefined;
  const clock = time ?? systemClock;
  const random = new SeededRandom(options.seed ?? 1);
  const log: Logger = options.log ? createLogger({ clock, level: 'debug', write: options.log }) : silentLogger;
  const stopping = new AbortController();
  const { signal } = stopping;
  const store = openMemoryStore({ clock });
  const controlPlane = await startControlPlane({
    store,
    clock,
    random,
    log,
    serviceCidr: options.serviceCidr ?? '10.96.0.0/16',
    schedulerConfiguration,
    signal,
  });
  const simulated = startSimulatedNodes({ controlPlane, count: options.nodes ?? 1, clock, random: random.child('nodes'), log, signal });
  const stop = async () => {
    stopping.abort();
    const ended = Promise.all([simulated.stopped, controlPlane.stopped]);
    // Under virtual time what waits for a timer has to be woken: the signal does that.
    await ended;
    await store.close();
  };
  try {
    await nodesReady({ controlPlane, names: simulated.names, clock, time });
  } catch (error) {
    await stop();
    throw new Error(`Cannot start the cluster: ${errorText(error)}`, { cause: error });
  }
  const { informers, clientFor, explainPod } = controlPlane;
  return { client: clientFor(adminUser), clientFor, informers, explainPod, clock, store, stop, ...(time ? { time } : {}) };
}

interface ReadyRequest {
  readonly controlPlane: ControlPlane;
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly time: VirtualClock | undefined;
}

async function nodesReady({ controlPlane, names, clock, time }: ReadyRequest): Promise<void> {
  const limitMs = readyMs + names.length * readyEachMs;
  const informer = controlPlane.informers.of(nodes);
  const isReady = (name: string) =>
    informer.get(name)?.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
  const allReady = () => names.every(isReady);
  if (time) {
    if (!(await time.advanceUntil(allReady, limitMs))) throw new Error('the nodes did not become Ready');
    return;
  }
  await new Promise<void>((resolve, reject) => {
    const timer = clock.after(limitMs, () => {
      off();
      reject(new Error('the nodes did not become Ready'));
    });
    const check = () => {
      if (!allReady()) return;
      timer.cancel();
      queueMicrotask(() => off());
      resolve();
    };
    const off = informer.onChange(check);
    check();
  });
}
