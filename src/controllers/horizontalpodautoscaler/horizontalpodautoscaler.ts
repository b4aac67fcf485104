// The HorizontalPodAutoscaler controller: each quarter of a minute it asks what the pods of a target use, and sets the target's replicas.
import {
  compileSelector,
  equal,
  formatSelector,
  formatTime,
  horizontalpodautoscalers,
  type Persisted,
  parseSelector,
  setCondition,
  type V1Pod,
  type V1Scale,
  type V2HorizontalPodAutoscaler,
  type V2HorizontalPodAutoscalerStatus,
} from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { type Again, type Client, cacheKeyOf, type EventRecorder, type Informer, referenceTo } from '../../client/mod.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { podType } from '../runtime/resource-types.ts';
import { changed, type Past, pastOf } from './behavior.ts';
import { createMetricsSource, type MetricsSource } from './metrics-source.ts';
import { ableToScale, type Condition, combine, planByMetrics, planWithoutMetrics, type Step, scalingActive, toleranceOf } from './plan.ts';
import { propose } from './proposal.ts';
import { createTargets, type Target, type Targets } from './targets.ts';

type Autoscaler = Persisted<V2HorizontalPodAutoscaler>;
type Status = V2HorizontalPodAutoscalerStatus;

/** Source: --horizontal-pod-autoscaler-sync-period */
const syncMs = 15_000;

/** What is remembered of each autoscaler, by its key. */
interface Memory {
  readonly past: Past;
  /** Of its target's pods, for the others to see. */
  readonly selector: string;
}

interface Parts {
  readonly context: ControllerContext;
  readonly autoscalers: Informer<V2HorizontalPodAutoscaler>;
  readonly pods: Informer<V1Pod>;
  readonly events: EventRecorder;
  readonly targets: Targets;
  readonly source: MetricsSource;
  readonly memory: Map<string, Memory>;
}

/** `aggregated` reaches custom and external metrics, wherever they are. */
export async function runHorizontalPodAutoscalerController(
  context: ControllerContext & { readonly aggregated: Pick<Client, 'call'> },
): Promise<void> {
  const autoscalers = context.informers.of(horizontalpodautoscalers);
  const pods = context.informers.of(podType);
  const targets = createTargets(context);
  const source = createMetricsSource({ ...context, resourceOf: (reference) => targets.resourceOf(reference) });
  const memory = new Map<string, Memory>();
  const controller = startController(context, {
    name: 'horizontal-pod-autoscaler',
    caches: [cache(autoscalers), cache(pods)],
    reconcile: (key, signal) =>
      reconcile({ context: { ...context, signal }, autoscalers, pods, events: controller.events, targets, source, memory }, key),
  });
  controller.on(autoscalers, ({ old, next }) => {
    // Its own status is no news: the next look comes by the clock.
    if (old && next && equal(old.spec, next.spec) && old.metadata.uid === next.metadata.uid) return;
    const object = next ?? old;
    if (object) controller.queue.add(cacheKeyOf(object));
  });
  await controller.stopped;
}

async function reconcile(parts: Parts, key: string): Promise<Again> {
  const autoscaler = parts.autoscalers.get(key);
  if (!autoscaler) {
    parts.memory.delete(key);
    return done;
  }
  const look = new Look(parts, key, autoscaler);
  await look.run();
  await writeStatus(parts, autoscaler, look.status);
  return againAfter(syncMs);
}

/** One look at one autoscaler. Its status grows on the way, so that whatever ends the look is told. */
class Look {
  status: Status;
  readonly #parts: Parts;
  readonly #key: string;
  readonly #autoscaler: Autoscaler;

  constructor(parts: Parts, key: string, autoscaler: Autoscaler) {
    this.#parts = parts;
    this.#key = key;
    this.#autoscaler = autoscaler;
    this.status = autoscaler.status ?? { desiredReplicas: 0 };
  }

  async run(): Promise<void> {
    const found = await this.#findTarget();
    if (!found) return;
    const { target, scale } = found;
    this.#tell(ableToScale('True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale"));
    const current = scale.spec?.replicas ?? 0;
    this.status = { ...this.status, currentReplicas: current };
    const { clock } = this.#parts.context;
    const { past = pastOf(current, clock.nowMs()) } = this.#parts.memory.get(this.#key) ?? {};
    this.#remember({ past });
    const plain = planWithoutMetrics(this.#autoscaler, current);
    if (plain) this.status = { ...this.status, currentMetrics: undefined };
    const step = plain ?? (await this.#planByMetrics(scale, current, past));
    if (!step) return;
    for (const condition of step.conditions) this.#tell(condition);
    if (step.do === 'scale') await this.#scale(target, scale, step);
    else this.status = { ...this.status, desiredReplicas: current };
  }

  async #findTarget(): Promise<{ readonly target: Target; readonly scale: V1Scale } | undefined> {
    const { targets } = this.#parts;
    const reference = this.#autoscaler.spec?.scaleTargetRef ?? { kind: '', name: '' };
    try {
      const resource = await targets.resourceOf(reference);
      if (!resource) throw new Error(`no matches for kind "${reference.kind}" in version "${reference.apiVersion ?? ''}"`);
      const target: Target = { resource, namespace: this.#autoscaler.metadata.namespace ?? '', name: reference.name };
      return { target, scale: await targets.scaleOf(target) };
    } catch (error) {
      const text = errorText(error);
      this.#warn('FailedGetScale', text);
      this.#tell(ableToScale('False', 'FailedGetScale', `the HPA controller was unable to get the target's current scale: ${text}`));
      return undefined;
    }
  }

  async #planByMetrics(scale: V1Scale, current: number, past: Past): Promise<Step | undefined> {
    const { clock } = this.#parts.context;
    const { metrics = [] } = this.#autoscaler.spec ?? {};
    const { namespace = '' } = this.#autoscaler.metadata;
    const chosen = this.#choosePods(scale);
    if (!chosen) return undefined;
    const input = {
      ...{ namespace, source: this.#parts.source, selector: chosen.selector, pods: chosen.pods, specReplicas: current },
      ...{ statusReplicas: scale.status?.replicas ?? 0, tolerance: toleranceOf(this.#autoscaler), nowMs: clock.nowMs() },
    };
    const proposals = await Promise.all(metrics.map((metric) => propose(input, metric)));
    for (const one of proposals) if (one.is === 'invalid') this.#warn(one.reason, one.message);
    const wanted = combine(proposals, current);
    this.#tell(wanted.condition);
    this.status = { ...this.status, currentMetrics: wanted.statuses };
    if (wanted.is === 'unknown') {
      this.#warn('FailedComputeMetricsReplicas', wanted.problem);
      return undefined;
    }
    const plan = planByMetrics({ autoscaler: this.#autoscaler, current, wanted, past, nowMs: clock.nowMs() });
    this.#remember({ past: plan.past });
    return plan.step;
  }

  /** The target's pods; undefined when its selector says nothing, or another autoscaler is at work on them. */
  #choosePods({ status }: V1Scale): { readonly selector: string; readonly pods: readonly V1Pod[] } | undefined {
    const { selector = '' } = status ?? {};
    const { namespace = '' } = this.#autoscaler.metadata;
    if (selector === '') {
      this.#warn('SelectorRequired', 'selector is required');
      this.#tell(scalingActive('False', 'InvalidSelector', "the HPA target's scale is missing a selector"));
      return undefined;
    }
    try {
      const parsed = parseSelector(selector);
      const matches = compileSelector(parsed);
      const pods = this.#parts.pods.list(namespace).filter(({ metadata }) => matches(metadata.labels));
      this.#remember({ selector });
      const rivals = this.#rivalsFor(pods);
      if (rivals.length <= 1) return { selector, pods };
      const message = `pods by selector ${formatSelector(parsed)} are controlled by multiple HPAs: [${rivals.join(' ')}]`;
      this.#warn('AmbiguousSelector', message);
      this.#tell(scalingActive('False', 'AmbiguousSelector', message));
    } catch (error) {
      const message = `couldn't convert selector into a corresponding internal selector object: ${errorText(error)}`;
      this.#warn('InvalidSelector', message);
      this.#tell(scalingActive('False', 'InvalidSelector', message));
    }
    return undefined;
  }

  /** Every autoscaler whose selector finds one of these pods, this one among them. */
  #rivalsFor(pods: readonly V1Pod[]): readonly string[] {
    const prefix = `${this.#autoscaler.metadata.namespace}/`;
    const rivals: string[] = [];
    for (const [key, { selector }] of this.#parts.memory) {
      if (!key.startsWith(prefix) || selector === '') continue;
      const matches = compileSelector(parseSelector(selector));
      if (pods.some(({ metadata }) => matches(metadata?.labels))) rivals.push(key);
    }
    return rivals.sort();
  }

  async #scale(target: Target, scale: V1Scale, step: Extract<Step, { do: 'scale' }>): Promise<void> {
    const { targets, context, events } = this.#parts;
    const size = `New size: ${step.replicas}; reason: ${step.reason}`;
    try {
      await targets.setReplicas(target, scale, step.replicas);
    } catch (error) {
      const text = errorText(error);
      this.#warn('FailedRescale', `${size}; error: ${text}`);
      this.#tell(ableToScale('False', 'FailedUpdateScale', `the HPA controller was unable to update the target scale: ${text}`));
      return;
    }
    const message = `the HPA controller was able to update the target scale to ${step.replicas}`;
    this.#tell(ableToScale('True', 'SucceededRescale', message));
    events.record(referenceTo(horizontalpodautoscalers, this.#autoscaler), 'Normal', 'SuccessfulRescale', size);
    const nowMs = context.clock.nowMs();
    const by = step.replicas - (scale.spec?.replicas ?? 0);
    const past = this.#parts.memory.get(this.#key)?.past ?? pastOf(step.replicas, nowMs);
    this.#remember({ past: changed(past, { atMs: nowMs, by }, this.#autoscaler.spec?.behavior) });
    this.status = { ...this.status, desiredReplicas: step.replicas, lastScaleTime: formatTime(nowMs) };
  }

  #remember(what: Partial<Memory>): void {
    const known = this.#parts.memory.get(this.#key);
    const { clock } = this.#parts.context;
    this.#parts.memory.set(this.#key, { past: pastOf(this.status.currentReplicas ?? 0, clock.nowMs()), selector: '', ...known, ...what });
  }

  #warn(reason: string, message: string): void {
    this.#parts.events.record(referenceTo(horizontalpodautoscalers, this.#autoscaler), 'Warning', reason, message);
  }

  #tell(condition: Condition): void {
    const nowTime = formatTime(this.#parts.context.clock.nowMs());
    this.status = { ...this.status, conditions: setCondition<Condition>(this.status.conditions, condition, nowTime) };
  }
}

async function writeStatus({ context }: Parts, autoscaler: Autoscaler, status: Status): Promise<void> {
  if (equal(status, autoscaler.status)) return;
  await context.client.updateStatus(horizontalpodautoscalers, { ...autoscaler, status }, { signal: context.signal });
}
