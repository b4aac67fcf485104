// A node's container runtime, simulated: containers are rows in a table and their lives are timers on the given clock. A node on
// which nothing happens sets no timer.
import { type Clock, type Random, sleep } from '../../base/mod.ts';
import {
  type ContainerConfig,
  type ContainerRuntime,
  type Image,
  type Labels,
  podUidLabel,
  type RuntimeCall,
  RuntimeError,
  type SandboxConfig,
} from '../../kubelet/mod.ts';
import { behaviourOf, sandboxMs } from './annotations.ts';
import { SimEngine } from './engine.ts';
import { drawFault, type FaultOptions, noFaults } from './faults.ts';
import { containerView, hasLabels, type SimContainer, type SimSandbox, sandboxView, simImageRef, statusView } from './model.ts';

export interface SimRuntimeOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The first three numbers of the pods' addresses: `10.1.7`. Default `10.0.0`. */
  readonly network?: string;
  readonly faults?: FaultOptions;
  /** Called before each call is carried out, with its name: tests stop a kubelet here. */
  readonly onCall?: (call: string) => void;
}

/** The runtime, and hands for tests: change the faults, look inside, break things. */
export interface SimRuntime extends ContainerRuntime {
  setFaults(faults: FaultOptions): void;
  readonly sandboxes: ReadonlyMap<string, SimSandbox>;
  readonly containers: ReadonlyMap<string, SimContainer>;
  /** Ends a running container as if its process had. */
  exit(id: string, exitCode: number, reason?: string): void;
  /** The sandbox's own process dies, and all in it. */
  breakSandbox(id: string): void;
  /** Every event stream has a gap. */
  dropEvents(): void;
}

export const createSimRuntime = (options: SimRuntimeOptions): SimRuntime => new Simulated(options);

interface CallOptions {
  /** What the work takes, in milliseconds. */
  readonly ms?: number;
  readonly call: RuntimeCall | undefined;
}

const notHere = (what: string) => Promise.reject(new RuntimeError('unimplemented', `${what} is not simulated`));
const imageOf = (name: string): Image => ({
  id: name,
  repoTags: [name],
  repoDigests: [simImageRef(name)],
  sizeBytes: 1_000_000,
  uid: 1000,
});
const some = <T extends { readonly labels: Labels }>(all: readonly T[], labels: Labels | undefined): readonly T[] =>
  all.filter((one) => hasLabels(one.labels, labels));

class Simulated implements SimRuntime {
  readonly #engine: SimEngine;
  readonly #options: SimRuntimeOptions;
  readonly #faultRandom: Random;
  #faults: FaultOptions;

  constructor(options: SimRuntimeOptions) {
    const { clock, random, network = '10.0.0', faults = noFaults } = options;
    this.#options = options;
    this.#engine = new SimEngine({ clock, random, network });
    this.#faultRandom = random.child('faults');
    this.#faults = faults;
  }

  get sandboxes(): ReadonlyMap<string, SimSandbox> {
    return this.#engine.sandboxes;
  }

  get containers(): ReadonlyMap<string, SimContainer> {
    return this.#engine.containers;
  }

  setFaults(faults: FaultOptions): void {
    this.#faults = faults;
  }

  exit(id: string, exitCode: number, reason = exitCode === 0 ? 'Completed' : 'Error'): void {
    const container = this.#engine.containers.get(id);
    if (container?.state === 'running') this.#engine.end(container, exitCode, reason);
  }

  breakSandbox(id: string): void {
    this.#engine.stopSandbox(id);
  }

  dropEvents(): void {
    this.#engine.dropEvents();
  }

  version(call?: RuntimeCall) {
    return this.#call('version', { call }, () => ({ name: 'simulated', version: '1.0.0', apiVersion: 'v1' }));
  }

  status(call?: RuntimeCall) {
    return this.#call('status', { call }, () => ({
      runtimeReady: true,
      networkReady: true,
      message: '',
      features: { handlers: [], supplementalGroupsPolicy: false },
    }));
  }

  runSandbox(config: SandboxConfig, call?: RuntimeCall) {
    return this.#call('runSandbox', { call, ms: sandboxMs(config.annotations) }, () => this.#engine.makeSandbox(config));
  }

  stopSandbox(id: string, call?: RuntimeCall) {
    return this.#call('stopSandbox', { call }, () => this.#engine.stopSandbox(id));
  }

  removeSandbox(id: string, call?: RuntimeCall) {
    return this.#call('removeSandbox', { call }, () => this.#engine.removeSandbox(id));
  }

  sandboxStatus(id: string, call?: RuntimeCall) {
    return this.#call('sandboxStatus', { call }, () => {
      const sandbox = this.#engine.sandbox(id);
      const host = sandbox.config.security.namespaces.network === 'node';
      return { ...sandboxView(sandbox), ips: host || sandbox.state !== 'ready' ? [] : [sandbox.ip] };
    });
  }

  listSandboxes(filter?: { readonly labels?: Labels }, call?: RuntimeCall) {
    return this.#call('listSandboxes', { call }, () => {
      const uid = filter?.labels?.[podUidLabel];
      const all = uid === undefined ? this.#engine.sandboxes.values() : (this.#engine.podRows(uid)?.sandboxes ?? []);
      return some([...all].map(sandboxView), filter?.labels);
    });
  }

  createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig, call?: RuntimeCall) {
    const { createMs } = behaviourOf(sandbox.annotations, config.metadata.name);
    return this.#call('createContainer', { call, ms: createMs }, () => this.#engine.makeContainer(sandboxId, config));
  }

  startContainer(id: string, call?: RuntimeCall) {
    const ms = this.#engine.containers.get(id)?.behaviour.startMs ?? 0;
    return this.#call('startContainer', { call, ms }, () => this.#engine.start(this.#engine.container(id)));
  }

  stopContainer(id: string, graceSeconds: number, call?: RuntimeCall) {
    return this.#call('stopContainer', { call }, async () => {
      const container = this.#engine.containers.get(id);
      if (container) await this.#engine.stop(container, graceSeconds, call?.signal);
    });
  }

  removeContainer(id: string, call?: RuntimeCall) {
    return this.#call('removeContainer', { call }, () => this.#engine.removeContainer(id));
  }

  containerStatus(id: string, call?: RuntimeCall) {
    return this.#call('containerStatus', { call }, () => statusView(this.#engine.container(id)));
  }

  listContainers(filter?: { readonly labels?: Labels; readonly sandboxId?: string }, call?: RuntimeCall) {
    return this.#call('listContainers', { call }, () => {
      const uid = filter?.labels?.[podUidLabel];
      const all = uid === undefined ? this.#engine.containers.values() : (this.#engine.podRows(uid)?.containers ?? []);
      const found = some([...all].map(containerView), filter?.labels);
      return filter?.sandboxId === undefined ? found : found.filter((one) => one.sandboxId === filter.sandboxId);
    });
  }

  updateResources(id: string, _resources: unknown, call?: RuntimeCall) {
    return this.#call('updateResources', { call }, () => void this.#engine.container(id));
  }

  reopenLog(id: string, call?: RuntimeCall) {
    return this.#call('reopenLog', { call }, () => void this.#engine.container(id));
  }

  listContainerStats(call?: RuntimeCall) {
    return this.#call('listContainerStats', { call }, () => []);
  }

  execSync(id: string, _command: readonly string[], _timeoutSeconds: number, call?: RuntimeCall) {
    return this.#call('execSync', { call }, () => {
      const container = this.#engine.container(id);
      if (container.state !== 'running') throw new RuntimeError('unknown', `container "${id}" is not running`);
      const { execExit, readyMs } = container.behaviour;
      const ready = this.#options.clock.nowMs() >= container.startedAtMs + readyMs;
      return { stdout: new Uint8Array(), stderr: new Uint8Array(), exitCode: execExit ?? (ready ? 0 : 1) };
    });
  }

  exec() {
    return notHere('exec');
  }

  attach() {
    return notHere('attach');
  }

  portForward() {
    return notHere('portForward');
  }

  pullImage(name: string, _auth: unknown, _sandbox: unknown, call?: RuntimeCall) {
    return this.#call('pullImage', { call }, () => simImageRef(name));
  }

  imageStatus(name: string, call?: RuntimeCall) {
    return this.#call('imageStatus', { call }, () => imageOf(name));
  }

  listImages(call?: RuntimeCall): Promise<readonly Image[]> {
    return this.#call('listImages', { call }, () => []);
  }

  imageFsInfo(call?: RuntimeCall) {
    return this.#call('imageFsInfo', { call }, () => undefined);
  }

  removeImage(_name: string, call?: RuntimeCall) {
    return this.#call('removeImage', { call }, () => {});
  }

  events(signal: AbortSignal) {
    return this.#engine.events(signal);
  }

  /** Every call goes through here: faults, the caller's signal, and the time that the work takes. */
  async #call<T>(name: string, of: CallOptions, work: () => T | Promise<T>): Promise<T> {
    this.#options.onCall?.(name);
    const { signal, deadlineMs } = of.call ?? {};
    const given = () => new RuntimeError('unknown', `${name} was given up`);
    if (signal?.aborted) throw given();
    const fault = drawFault(this.#faults, this.#faultRandom);
    const ms = (of.ms ?? 0) + fault.delayMs;
    if (ms > 0) {
      const late = deadlineMs !== undefined && deadlineMs < ms;
      await sleep(this.#options.clock, late ? deadlineMs : ms, signal).catch(() => {
        throw given();
      });
      if (late) throw new RuntimeError('deadlineExceeded', `${name} did not finish within ${deadlineMs} ms`);
    }
    if (fault.failBefore) throw new RuntimeError('unavailable', `${name} failed (simulated)`);
    const result = await work();
    if (fault.failAfter) throw new RuntimeError('unavailable', `the answer of ${name} was lost (simulated)`);
    return result;
  }
}
