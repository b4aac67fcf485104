// Nodes without machines: the real kubelet on a simulated container runtime, as many as wanted in one process.

import { kubernetesVersion, pods } from '../api/mod.ts';
import { type Clock, type Logger, type Random, Tasks } from '../base/mod.ts';
import { createEventRecorder } from '../client/mod.ts';
import { noDirectories, runLocalPathProvisioner } from '../controllers/mod.ts';
import { createNoStorage, createPodRouter, runKubelet } from '../kubelet/mod.ts';
import { createSimNodeServer, createSimProbeIo, createSimRuntime, createSimUsage } from '../sim/mod.ts';
import { type ControlPlane, nodeUser, provisionerUser } from './control-plane.ts';
import { supervise } from './supervise.ts';

/** What each simulated node offers. */
const machine = {
  cpus: 8,
  memoryBytes: 32 * 2 ** 30,
  ephemeralStorageBytes: 200 * 2 ** 30,
  os: 'linux',
  architecture: 'amd64',
  kernelVersion: 'simulated',
  osImage: 'Minke simulated node',
  machineId: '',
  systemUuid: '',
  bootId: '',
  oomScoreAdjMin: 0,
};

export interface SimulatedNodesOptions {
  readonly controlPlane: ControlPlane;
  readonly count: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface SimulatedNodes {
  readonly names: readonly string[];
  /** Resolves when the signal has fired and every node has ended. */
  readonly stopped: Promise<void>;
}

/** Starts nodes `sim-0`, `sim-1`, ...; they register by themselves. */
export function startSimulatedNodes(options: SimulatedNodesOptions): SimulatedNodes {
  const { controlPlane, count, clock, log, signal } = options;
  const router = createPodRouter(controlPlane.informers.of(pods));
  const tasks = new Tasks(log);
  const names = Array.from({ length: count }, (_, i) => `sim-${i}`);
  names.forEach((nodeName, i) => {
    const random = options.random.child(nodeName);
    const network = addressPrefix(i);
    const client = controlPlane.clientFor(nodeUser(nodeName));
    const own = log.with({ component: 'kubelet', node: nodeName });
    const recorder = createEventRecorder({
      client,
      clock,
      random: random.child('events'),
      log: own,
      signal,
      component: 'kubelet',
      host: nodeName,
    });
    // Outlives a crash of its kubelet, as a real runtime does.
    const runtime = createSimRuntime({ clock, random: random.child('runtime'), network });
    const server = createSimNodeServer({ nodeName, runtime, clock, log: own });
    controlPlane.nodes.attach(nodeName, server);
    const run = (stop: AbortSignal) =>
      runKubelet({
        nodeName,
        client,
        informers: controlPlane.informers,
        recorder,
        runtime,
        clock,
        random,
        log: own,
        signal: stop,
        probeIo: createSimProbeIo(runtime, clock),
        storage: createNoStorage(createSimUsage({ nowMs: () => clock.nowMs(), memoryBytes: machine.memoryBytes })),
        cgroupRoot: '/simulated',
        podCidr: `${network}.0/24`,
        machine: { ...machine, addresses: [`${network}.254`] },
        version: kubernetesVersion,
        podSource: router.forNode(nodeName),
        onReady(handle) {
          server.attach(handle);
          controlPlane.nodeUsage.attach(nodeName, () => handle.stats({ speeds: true }));
        },
      });
    tasks.run(nodeName, signal, async () => {
      await supervise({ name: nodeName, clock, random, log: own, signal, run });
      await recorder.stopped;
    });
  });
  tasks.run('local-path', signal, () => runVolumes(options, new Set(names)));
  return { names, stopped: tasks.settled().then(() => router.stop()) };
}

/** Volumes of all these nodes: the objects are made, no directories. */
function runVolumes({ controlPlane, clock, log, random, signal }: SimulatedNodesOptions, names: ReadonlySet<string>): Promise<void> {
  const name = 'local-path-provisioner';
  const own = { clock, log: log.with({ component: name }), random: random.child(name) };
  const client = controlPlane.clientFor(provisionerUser);
  const run = (stop: AbortSignal) =>
    runLocalPathProvisioner({
      ...own,
      client,
      informers: controlPlane.informers,
      signal: stop,
      serves: (nodeName) => names.has(nodeName),
      pathOf: (volume) => `/simulated/volumes/${volume}`,
      directories: noDirectories,
    });
  return supervise({ name, ...own, signal, run });
}

/** Node 0 has 10.0.0.x, node 256 has 10.1.0.x: no two share an address. */
const addressPrefix = (index: number): string => `10.${Math.floor(index / 256) % 256}.${index % 256}`;
