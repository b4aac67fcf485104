// A whole simulated node for tests: kubelet, runtime, API, virtual clock. The kubelet can be stopped and started anew.
import type { V1Container, V1Pod, V1PodSpec } from '../../api/mod.ts';
import { SeededRandom, StoppedError, silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { createNoStorage, type KubeletOptions, type MachineFacts, runKubelet } from '../../kubelet/mod.ts';
import { createFakeApi, type FakeApi } from './api.fake.ts';
import type { FaultOptions } from './faults.ts';
import { createSimProbeIo } from './probe-io.ts';
import { createSimRuntime, type SimRuntime } from './runtime.ts';

export const testMachine: MachineFacts = {
  cpus: 4,
  memoryBytes: 8 * 1024 ** 3,
  ephemeralStorageBytes: 100 * 1024 ** 3,
  os: 'linux',
  architecture: 'amd64',
  kernelVersion: '6.1.0',
  osImage: 'Debian',
  machineId: 'm',
  systemUuid: 's',
  bootId: 'b',
  addresses: ['192.168.1.10'],
  oomScoreAdjMin: -1000,
};

export interface TestNode {
  readonly clock: VirtualClock;
  readonly api: FakeApi;
  readonly runtime: SimRuntime;
  /** Stops the kubelet and waits until it has ended; containers go on. */
  stop(): Promise<void>;
  start(): void;
  /** Turns the clock until `done`, or fails after `limitMs`. */
  until(what: string, done: () => boolean, limitMs?: number): Promise<void>;
  advance(ms: number): Promise<void>;
  phase(name: string): string | undefined;
}

export function createTestNode(
  options: {
    readonly seed?: number;
    readonly faults?: FaultOptions;
    readonly onCall?: (call: string) => void;
    readonly kubelet?: Partial<KubeletOptions>;
  } = {},
): TestNode {
  const clock = new VirtualClock({ settle: turn });
  const random = new SeededRandom(options.seed ?? 1);
  const api = createFakeApi(() => clock.nowMs());
  const runtime = createSimRuntime({
    clock,
    random: random.child('runtime'),
    ...(options.faults ? { faults: options.faults } : {}),
    ...(options.onCall ? { onCall: options.onCall } : {}),
  });
  let running: { readonly controller: AbortController; readonly ended: Promise<void> } | undefined;
  let starts = 0;
  const node: TestNode = {
    clock,
    api,
    runtime,
    start() {
      const controller = new AbortController();
      const ended = runKubelet({
        nodeName: 'n1',
        client: api.client,
        informers: api.informers,
        recorder: api.recorder,
        runtime,
        clock,
        random: random.child(`kubelet-${starts++}`),
        log: silentLogger,
        signal: controller.signal,
        probeIo: createSimProbeIo(runtime, clock),
        storage: createNoStorage(),
        cgroupRoot: '/minke-test',
        machine: testMachine,
        version: 'v1.36.0',
        ...options.kubelet,
      });
      running = { controller, ended };
    },
    async stop() {
      running?.controller.abort(new StoppedError());
      await running?.ended;
      running = undefined;
    },
    async until(what, done, limitMs = 3_600_000) {
      if (!(await clock.advanceUntil(done, limitMs))) {
        throw new Error(
          `never: ${what}; pods ${JSON.stringify(api.informers.of({ group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true }).list())}`,
        );
      }
    },
    advance: (ms) => clock.advance(ms),
    phase: (name) => api.pod(name)?.status?.phase,
  };
  node.start();
  return node;
}

export const container = (name: string, more: Partial<V1Container> = {}): V1Container => ({
  name,
  image: 'minke.local/tools',
  imagePullPolicy: 'IfNotPresent',
  ...more,
});

export function testPod(name: string, spec: Partial<V1PodSpec> = {}, annotations: Readonly<Record<string, string>> = {}): V1Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', annotations },
    spec: { nodeName: 'n1', restartPolicy: 'Always', terminationGracePeriodSeconds: 30, containers: [container('app')], ...spec },
  };
}

export const isReady = (pod: V1Pod | undefined): boolean => pod?.status?.conditions?.find((one) => one.type === 'Ready')?.status === 'True';
