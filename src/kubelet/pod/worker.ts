// The loop of one pod: observe, plan, act, report. It decides nothing (plan.ts, state.ts, status.ts do) and remembers nothing that a
// restart would need: what it keeps between two rounds only saves work or words.
import { setMaxListeners } from 'node:events';
import { parseTime, type V1ContainerStatus, type V1Pod, type V1PodStatus } from '../../api/mod.ts';
import { Backoff, childController, errorText, type Logger, StoppedError } from '../../base/mod.ts';
import { containerHash } from '../container/config.ts';
import type { RunningFacts } from '../container/fields.ts';
import { type ContainerStatus, canMountRecursively } from '../cri/runtime.ts';
import type { EmitEvent } from '../image-manager.ts';
import { createPodProbes, type PodProbes, type ProbeCount, type ProbedContainer } from '../probes/pod-probes.ts';
import type { ProbeTargetContainer } from '../probes/run-probe.ts';
import { isStatic } from '../static-pods.ts';
import { type Actor, createActor } from './actor.ts';
import { containerIdText } from './container-status.ts';
import type { PodContext } from './context.ts';
import { completeEnd, mayBeOom } from './ended.ts';
import { emitterFor } from './events.ts';
import { type PodId, podIdOf, podText } from './labels.ts';
import { createLatch, type Latch } from './latch.ts';
import { isLive, latestRun, nothingObserved, type Observed, observe } from './observed.ts';
import { createOperations, type Operations } from './operations.ts';
import { plan } from './plan.ts';
import { restartOf, runsAgain } from './plan-containers.ts';
import type { Plan, PlanInput } from './plan-types.ts';
import { referencesOf } from './references.ts';
import { type ResizeVerdict, resizedContainers } from './resize.ts';
import { containersOf, graceSecondsFor, isHostNetwork } from './spec.ts';
import { deadlineMs, eventsFromApi, type PodEvent, type PodState, step } from './state.ts';
import { podStatus } from './status.ts';
import { sameJson } from './status-patch.ts';
import { createStatusWriter, type StatusWriter } from './status-writer.ts';

const observeDeadlineMs = 30_000;
/** When a change of resources that the node had no room for is tried again. */
const resizeRetryMs = 5000;
/** How long the address and the containers that are made may wait for the first one that runs, so that all is one write. */
const startPatienceMs = 250;

export interface WorkerOptions {
  readonly pod: V1Pod;
  /** True for a pod that only the runtime knows: it is taken down, and nothing is written to the API. */
  readonly orphan: boolean;
  readonly signal: AbortSignal;
}

export interface PodView {
  readonly pod: V1Pod;
  /** True once the node has said whether the pod may run here. */
  readonly admitted: boolean;
  readonly state: PodState;
  readonly observed: Observed;
  /** What was reported last; undefined before the first round. */
  readonly status?: V1PodStatus | undefined;
  readonly probeCounts?: readonly ProbeCount[];
}

/** Why the node ends a pod; `graceSeconds` at most. */
export interface EndOrder {
  readonly reason: 'Evicted' | 'Preempting' | 'Terminated';
  readonly message: string;
  readonly graceSeconds: number;
}

export interface PodWorker {
  readonly id: PodId;
  /** A newer API object. */
  update(pod: V1Pod): void;
  /** The API object is gone, whether or not it was this worker that deleted it. */
  removed(): void;
  /** Something happened to the pod: look again. */
  wake(): void;
  /** The node ends the pod, as Failed. With it goes a warning. */
  end(order: EndOrder): void;
  /** What kept its volumes from being set up or taken down may be over. */
  retryVolumes(): void;
  /** A config map or secret that the pod refers to has changed. */
  referencesChanged(): void;
  readonly references: ReadonlySet<string>;
  readonly view: PodView;
  /** True when the informer has said that the API object is gone. */
  readonly apiGone: boolean;
  /** Runs until the pod is gone from this node (true) or the signal fires (false). */
  run(): Promise<boolean>;
}

export const createPodWorker = (context: PodContext, options: WorkerOptions): PodWorker => new Worker(context, options);

class Worker implements PodWorker {
  readonly id: PodId;
  readonly #context: PodContext;
  readonly #log: Logger;
  readonly #controller: AbortController;
  readonly #unlink: () => void;
  readonly #latch: Latch;
  readonly #operations: Operations;
  readonly #status: StatusWriter;
  readonly #probes: PodProbes;
  readonly #actor: Actor;
  /** What the API knew of its containers when this kubelet met the pod. */
  readonly #statusesBefore: readonly V1ContainerStatus[];
  readonly #bornMs: number;
  readonly #startTimeMs: number;
  readonly #ended = new Map<string, ContainerStatus>();
  /** Runs whose back-off has been told. */
  readonly #told = new Set<string>();
  /** Resources that were changed in place, by container id. After a restart they are set once more, which changes nothing. */
  readonly #resources = new Map<string, string>();
  readonly #replaced = new Set<string>();
  #resize: ResizeVerdict | undefined;
  #pod: V1Pod;
  /** Nothing more is written: deleted by this worker, or seen gone. */
  #apiGone: boolean;
  #goneSeen = false;
  #admitted = false;
  /** Set while it waits for the room that others are to make. */
  #roomAtMs: number | undefined;
  #state: PodState = { at: 'syncing' };
  #observed: Observed = nothingObserved;
  #volumes: PlanInput['volumes'] = 'unknown';
  #refreshAtMs: number | undefined;
  /** Something that is in the volumes has changed since they were last written, or began to be. */
  #volumesStale = false;
  #reported: V1PodStatus | undefined;
  #references: ReadonlySet<string>;
  #hashes: ReadonlyMap<string, string>;

  constructor(context: PodContext, { pod, orphan, signal: parent }: WorkerOptions) {
    const { clock, tasks } = context;
    this.id = podIdOf(pod);
    this.#context = context;
    this.#statusesBefore = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
    this.#pod = pod;
    this.#apiGone = orphan;
    this.#reported = pod.status;
    this.#references = referencesOf(pod);
    this.#hashes = hashesOf(pod);
    this.#log = context.log.with({ pod: `${this.id.namespace}/${this.id.name}` });
    const { controller, unlink } = childController(parent);
    this.#controller = controller;
    this.#unlink = unlink;
    const { signal } = controller;
    setMaxListeners(0, signal);
    this.#latch = createLatch(clock, signal);
    this.#operations = createOperations({ clock, tasks, log: this.#log }, { signal, onEnd: this.#latch.wake });
    this.#status = createStatusWriter({ client: context.client, clock, log: this.#log, tasks, signal }, pod);
    this.#bornMs = clock.nowMs();
    this.#startTimeMs = (pod.status?.startTime ? parseTime(pod.status.startTime) : undefined) ?? this.#bornMs;
    this.#probes = this.#makeProbes(signal);
    this.#actor = this.#makeActor();
  }

  get references(): ReadonlySet<string> {
    return this.#references;
  }

  get view(): PodView {
    const { counts: probeCounts } = this.#probes;
    return { pod: this.#pod, admitted: this.#admitted, state: this.#state, observed: this.#observed, status: this.#reported, probeCounts };
  }

  get apiGone(): boolean {
    return this.#goneSeen;
  }

  wake(): void {
    this.#latch.wake();
  }

  update(next: V1Pod): void {
    const old = this.#pod;
    const described =
      !sameJson(next.metadata?.labels, old.metadata?.labels) || !sameJson(next.metadata?.annotations, old.metadata?.annotations);
    const specified = !sameJson(next.spec, old.spec);
    const changed =
      described ||
      specified ||
      next.metadata?.deletionTimestamp !== old.metadata?.deletionTimestamp ||
      next.metadata?.deletionGracePeriodSeconds !== old.metadata?.deletionGracePeriodSeconds;
    this.#pod = next;
    this.#status.seen(next);
    if (specified) {
      this.#references = referencesOf(next);
      this.#hashes = hashesOf(next);
    }
    if (described) this.#renewVolumes();
    // What this worker has written itself comes back here: only a change by others is news.
    const gated = (next.spec?.readinessGates?.length ?? 0) > 0;
    if (changed || gated || isStatic(next) || next.status?.phase !== this.#reported?.phase) this.wake();
  }

  removed(): void {
    this.#goneSeen = true;
    this.#apiGone = true;
    this.#status.close();
    this.wake();
  }

  end({ reason, message, graceSeconds: graceMax }: EndOrder): void {
    if (this.#state.at !== 'syncing') return;
    this.#emit()('Warning', reason, message);
    this.#probes.hold(['startup', 'liveness']);
    const nowMs = this.#context.clock.nowMs();
    const graceSeconds = Math.min(graceMax, graceSecondsFor(this.#pod));
    this.#state = step(this.#state, { is: 'failed', nowMs, graceSeconds, reason, message });
    this.wake();
  }

  referencesChanged(): void {
    this.#operations.forgive((subject, failure) => subject !== 'mount' && failure.reason !== 'CreateContainerConfigError');
    this.#renewVolumes();
    this.wake();
  }

  retryVolumes(): void {
    const { failures } = this.#operations;
    if (!failures.has('mount') && !failures.has('unmount')) return;
    this.#operations.forgive((subject) => subject !== 'mount' && subject !== 'unmount');
    this.wake();
  }

  #renewVolumes(): void {
    this.#volumesStale = true;
    if (this.#volumes === 'mounted') this.#refreshAtMs = this.#context.clock.nowMs();
  }

  async run(): Promise<boolean> {
    try {
      const gone = await this.#loop();
      if (gone) await this.#context.files.remove(this.id);
      return gone;
    } finally {
      this.#probes.stop();
      this.#controller.abort(new StoppedError('pod worker'));
      this.#unlink();
    }
  }

  #makeProbes(signal: AbortSignal): PodProbes {
    const { clock, random, tasks, probes: ports } = this.#context;
    const onUnhealthy = (target: ProbeTargetContainer, message: string) => this.#emit(target.spec.name)('Warning', 'Unhealthy', message);
    return createPodProbes({ ports, clock, random, tasks, signal, onChange: this.#latch.wake, onUnhealthy });
  }

  #makeActor(): Actor {
    return createActor(this.#context, {
      operations: this.#operations,
      status: this.#status,
      wake: this.#latch.wake,
      pod: () => this.#pod,
      observed: () => this.#observed,
      facts: () => this.#facts(),
      onVolumesBegin: () => {
        this.#volumesStale = false;
      },
      onVolumes: (next, refreshAtMs) => {
        this.#volumes = next;
        this.#refreshAtMs = this.#volumesStale && next === 'mounted' ? this.#context.clock.nowMs() : refreshAtMs;
      },
      onResized: (id, resources) => void this.#resources.set(id, resources),
      onApiGone: () => {
        this.#apiGone = true;
        this.#status.close();
      },
    });
  }

  #emit(container?: string): EmitEvent {
    const found = container === undefined ? undefined : containersOf(this.#pod).find((one) => one.spec.name === container);
    return emitterFor(this.#context.recorder, this.#pod, found);
  }

  #facts(): RunningFacts {
    const { hostIPs, allocatable } = this.#context;
    return { podIPs: isHostNetwork(this.#pod) ? hostIPs : (this.#observed.sandbox?.ips ?? []), hostIPs, allocatable };
  }

  #take(event: PodEvent): void {
    const old: PodState = this.#state;
    this.#state = step(old, event);
    if (old.at !== 'syncing' || this.#state === old) return;
    // A pod on its way out is not restarted by a probe.
    this.#probes.hold(['startup', 'liveness']);
    if (event.is === 'failed' && this.#pod.status?.phase !== 'Failed') this.#emit()('Normal', event.reason, event.message);
  }

  /** Once, before anything is done for the pod: the node may refuse it. One that ran here before is not asked about again. */
  #admit(nowMs: number): void {
    if (this.#admitted && this.#roomAtMs === undefined) return;
    this.#admitted = true;
    this.#roomAtMs = undefined;
    const known = this.#observed.sandboxes.length > 0 || this.#pod.status?.startTime !== undefined;
    if (known || this.#apiGone || this.#pod.metadata?.deletionTimestamp) return;
    const refused = this.#context.admit(this.#pod);
    if (!refused) return;
    if ('untilMs' in refused) {
      this.#roomAtMs = refused.untilMs;
      return;
    }
    this.#emit()('Warning', refused.reason, refused.message);
    const message = `Pod was rejected: ${refused.message}`;
    this.#state = step(this.#state, { is: 'failed', nowMs, graceSeconds: 0, reason: refused.reason, message });
  }

  #takeApi(): void {
    const nowMs = this.#context.clock.nowMs();
    this.#admit(nowMs);
    for (const event of eventsFromApi(this.#pod, nowMs, this.#startTimeMs)) this.#take(event);
    if (!this.#apiGone) return;
    this.#take({ is: 'deleted', nowMs, graceSeconds: graceSecondsFor(this.#pod) });
    this.#take({ is: 'removedFromApi' });
  }

  #syncProbes(): void {
    const podIP = this.#facts().podIPs[0] ?? '';
    const running: ProbedContainer[] = [];
    for (const { kind, spec } of containersOf(this.#pod)) {
      const run = latestRun(this.#observed, spec.name);
      if (run?.state !== 'running' || kind === 'init' || kind === 'ephemeral') continue;
      running.push({ id: run.id, spec, podIP, startedAtMs: run.startedAtMs, known: knownBefore(run, this.#bornMs, this.#statusesBefore) });
    }
    this.#probes.sync(this.#state.at === 'gone' ? [] : running);
  }

  #judgeResize(): void {
    const { containers } = this.#observed;
    for (const id of this.#resources.keys()) if (!containers.some((run) => run.id === id)) this.#resources.delete(id);
    const resized = this.#state.at === 'syncing' && resizedContainers(this.#pod, this.#observed, this.#resources).length > 0;
    this.#resize = resized ? this.#context.resizable(this.#pod) : undefined;
  }

  /** Plans until the state stands still: ending the last container may already end the pod. */
  #decide(): Plan {
    for (;;) {
      const nowMs = this.#context.clock.nowMs();
      const before = this.#state;
      const made = plan({
        pod: this.#pod,
        state: before,
        observed: this.#observed,
        volumes: this.#volumes,
        probes: this.#probes.results,
        failures: this.#operations.failures,
        busy: this.#operations.busy,
        hashes: this.#hashes,
        resources: this.#resources,
        resize: this.#resize,
        replaced: this.#replaced,
        restartDelayMaxMs: this.#context.restartDelayMaxMs,
        nowMs,
      });
      if (made.finished) this.#take({ is: 'finished', nowMs, graceSeconds: graceSecondsFor(this.#pod) });
      if (made.stopped) this.#take({ is: 'stopped' });
      if (this.#apiGone) this.#take({ is: 'removedFromApi' });
      if (this.#state === before) return made;
    }
  }

  #report(): void {
    if (this.#apiGone) return;
    const starting = [...this.#operations.busy.keys()].filter((subject) => subject.startsWith('start/'));
    this.#reported = podStatus({
      pod: this.#pod,
      before: this.#reported,
      state: this.#state,
      observed: this.#observed,
      probes: this.#probes.results,
      failures: this.#operations.failures,
      busyStarts: new Set(starting.map((subject) => subject.slice('start/'.length))),
      over: this.#state.at !== 'syncing' && starting.length === 0 && !this.#observed.containers.some(isLive),
      startTimeMs: this.#startTimeMs,
      resources: this.#resources,
      resize: this.#resize,
      hashes: this.#hashes,
      replaced: this.#replaced,
      recursiveReadOnly: canMountRecursively(this.#context.runtimeFeatures()),
      hostIPs: this.#context.hostIPs,
      nowMs: this.#context.clock.nowMs(),
    });
    this.#status.set(this.#reported, this.#isStarting(starting) ? startPatienceMs : 0);
  }

  /** True while nothing of the pod has run yet and all goes well: what its sandbox and its first containers change is told together. */
  #isStarting(starts: readonly string[]): boolean {
    const pending = (this.#status.phase ?? 'Pending') === 'Pending';
    return pending && starts.length > 0 && this.#state.at === 'syncing' && this.#operations.failures.size === 0;
  }

  /** True when this kubelet has asked for the end of the run. */
  #isStopping(run: ContainerStatus): boolean {
    return this.#state.at !== 'syncing' || this.#operations.busy.has(`container/${run.id}`);
  }

  #tellBackoffs(): void {
    const { containers } = this.#observed;
    for (const id of this.#told) if (!containers.some((one) => one.id === id)) this.#told.delete(id);
    for (const id of this.#replaced) if (!containers.some((one) => one.id === id)) this.#replaced.delete(id);
    if (this.#state.at !== 'syncing') return;
    const now = { pod: this.#pod, hashes: this.#hashes, replaced: this.#replaced, nowMs: this.#context.clock.nowMs() };
    for (const container of containersOf(this.#pod)) {
      const { name } = container.spec;
      const run = latestRun(this.#observed, name);
      if (run?.state !== 'exited' || this.#told.has(run.id) || !runsAgain(now, container, run)) continue;
      if (restartOf(run, now).is !== 'waiting') continue;
      this.#told.add(run.id);
      this.#emit(name)('Warning', 'BackOff', `Back-off restarting failed container ${name} in pod ${podText(this.id)}`);
    }
  }

  /** One round. `over`: the pod has left this node. */
  async #round(): Promise<{ readonly over: boolean; readonly wakeAtMs: number | undefined }> {
    const { runtime, clock } = this.#context;
    this.#observed = await observe({
      runtime,
      uid: this.id.uid,
      deadlineMs: observeDeadlineMs,
      signal: this.#controller.signal,
      ended: this.#ended,
      onEnded: (run) => completeEnd(this.#context, run, { stopping: this.#isStopping(run), signal: this.#controller.signal }),
      isFinal: (run) => !mayBeOom(run, clock.nowMs()),
    });
    this.#takeApi();
    // Nothing is told of it meanwhile: a kubelet that is started anew judges it anew.
    if (this.#roomAtMs !== undefined && this.#state.at === 'syncing') return { over: false, wakeAtMs: this.#roomAtMs };
    if (this.#state.at !== 'syncing' && !this.#observed.containers.some(isLive)) this.#context.madeRoom();
    this.#syncProbes();
    this.#judgeResize();
    const made = this.#decide();
    if (made.removed) return { over: true, wakeAtMs: undefined };
    this.#tellBackoffs();
    for (const action of made.actions) {
      if (action.do === 'killContainer' && action.replaced) this.#replaced.add(action.id);
      this.#actor.start(action);
    }
    const syncing = this.#state.at === 'syncing';
    // The end of a refresh that is under way wakes the loop by itself.
    const idle = this.#volumes === 'mounted' && !this.#operations.busy.has('refresh');
    const refreshAtMs = syncing && idle ? this.#refreshAtMs : undefined;
    if (refreshAtMs !== undefined && refreshAtMs <= clock.nowMs()) this.#actor.refreshVolumes();
    this.#report();
    const times = [made.wakeAtMs, syncing ? deadlineMs(this.#pod, this.#startTimeMs) : undefined, refreshAtMs];
    if (this.#resize && this.#resize.is !== 'go') times.push(clock.nowMs() + resizeRetryMs);
    return { over: false, wakeAtMs: earliest(times) };
  }

  async #loop(): Promise<boolean> {
    const { signal } = this.#controller;
    const { clock } = this.#context;
    const backoff = new Backoff({ baseMs: 250, maxMs: 5000 });
    while (!signal.aborted) {
      let wakeAtMs: number | undefined;
      try {
        const done = await this.#round();
        if (done.over) return true;
        backoff.reset();
        wakeAtMs = done.wakeAtMs;
      } catch (error) {
        if (signal.aborted) break;
        this.#log.warn('Cannot look at a pod', { error: errorText(error) });
        wakeAtMs = clock.nowMs() + backoff.nextMs();
      }
      await this.#latch.wait(wakeAtMs);
    }
    return false;
  }
}

const earliest = (times: readonly (number | undefined)[]): number | undefined =>
  times.reduce((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a), undefined);

const hashesOf = (pod: V1Pod): ReadonlyMap<string, string> =>
  new Map(containersOf(pod).map(({ spec }) => [spec.name, containerHash(spec)]));

/** What the API knew about a container that ran before this kubelet did. */
function knownBefore(run: ContainerStatus, bornMs: number, statuses: readonly V1ContainerStatus[]): ProbedContainer['known'] {
  if (run.startedAtMs >= bornMs) return undefined;
  const status = statuses.find((one) => one.containerID === containerIdText(run.id));
  return status ? { started: status.started === true, ready: status.ready } : undefined;
}
