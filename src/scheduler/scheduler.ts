// The scheduler: takes pods that have no node from the queue, decides, and has the decision written while it goes on.
import { equal, formatTime, nodes, pods, type V1Node, type V1Pod } from '../api/mod.ts';
import { type Clock, errorText, type Logger, onAbort, type Random, Tasks } from '../base/mod.ts';
import { type Client, createEventRecorder, type EventRecorder, type Informers, referenceTo } from '../client/mod.ts';
import { SchedulerCache } from './cache.ts';
import { leastHarm, priorityOf } from './candidates.ts';
import { defaultConfiguration, type SchedulerConfiguration } from './config/configuration.ts';
import { type Decision, decide, type FitFailure, fitMessage } from './decide.ts';
import { decideExtended } from './decide-extended.ts';
import { DecisionLog, type ExplainPod, explain, recordOf } from './explain.ts';
import { type ExtenderPost, Extenders, extenderName } from './extenders/extenders.ts';
import { createExtenderPost } from './extenders/http.ts';
import { type CycleState, type Plugin, type PostFilterResult, type Profile, pluginsAt, type Verdict } from './framework.ts';
import type { AttemptResult, SchedulerMetrics } from './metrics.ts';
import { podKey } from './node-info.ts';
import { PodClasses } from './pod-class.ts';
import { clearNomination, preempt } from './preempt.ts';
import { type QueuedPod, SchedulingQueue } from './queue.ts';
import { createProfiles } from './registry.ts';

/** Bindings and reports that are being written at one time; further pods wait. */
const inFlightMax = 256;
/** After so many decisions in a row others get their turn. */
const decisionsPerTurn = 32;

export interface SchedulerOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Default: upstream's default profile. */
  readonly configuration?: SchedulerConfiguration | undefined;
  readonly metrics?: SchedulerMetrics | undefined;
  /** Is given who answers why a pod is where it is, as long as this scheduler runs. */
  readonly explains?: ((explainer: ExplainPod) => void) | undefined;
  /** How extenders are asked. Default: over HTTP. */
  readonly extenderPost?: ExtenderPost | undefined;
}

/** Pods of which it is remembered what extenders had against nodes, the oldest forgotten first. */
const extendedMax = 1024;

type Room = Extract<PostFilterResult, { is: 'possible' }>;

interface Decided {
  readonly queued: QueuedPod;
  readonly profile: Profile;
  readonly startMs: number;
  readonly state: CycleState;
  readonly decision: Decision;
}

const gatesOf = (profile: Profile): readonly Plugin[] =>
  pluginsAt(profile, 'preEnqueue')
    .map(({ plugin }) => plugin)
    .filter((plugin) => plugin.preEnqueue);

const isFinished = (pod: V1Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** Schedules until the signal fires; resolves when everything that it started has ended. */
export async function runScheduler(options: SchedulerOptions): Promise<void> {
  const { informers, signal } = options;
  const scheduler = new Scheduler(options);
  const offNodes = informers.of(nodes).onChange(({ old, next }) => scheduler.nodeChanged(old, next));
  const offPods = informers.of(pods).onChange(({ old, next }) => scheduler.podChanged(old, next));
  const offPlugins = scheduler.watchForPlugins();
  try {
    await informers.synced();
    options.explains?.((pod) => scheduler.explain(pod));
    await scheduler.run();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    offPlugins();
    offPods();
    offNodes();
    await scheduler.stop();
  }
}

class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #profiles: ReadonlyMap<string, Profile>;
  readonly #cache = new SchedulerCache();
  readonly #classes = new PodClasses();
  readonly #queue: SchedulingQueue;
  readonly #recorder: EventRecorder;
  readonly #tasks: Tasks;
  readonly #log = new DecisionLog();
  /** Undefined: there are none. */
  readonly #extenders: Extenders | undefined;
  readonly #closeExtenders: () => void;
  /** What extenders had against nodes the last time, by pod: for people who ask. */
  readonly #extended = new Map<string, ReadonlyMap<string, Verdict>>();
  #startAt = 0;
  #inFlight = 0;
  #wake: (() => void) | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { configuration = defaultConfiguration } = options;
    const profiles = createProfiles(options, configuration);
    this.#profiles = new Map(profiles.map((profile) => [profile.schedulerName, profile]));
    const plugins = new Map(profiles.flatMap((profile) => profile.plugins.map(({ plugin }) => [plugin.name, plugin] as const)));
    const gates = new Map(profiles.map((profile) => [profile.schedulerName, gatesOf(profile)]));
    this.#queue = new SchedulingQueue({
      ...configuration,
      clock: options.clock,
      plugins: [...plugins.values()],
      gatesOf: (pod) => gates.get(pod.spec?.schedulerName ?? '') ?? [],
      onReady: () => this.#notify(),
    });
    options.metrics?.countPending(() => this.#queue.pending());
    this.#recorder = createEventRecorder({ ...options, component: 'default-scheduler' });
    this.#tasks = new Tasks(options.log);
    const http = configuration.extenders.length > 0 && !options.extenderPost ? createExtenderPost(options.clock) : undefined;
    const post = options.extenderPost ?? http?.post;
    this.#closeExtenders = http?.close ?? (() => {});
    if (post) this.#extenders = new Extenders({ configurations: configuration.extenders, post, log: options.log });
  }

  /** Lets plugins tell of what else happens that helps; gives what ends it. */
  watchForPlugins(): () => void {
    const plugins = [...this.#profiles.values()].flatMap((profile) => profile.plugins);
    const offs = plugins.map(({ plugin }) => plugin.watch?.((event) => this.#queue.objectChanged(event)));
    return () => {
      for (const off of offs) off?.();
    };
  }

  nodeChanged(old: V1Node | undefined, next: V1Node | undefined): void {
    if (!next) {
      this.#cache.removeNode(old?.metadata?.name ?? '');
      if (old) this.#queue.happened({ is: 'nodeGone', node: old });
      return;
    }
    this.#cache.setNode(next);
    if (!old) this.#queue.happened({ is: 'nodeAdded', node: next });
    else if (differs(old, next)) this.#queue.happened({ is: 'nodeChanged', old, node: next });
  }

  podChanged(old: V1Pod | undefined, next: V1Pod | undefined): void {
    const pod = next ?? old;
    if (!pod) return;
    const ended = !next || isFinished(next);
    if (!pod.spec?.nodeName) {
      if (ended || pod.metadata?.deletionTimestamp) {
        this.#queue.delete(pod);
        this.#cache.nominate(pod, undefined);
      } else if (this.#profiles.has(pod.spec?.schedulerName ?? '') && !this.#cache.isPlaced(pod)) this.#queue.set(pod);
      return;
    }
    this.#queue.delete(pod);
    if (ended) {
      const took = this.#cache.isPlaced(pod);
      this.#cache.removePod(pod);
      if (took) this.#queue.happened({ is: 'podGone', pod });
      return;
    }
    this.#cache.setPod(pod);
    if (!old?.spec?.nodeName) this.#queue.happened({ is: 'podBound', pod });
    else if (old.metadata?.generation !== pod.metadata?.generation) this.#queue.happened({ is: 'podChanged', old, pod });
  }

  /** Answers between two decisions: what it pretends is put back before it returns. */
  explain({ namespace, name }: Parameters<ExplainPod>[0]): ReturnType<ExplainPod> {
    const { informers, clock } = this.#options;
    const pod = informers.of(pods).get(`${namespace}/${name}`);
    return (
      pod &&
      explain(pod, {
        profile: this.#profiles.get(pod.spec?.schedulerName ?? ''),
        snapshot: this.#cache,
        waiting: this.#queue.waiting(pod),
        record: this.#log.get(pod),
        extended: this.#extended.get(podKey(pod)),
        clock,
      })
    );
  }

  async run(): Promise<void> {
    const { signal, clock } = this.#options;
    const off = onAbort(signal, () => this.#notify());
    for (let decisions = 1; !signal.aborted; decisions++) {
      const queued = this.#inFlight < inFlightMax ? this.#queue.pop() : undefined;
      // A promise that is not there costs no turn.
      const asked = queued ? this.#schedule(queued) : this.#idle();
      if (asked) await asked;
      if (queued && decisions % decisionsPerTurn === 0) await clock.yield();
    }
    off();
  }

  async stop(): Promise<void> {
    this.#queue.close();
    await this.#tasks.settled();
    await this.#recorder.stopped;
    this.#closeExtenders();
  }

  /** Resolves when the queue has something, a binding has ended, or the scheduler is stopped. */
  #idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #measure(result: AttemptResult, profile: Profile, startMs: number): void {
    const { clock, metrics } = this.#options;
    metrics?.attempt(result, profile.schedulerName, (clock.monotonicMs() - startMs) / 1000);
  }

  /** A promise only where extenders are asked: then nothing else is decided until they have answered. */
  #schedule(queued: QueuedPod): Promise<void> | undefined {
    const { pod } = queued;
    const { clock, random, signal } = this.#options;
    const startMs = clock.monotonicMs();
    const profile = this.#profiles.get(pod.spec?.schedulerName ?? '');
    if (!profile) {
      this.#queue.delete(pod);
      return undefined;
    }
    const options = { ...profile, snapshot: this.#cache, random, startAt: this.#startAt };
    const extenders = this.#extenders;
    if (!extenders?.decideOn(pod)) {
      const state: CycleState = new Map();
      this.#act({
        queued,
        profile,
        startMs,
        state,
        decision: decide(pod, state, { ...options, podClass: this.#classes.of(pod, this.#cache) }),
      });
      return undefined;
    }
    return decideExtended(pod, { ...options, extenders, signal }).then((made) => {
      // It may be gone by now, or somebody else's.
      if (!signal.aborted && this.#queue.waiting(pod) && !this.#cache.isPlaced(pod)) this.#act({ queued, profile, startMs, ...made });
    });
  }

  #act({ queued, profile, startMs, state, decision }: Decided): void {
    const { pod } = queued;
    switch (decision.is) {
      case 'node':
        this.#startAt += decision.evaluated;
        this.#cache.nominate(pod, undefined);
        this.#cache.assume(pod, decision.name);
        this.#extended.delete(podKey(pod));
        this.#log.add(pod, recordOf(this.#options.clock, decision, queued.attempts));
        return this.#inBackground('bind', async () => {
          const bound = await this.#bind(pod, decision.name, state, profile);
          this.#measure(bound ? 'scheduled' : 'error', profile, startMs);
        });
      case 'none':
        this.#measure('unschedulable', profile, startMs);
        return this.#noNode(pod, profile, decision.why);
      case 'error':
        this.#measure('error', profile, startMs);
        this.#queue.retryLater(pod);
        return this.#inBackground('report', () =>
          this.#reportFailure(
            pod,
            'SchedulerError',
            `${decision.plugin ? `running ${decision.plugin}: ` : ''}${errorText(decision.error)}`,
          ),
        );
    }
  }

  /** No node fits: others may have to make room; people and programs are told. */
  #noNode(pod: V1Pod, profile: Profile, why: FitFailure): void {
    const { random } = this.#options;
    const podClass = this.#classes.of(pod, this.#cache);
    const texts = [fitMessage(why)];
    let room: Room | undefined;
    for (const { plugin } of pluginsAt(profile, 'postFilter')) {
      const result = plugin.postFilter?.(pod, { ...profile, snapshot: this.#cache, failed: why.verdicts, podClass, random });
      if (result?.is === 'futile') texts.push(result.text);
      if (result?.is === 'possible') room ??= result;
    }
    this.#queue.failed(pod, why.plugins);
    this.#rememberExtended(pod, why);
    const found = room;
    if (!found || !this.#extenders?.preemptsFor(pod)) return this.#makeRoom(pod, texts, found);
    this.#inBackground('preempt', async () => this.#makeRoom(pod, texts, await this.#agreed(pod, found, texts)));
  }

  /** What extenders agree to of the room that was found. */
  async #agreed(pod: V1Pod, room: Room, texts: string[]): Promise<Room | undefined> {
    const podsOn = (nodeName: string) => [...(this.#cache.get(nodeName)?.pods.values() ?? [])].map((placed) => placed.pod);
    try {
      const left = await this.#extenders?.preempt(pod, room.candidates, { podsOn, signal: this.#options.signal });
      const best = leastHarm(left ?? []);
      return best && { ...room, ...best };
    } catch (error) {
      texts.push(`preemption: ${errorText(error)}`);
      return undefined;
    }
  }

  /** Tells how it stands, and has the victims go where others' going makes room. */
  #makeRoom(pod: V1Pod, texts: readonly string[], room: Room | undefined): void {
    if (room && !this.#queue.waiting(pod)) return;
    if (room) this.#takeBack(pod, room.nodeName);
    this.#cache.nominate(pod, room?.nodeName);
    this.#inBackground('report', () => this.#reportFailure(pod, 'Unschedulable', texts.join(' '), room?.nodeName));
    if (!room) return;
    const { nodeName, victims } = room;
    this.#queue.hold(pod);
    let left = victims.length;
    for (const victim of victims) {
      this.#inBackground('preempt', async () => {
        await preempt({ ...this.#options, recorder: this.#recorder }, { pod, victim, nodeName });
        if (--left === 0) this.#queue.release(pod);
      });
    }
  }

  /** Less important pods that waited for room on the node look for another one. */
  #takeBack(pod: V1Pod, nodeName: string): void {
    for (const other of this.#cache.nominatedOn(nodeName)) {
      if (podKey(other) === podKey(pod) || priorityOf(other) >= priorityOf(pod)) continue;
      this.#cache.nominate(other, undefined);
      this.#queue.activate(other);
      this.#inBackground('take back', () => clearNomination(this.#options, other));
    }
  }

  #rememberExtended(pod: V1Pod, why: FitFailure): void {
    this.#extended.delete(podKey(pod));
    if (!why.plugins.has(extenderName)) return;
    const [oldest] = this.#extended.keys();
    if (this.#extended.size >= extendedMax && oldest !== undefined) this.#extended.delete(oldest);
    const theirs = new Map<string, Verdict>();
    for (const [place, { name }] of why.verdicts.nodes.entries()) {
      const verdict = why.verdicts.at(place);
      if (verdict && 'plugin' in verdict && verdict.plugin === extenderName) theirs.set(name, verdict);
    }
    this.#extended.set(podKey(pod), theirs);
  }

  #inBackground(what: string, work: () => Promise<void>): void {
    this.#inFlight++;
    this.#tasks.run(what, this.#options.signal, async () => {
      try {
        await work();
      } finally {
        this.#inFlight--;
        this.#notify();
      }
    });
  }

  /** True when the pod is bound. */
  async #bind(pod: V1Pod, nodeName: string, state: CycleState, profile: Profile): Promise<boolean> {
    const failure = await this.#runBindingPoints(pod, nodeName, state, profile);
    if (!failure) {
      this.#queue.delete(pod);
      const name = `${pod.metadata?.namespace}/${pod.metadata?.name}`;
      this.#recorder.record(referenceTo(pods, pod), 'Normal', 'Scheduled', `Successfully assigned ${name} to ${nodeName}`);
      return true;
    }
    this.#cache.forget(pod);
    this.#queue.happened({ is: 'podGone', pod });
    this.#queue.retryLater(pod);
    if (this.#options.signal.aborted) return false;
    this.#options.log.warn('Pod could not be bound', {
      pod: `${pod.metadata?.namespace}/${pod.metadata?.name}`,
      node: nodeName,
      why: failure,
    });
    await this.#reportFailure(pod, 'SchedulerError', `binding rejected: ${failure}`);
    return false;
  }

  /** Reserve, permit, pre-bind, bind, post-bind. Gives why it failed, with every reservation undone; undefined when bound. */
  async #runBindingPoints(pod: V1Pod, nodeName: string, state: CycleState, profile: Profile): Promise<string | undefined> {
    const { signal } = this.#options;
    const reserving = pluginsAt(profile, 'reserve');
    const undo = (why: string) => {
      for (const { plugin } of [...reserving].reverse()) plugin.unreserve?.(state, pod, nodeName);
      return why;
    };
    for (const { plugin } of reserving) {
      const refused = refusal(plugin.reserve?.(state, pod, nodeName));
      if (refused !== undefined) return undo(refused);
    }
    for (const { plugin } of pluginsAt(profile, 'permit')) {
      const refused = plugin.permit && refusal(await plugin.permit(state, pod, nodeName, signal));
      if (refused !== undefined) return undo(refused);
    }
    const refused = await this.#preBind(pod, nodeName, state, profile);
    if (refused !== undefined) return undo(refused);
    const failed = await this.#bindNow(pod, nodeName, state, profile);
    if (failed !== undefined) return undo(failed);
    for (const { plugin } of pluginsAt(profile, 'postBind')) plugin.postBind?.(state, pod, nodeName);
    return undefined;
  }

  /** By an extender that binds, or by the first plugin that does not leave it to others. Gives why it failed. */
  async #bindNow(pod: V1Pod, nodeName: string, state: CycleState, profile: Profile): Promise<string | undefined> {
    const { signal } = this.#options;
    try {
      if (this.#extenders && (await this.#extenders.bind(pod, nodeName, signal))) return undefined;
    } catch (error) {
      return errorText(error);
    }
    for (const { plugin } of pluginsAt(profile, 'bind')) {
      const verdict = plugin.bind && (await plugin.bind(state, pod, nodeName, signal));
      if (verdict && verdict.is !== 'skip') return refusal(verdict);
    }
    return 'no plugin binds';
  }

  /** Gives why it failed. Who waits for others (a volume that is being made) leaves its place to the next meanwhile. */
  async #preBind(pod: V1Pod, nodeName: string, state: CycleState, profile: Profile): Promise<string | undefined> {
    const plugins = pluginsAt(profile, 'preBind');
    const waits = plugins.some(({ plugin }) => plugin.waitsLong?.(state) === true);
    if (waits) {
      this.#inFlight--;
      this.#notify();
    }
    try {
      for (const { plugin } of plugins) {
        const refused = plugin.preBind && refusal(await plugin.preBind(state, pod, nodeName, this.#options.signal));
        if (refused !== undefined) return refused;
      }
      return undefined;
    } finally {
      if (waits) this.#inFlight++;
    }
  }

  /** Says it to people by an event, and to programs by the pod's condition. */
  async #reportFailure(pod: V1Pod, reason: 'Unschedulable' | 'SchedulerError', message: string, nominatedNodeName?: string): Promise<void> {
    const { client, clock, signal, log } = this.#options;
    this.#recorder.record(referenceTo(pods, pod), 'Warning', 'FailedScheduling', message);
    const standing = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
    const told = standing?.status === 'False' && standing.reason === reason && standing.message === message;
    if (told && (nominatedNodeName === undefined || pod.status?.nominatedNodeName === nominatedNodeName)) return;
    const lastTransitionTime = standing?.status === 'False' ? standing.lastTransitionTime : formatTime(clock.nowMs());
    const condition = { type: 'PodScheduled', status: 'False', reason, message, lastTransitionTime };
    const { namespace, name = '' } = pod.metadata ?? {};
    try {
      await client.patch(
        pods,
        { namespace, name },
        'application/strategic-merge-patch+json',
        { status: { conditions: [condition], ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }) } },
        { subresource: 'status', signal },
      );
    } catch (error) {
      log.debug('Condition of an unschedulable pod could not be written', { pod: `${namespace}/${name}`, error: errorText(error) });
    }
  }
}

function refusal(verdict: Verdict | undefined): string | undefined {
  if (!verdict || verdict.is === 'success' || verdict.is === 'skip') return undefined;
  return verdict.is === 'error' ? errorText(verdict.error) : verdict.reasons.join(', ');
}

/** Whether anything changed that scheduling looks at: not the heartbeat. */
function differs(old: V1Node, next: V1Node): boolean {
  return (
    !equal(old.spec, next.spec) ||
    !equal(old.metadata?.labels, next.metadata?.labels) ||
    !equal(old.status?.allocatable, next.status?.allocatable)
  );
}
