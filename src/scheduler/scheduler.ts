// The scheduler: takes pods that have no node from the queue, decides, and has the decision written while it goes on.
import { equal, formatTime, nodes, pods, type V1Node, type V1Pod } from '../api/mod.ts';
import { type Clock, errorText, type Logger, onAbort, type Random, Tasks } from '../base/mod.ts';
import { type Client, createEventRecorder, type EventRecorder, type Informers, referenceTo } from '../client/mod.ts';
import { SchedulerCache } from './cache.ts';
import { defaultConfiguration, type SchedulerConfiguration } from './config/configuration.ts';
import { decide, type FitFailure, fitMessage } from './decide.ts';
import { DecisionLog, type ExplainPod, explain, recordOf } from './explain.ts';
import type { CycleState, Plugin, PostFilterResult, Profile, Verdict } from './framework.ts';
import type { AttemptResult, SchedulerMetrics } from './metrics.ts';
import { preempt } from './preempt.ts';
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
}

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
  readonly #queue: SchedulingQueue;
  readonly #recorder: EventRecorder;
  readonly #tasks: Tasks;
  readonly #log = new DecisionLog();
  #startAt = 0;
  #inFlight = 0;
  #wake: (() => void) | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { configuration = defaultConfiguration } = options;
    const profiles = createProfiles(options, configuration);
    this.#profiles = new Map(profiles.map((profile) => [profile.schedulerName, profile]));
    const plugins = new Map(profiles.flatMap((profile) => profile.plugins.map(({ plugin }) => [plugin.name, plugin] as const)));
    this.#queue = new SchedulingQueue({
      ...configuration,
      clock: options.clock,
      plugins: [...plugins.values()],
      onReady: () => this.#notify(),
    });
    options.metrics?.countPending(() => this.#queue.pending());
    this.#recorder = createEventRecorder({ ...options, component: 'default-scheduler' });
    this.#tasks = new Tasks(options.log);
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
    if (!next) return this.#cache.removeNode(old?.metadata?.name ?? '');
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
        clock,
      })
    );
  }

  async run(): Promise<void> {
    const { signal, clock } = this.#options;
    const off = onAbort(signal, () => this.#notify());
    for (let decisions = 1; !signal.aborted; decisions++) {
      const queued = this.#inFlight < inFlightMax ? this.#queue.pop() : undefined;
      if (queued) this.#schedule(queued);
      else await this.#idle();
      if (queued && decisions % decisionsPerTurn === 0) await clock.yield();
    }
    off();
  }

  async stop(): Promise<void> {
    this.#queue.close();
    await this.#tasks.settled();
    await this.#recorder.stopped;
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

  #schedule(queued: QueuedPod): void {
    const { pod } = queued;
    const startMs = this.#options.clock.monotonicMs();
    const profile = this.#profiles.get(pod.spec?.schedulerName ?? '');
    if (!profile) return this.#queue.delete(pod);
    const state: CycleState = new Map();
    const decision = decide(pod, state, {
      plugins: profile.plugins,
      snapshot: this.#cache,
      random: this.#options.random,
      startAt: this.#startAt,
      percentageOfNodesToScore: profile.percentageOfNodesToScore,
    });
    switch (decision.is) {
      case 'node':
        this.#startAt += decision.evaluated;
        this.#cache.nominate(pod, undefined);
        this.#cache.assume(pod, decision.name);
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
          this.#reportFailure(pod, 'SchedulerError', `running ${decision.plugin}: ${errorText(decision.error)}`),
        );
    }
  }

  /** No node fits: others may have to make room; people and programs are told. */
  #noNode(pod: V1Pod, profile: Profile, why: FitFailure): void {
    const { random } = this.#options;
    const texts = [fitMessage(why)];
    let room: Extract<PostFilterResult, { is: 'possible' }> | undefined;
    for (const { plugin } of profile.plugins) {
      const result = plugin.postFilter?.(pod, { plugins: profile.plugins, snapshot: this.#cache, failed: why.verdicts, random });
      if (result?.is === 'futile') texts.push(result.text);
      if (result?.is === 'possible') room ??= result;
    }
    this.#queue.failed(pod, why.plugins);
    this.#cache.nominate(pod, room?.nodeName);
    this.#inBackground('report', () => this.#reportFailure(pod, 'Unschedulable', texts.join(' '), room?.nodeName));
    if (room) {
      const { nodeName, victims } = room;
      for (const victim of victims)
        this.#inBackground('preempt', () => preempt({ ...this.#options, recorder: this.#recorder }, { pod, victim, nodeName }));
    }
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
    const plugins = profile.plugins.map(({ plugin }) => plugin);
    const undo = (why: string) => {
      for (const plugin of [...plugins].reverse()) plugin.unreserve?.(state, pod, nodeName);
      return why;
    };
    for (const plugin of plugins) {
      const refused = refusal(plugin.reserve?.(state, pod, nodeName)) ?? refusal(await plugin.permit?.(state, pod, nodeName, signal));
      if (refused !== undefined) return undo(refused);
    }
    const refused = await this.#preBind(pod, nodeName, state, plugins);
    if (refused !== undefined) return undo(refused);
    for (const plugin of plugins) {
      const verdict = await plugin.bind?.(state, pod, nodeName, signal);
      if (!verdict || verdict.is === 'skip') continue;
      const refused = refusal(verdict);
      if (refused !== undefined) return undo(refused);
      for (const each of plugins) each.postBind?.(state, pod, nodeName);
      return undefined;
    }
    return undo('no plugin binds');
  }

  /** Gives why it failed. Who waits for others (a volume that is being made) leaves its place to the next meanwhile. */
  async #preBind(pod: V1Pod, nodeName: string, state: CycleState, plugins: readonly Plugin[]): Promise<string | undefined> {
    const waits = plugins.some((plugin) => plugin.waitsLong?.(state) === true);
    if (waits) {
      this.#inFlight--;
      this.#notify();
    }
    try {
      for (const plugin of plugins) {
        const refused = refusal(await plugin.preBind?.(state, pod, nodeName, this.#options.signal));
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
