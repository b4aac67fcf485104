// How many replicas one metric wants. Pure.
// Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
import { getCondition, milliValueOf, timeMs, type V1Pod } from '../../api/mod.ts';
import { isReady } from '../runtime/pods.ts';

/** One pod's part of a metric, in thousandths. */
export interface PodValue {
  readonly milli: number;
  readonly atMs: number;
  readonly windowMs: number;
}
/** By pod name. */
export type PodValues = ReadonlyMap<string, PodValue>;

/** How far from the target, as a part of it, nothing is done. */
export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

/** Of the pods that the target's selector finds. */
export interface PodsInput {
  readonly pods: readonly V1Pod[];
  readonly values: PodValues;
  readonly currentReplicas: number;
  readonly tolerance: Tolerance;
  readonly nowMs: number;
}

export interface Count {
  readonly replicas: number;
  /** What a pod uses on average, in thousandths. */
  readonly averageMilli: number;
  /** Percent of what is requested. */
  readonly utilization?: number;
}

/** The metric says nothing; the message is upstream's. */
export class MetricError extends Error {
  override readonly name = 'MetricError';
}

/** While a pod starts its use of cpu tells nothing about its load. Source: --horizontal-pod-autoscaler-cpu-initialization-period */
const cpuInitializationMs = 300_000;
/** A pod that became unready so soon after its start has never been ready. Source: --horizontal-pod-autoscaler-initial-readiness-delay */
const initialReadinessMs = 30_000;

interface Groups {
  readonly ready: number;
  /** Not to be counted as what they use now. */
  readonly unready: ReadonlySet<string>;
  /** They run, but nobody has measured them. */
  readonly missing: ReadonlySet<string>;
  readonly counted: PodValues;
}

const nameOf = (pod: V1Pod): string => pod.metadata?.name ?? '';

export function groupPods({ pods, values, nowMs }: Pick<PodsInput, 'pods' | 'values' | 'nowMs'>, isCpu: boolean): Groups {
  const unready = new Set<string>();
  const missing = new Set<string>();
  const counted = new Map(values);
  let ready = 0;
  for (const pod of pods) {
    const name = nameOf(pod);
    const value = values.get(name);
    if (pod.metadata?.deletionTimestamp !== undefined || pod.status?.phase === 'Failed') counted.delete(name);
    else if (pod.status?.phase === 'Pending') unready.add(name);
    else if (!value) missing.add(name);
    else if (isCpu && isStarting(pod, value, nowMs)) unready.add(name);
    else ready++;
  }
  for (const name of unready) counted.delete(name);
  return { ready, unready, missing, counted };
}

function isStarting(pod: V1Pod, value: PodValue, nowMs: number): boolean {
  const condition = getCondition(pod.status?.conditions, 'Ready');
  const startTime = pod.status?.startTime;
  if (!condition || startTime === undefined) return true;
  const startedMs = timeMs(startTime);
  const changedMs = timeMs(condition.lastTransitionTime);
  const notReady = condition.status === 'False';
  if (startedMs + cpuInitializationMs > nowMs) return notReady || value.atMs < changedMs + value.windowMs;
  return notReady && startedMs + initialReadinessMs > changedMs;
}

/** What a pod asks for of a resource, in thousandths; of one container where it is named. Throws {@link MetricError}. */
function requestOf(pod: V1Pod, resource: string, container: string | undefined): number {
  const whole = container === undefined ? pod.spec?.resources?.requests?.[resource] : undefined;
  if (whole !== undefined) return milliValueOf(whole);
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const counted = [...containers, ...initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')];
  let milli = 0;
  for (const { name, resources } of counted) {
    if (container !== undefined && container !== name) continue;
    const request = resources?.requests?.[resource];
    if (request === undefined) throw new MetricError(`missing request for ${resource} in container ${name} of Pod ${nameOf(pod)}`);
    milli += milliValueOf(request);
  }
  return milli;
}

const within = (ratio: number, { up, down }: Tolerance): boolean => ratio >= 1 - down && ratio <= 1 + up;

/** Undefined when nobody's values are known. */
type Measure = (values: PodValues) => { readonly ratio: number; readonly count: Omit<Count, 'replicas'> };

/** What both kinds of targets share: what pods that are not known count as depends on which way it goes. */
function countReplicas(input: PodsInput, groups: Groups, of: { measure: Measure; fullMilli: (name: string) => number }): Count {
  const { currentReplicas, tolerance } = input;
  const { ready, unready, missing, counted } = groups;
  if (counted.size === 0) throw new MetricError('did not receive metrics for any ready pods');
  const { ratio, count } = of.measure(counted);
  const stay: Count = { replicas: currentReplicas, ...count };
  const fillsUnready = unready.size > 0 && ratio > 1;
  if (!fillsUnready && missing.size === 0) {
    return within(ratio, tolerance) ? stay : { replicas: Math.ceil(ratio * ready), ...count };
  }
  const filled = new Map(counted);
  const fill = (name: string, milli: number) => filled.set(name, { milli, atMs: input.nowMs, windowMs: 0 });
  // Going down, an unknown pod uses all that it may; going up, nothing: both ways it holds back.
  for (const name of missing) if (ratio !== 1) fill(name, ratio < 1 ? of.fullMilli(name) : 0);
  if (fillsUnready) for (const name of unready) fill(name, 0);
  const again = of.measure(filled).ratio;
  const turned = (ratio < 1 && again > 1) || (ratio > 1 && again < 1);
  if (within(again, tolerance) || turned) return stay;
  const replicas = Math.ceil(again * filled.size);
  const goesBack = (again < 1 && replicas > currentReplicas) || (again > 1 && replicas < currentReplicas);
  return goesBack ? stay : { replicas, ...count };
}

const sum = (values: PodValues): number => [...values.values()].reduce((total, { milli }) => total + milli, 0);

function refuseNone(pods: readonly V1Pod[]): void {
  if (pods.length === 0) throw new MetricError('no pods returned by selector while calculating replica count');
}

/** A target in percent of what pods request. Throws {@link MetricError}. */
export function countByUtilization(
  input: PodsInput,
  of: { readonly resource: string; readonly container?: string | undefined; readonly targetPercent: number },
): Count {
  const { resource, container, targetPercent } = of;
  refuseNone(input.pods);
  const groups = groupPods(input, resource === 'cpu');
  const requests = new Map(input.pods.map((pod) => [nameOf(pod), requestOf(pod, resource, container)]));
  const measure: Measure = (values) => {
    const known = new Map([...values].filter(([name]) => requests.has(name)));
    const requested = [...known.keys()].reduce((total, name) => total + (requests.get(name) ?? 0), 0);
    if (requested === 0) throw new MetricError('no metrics returned matched known pods');
    const utilization = Math.trunc((sum(known) * 100) / requested);
    return { ratio: utilization / targetPercent, count: { utilization, averageMilli: Math.trunc(sum(known) / known.size) } };
  };
  return countReplicas(input, groups, { measure, fullMilli: (name) => requests.get(name) ?? 0 });
}

/** A target a pod, in thousandths. Throws {@link MetricError}. */
export function countByAverage(input: PodsInput, of: { readonly resource?: string; readonly targetMilli: number }): Count {
  refuseNone(input.pods);
  const groups = groupPods(input, of.resource === 'cpu');
  const measure: Measure = (values) => {
    const averageMilli = Math.trunc(sum(values) / values.size);
    return { ratio: averageMilli / of.targetMilli, count: { averageMilli } };
  };
  return countReplicas(input, groups, { measure, fullMilli: () => of.targetMilli });
}

/** A target for a value that is not the pods' own. */
export function countByValue(
  input: Omit<PodsInput, 'values' | 'nowMs'>,
  of: { readonly milli: number; readonly targetMilli: number },
): number {
  const ratio = of.milli / of.targetMilli;
  // With no pods there is nothing to be in proportion to.
  if (input.currentReplicas === 0) return Math.ceil(ratio);
  if (within(ratio, input.tolerance)) return input.currentReplicas;
  refuseNone(input.pods);
  const ready = input.pods.filter((pod) => pod.status?.phase === 'Running' && isReady(pod)).length;
  return Math.ceil(ratio * ready);
}

/** A target for each pod's part of a value that is not the pods' own. `replicas`: as the target's status counts them. */
export function countByShare(of: { readonly milli: number; readonly targetMilli: number }, replicas: number, tolerance: Tolerance): Count {
  const stays = replicas > 0 && within(of.milli / (of.targetMilli * replicas), tolerance);
  return {
    replicas: stays ? replicas : Math.ceil(of.milli / of.targetMilli),
    averageMilli: replicas > 0 ? Math.ceil(of.milli / replicas) : of.milli,
  };
}
