// The machinery of a simulated runtime: what its calls do to sandboxes and containers. Synchronous but for the passing of time.
import { BoundedQueue, type Clock, type Random } from '../../base/mod.ts';
import {
  type ContainerConfig,
  containerKindAnnotation,
  containerNameLabel,
  type Labels,
  podUidLabel,
  RuntimeError,
  type RuntimeEvent,
  type SandboxConfig,
} from '../../kubelet/mod.ts';
import { type Behaviour, behaviourOf } from './annotations.ts';
import { type SimContainer, type SimSandbox, sandboxName } from './model.ts';

/** Events that wait for the kubelet; beyond it the stream starts over with one of type `unknown`. */
const eventsMax = 10_000;
/** An init container that is told nothing else ends by itself. */
const initRunMs = 10;

function lifeOf(podAnnotations: Labels, config: ContainerConfig): Behaviour {
  const behaviour = behaviourOf(podAnnotations, config.metadata.name);
  const init = config.annotations[containerKindAnnotation] === 'init';
  return init && behaviour.runMs === undefined ? { ...behaviour, runMs: initRunMs } : behaviour;
}

interface PodRows {
  readonly sandboxes: Set<SimSandbox>;
  readonly containers: Set<SimContainer>;
}

export interface EngineOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: string;
}

export class SimEngine {
  readonly sandboxes = new Map<string, SimSandbox>();
  readonly containers = new Map<string, SimContainer>();
  readonly #options: EngineOptions;
  /** By pod uid, so that a listing for one pod costs what that pod has. */
  readonly #ofPod = new Map<string, PodRows>();
  readonly #names = new Set<string>();
  readonly #streams = new Set<BoundedQueue<RuntimeEvent>>();
  #nextId = 0;
  #nextIp = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  podRows(uid: string): PodRows | undefined {
    return this.#ofPod.get(uid);
  }

  sandbox(id: string): SimSandbox {
    return need(this.sandboxes, id, 'sandbox');
  }

  container(id: string): SimContainer {
    return need(this.containers, id, 'container');
  }

  makeSandbox(config: SandboxConfig): string {
    this.#reserve(sandboxName(config.metadata));
    const createdAtMs = this.#options.clock.nowMs();
    const sandbox: SimSandbox = { id: this.#newId(), config, createdAtMs, ip: this.#newIp(), state: 'ready', containers: new Set() };
    this.sandboxes.set(sandbox.id, sandbox);
    this.#rows(config.metadata.uid).sandboxes.add(sandbox);
    this.emit({ sandboxId: sandbox.id, containerId: undefined, type: 'created' });
    return sandbox.id;
  }

  stopSandbox(id: string): void {
    const sandbox = this.sandboxes.get(id);
    if (!sandbox || sandbox.state === 'notReady') return;
    for (const one of sandbox.containers) {
      const container = this.containers.get(one);
      if (container?.state === 'running') this.end(container, 137, 'Error');
    }
    sandbox.state = 'notReady';
    this.emit({ sandboxId: sandbox.id, containerId: undefined, type: 'stopped' });
  }

  removeSandbox(id: string): void {
    const sandbox = this.sandboxes.get(id);
    if (!sandbox) return;
    this.stopSandbox(id);
    for (const one of [...sandbox.containers]) this.removeContainer(one);
    const { uid } = sandbox.config.metadata;
    this.sandboxes.delete(id);
    this.#names.delete(sandboxName(sandbox.config.metadata));
    const rows = this.#rows(uid);
    rows.sandboxes.delete(sandbox);
    if (rows.sandboxes.size + rows.containers.size === 0) this.#ofPod.delete(uid);
    this.emit({ sandboxId: id, containerId: undefined, type: 'deleted' });
  }

  makeContainer(sandboxId: string, config: ContainerConfig): string {
    const sandbox = this.sandbox(sandboxId);
    if (sandbox.state !== 'ready') throw new RuntimeError('unknown', `sandbox "${sandboxId}" is not running`);
    const { uid } = sandbox.config.metadata;
    const { name, attempt } = config.metadata;
    this.#reserve(`${name}_${uid}_${attempt}`);
    const { labels, annotations, image, logPath } = config;
    const container: SimContainer = {
      id: this.#newId(),
      sandboxId,
      attempt,
      name: labels[containerNameLabel] ?? name,
      image,
      labels,
      annotations,
      logPath: `${sandbox.config.logDirectory}/${logPath}`,
      createdAtMs: this.#options.clock.nowMs(),
      behaviour: lifeOf(sandbox.config.annotations, config),
      state: 'created',
      startedAtMs: 0,
      finishedAtMs: 0,
      exitCode: 0,
      reason: '',
      timer: undefined,
      onExit: new Set(),
    };
    this.containers.set(container.id, container);
    sandbox.containers.add(container.id);
    this.#rows(uid).containers.add(container);
    return container.id;
  }

  start(container: SimContainer): void {
    if (container.state === 'running') return;
    if (container.state === 'exited') throw new RuntimeError('unknown', `container "${container.id}" has exited`);
    if (this.sandboxes.get(container.sandboxId)?.state !== 'ready') throw new RuntimeError('unknown', 'the sandbox is not running');
    const { clock } = this.#options;
    container.state = 'running';
    container.startedAtMs = clock.nowMs();
    const { runMs, exitCode, reason } = container.behaviour;
    if (runMs !== undefined) container.timer = clock.after(runMs, () => this.end(container, exitCode, reason));
    this.emit({ sandboxId: container.sandboxId, containerId: container.id, type: 'started' });
  }

  /** SIGTERM now, SIGKILL after the grace; resolves at the end, or when the caller gives up. */
  async stop(container: SimContainer, graceSeconds: number, signal: AbortSignal | undefined): Promise<void> {
    if (container.state === 'created') this.end(container, 137, 'Error');
    if (container.state !== 'running') return;
    const { stopMs } = container.behaviour;
    const inTime = stopMs <= graceSeconds * 1000;
    container.timer?.cancel();
    const afterMs = Math.min(stopMs, graceSeconds * 1000);
    container.timer = this.#options.clock.after(afterMs, () => this.end(container, inTime ? 143 : 137, 'Error'));
    await new Promise<void>((resolve, reject) => {
      const done = () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        container.onExit.delete(done);
        reject(new RuntimeError('unknown', 'stopContainer was given up'));
      };
      container.onExit.add(done);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  end(container: SimContainer, exitCode: number, reason: string): void {
    if (container.state === 'exited') return;
    container.timer?.cancel();
    container.timer = undefined;
    container.state = 'exited';
    container.finishedAtMs = this.#options.clock.nowMs();
    container.exitCode = exitCode;
    container.reason = reason;
    for (const waiter of container.onExit) waiter();
    container.onExit.clear();
    this.emit({ sandboxId: container.sandboxId, containerId: container.id, type: reason === 'OOMKilled' ? 'oom' : 'stopped' });
  }

  removeContainer(id: string): void {
    const container = this.containers.get(id);
    if (!container) return;
    const uid = container.labels[podUidLabel] ?? '';
    this.end(container, 137, 'Error');
    this.containers.delete(id);
    this.#rows(uid).containers.delete(container);
    this.sandboxes.get(container.sandboxId)?.containers.delete(id);
    this.#names.delete(`${container.name}_${uid}_${container.attempt}`);
  }

  emit(event: RuntimeEvent): void {
    for (const stream of this.#streams) if (!stream.push(event)) startOver(stream);
  }

  dropEvents(): void {
    for (const stream of this.#streams) startOver(stream);
  }

  async *events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    const queue = new BoundedQueue<RuntimeEvent>(eventsMax);
    const off = queue.closeOn(signal);
    this.#streams.add(queue);
    try {
      yield* queue;
    } finally {
      this.#streams.delete(queue);
      off();
    }
  }

  #rows(uid: string): PodRows {
    const rows = this.#ofPod.get(uid) ?? { sandboxes: new Set(), containers: new Set() };
    this.#ofPod.set(uid, rows);
    return rows;
  }

  /** As containerd does: of one pod and name there is one attempt of a number. */
  #reserve(name: string): void {
    if (this.#names.has(name)) throw new RuntimeError('unknown', `failed to reserve name "${name}": it is reserved already`);
    this.#names.add(name);
  }

  #newId(): string {
    const { random } = this.#options;
    return (this.#nextId++).toString(16).padStart(8, '0') + random.u32().toString(16).padStart(8, '0').repeat(7);
  }

  #newIp(): string {
    this.#nextIp = (this.#nextIp % 253) + 1;
    return `${this.#options.network}.${this.#nextIp + 1}`;
  }
}

function startOver(stream: BoundedQueue<RuntimeEvent>): void {
  stream.takeAll();
  stream.push({ sandboxId: '', containerId: undefined, type: 'unknown' });
}

function need<T>(map: ReadonlyMap<string, T>, id: string, what: string): T {
  const found = map.get(id);
  if (!found) throw new RuntimeError('notFound', `${what} "${id}" not found`);
  return found;
}
