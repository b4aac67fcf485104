// How fast, and how far, an autoscaler may go where its metrics want it: stabilization windows, scaling policies, the bounds. Pure.
// Source: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#configurable-scaling-behavior
import type { V2HorizontalPodAutoscalerBehavior, V2HPAScalingRules } from '../../api/mod.ts';

interface Recommendation {
  readonly atMs: number;
  readonly replicas: number;
}
interface Change {
  readonly atMs: number;
  /** Replicas added; negative when they were taken away. */
  readonly by: number;
}

/** What an autoscaler remembers of its past; a restart begins it anew, with the present size as the first recommendation. */
export interface Past {
  readonly recommendations: readonly Recommendation[];
  readonly changes: readonly Change[];
}

export interface Wish {
  readonly current: number;
  /** What the metrics want. */
  readonly desired: number;
  readonly min: number;
  readonly max: number;
  readonly behavior: V2HorizontalPodAutoscalerBehavior | undefined;
  readonly past: Past;
  readonly nowMs: number;
}

interface Reason {
  readonly reason: string;
  readonly message: string;
}

export interface Normalized {
  readonly replicas: number;
  readonly able: Reason;
  readonly limited: Reason & { readonly status: 'True' | 'False' };
  readonly past: Past;
}

/** Source: --horizontal-pod-autoscaler-downscale-stabilization */
const downWindowSeconds = 300;
/** Without a behaviour: so many times the present size at once, but this many in any case. */
const upFactor = 2;
const upAtLeast = 4;

const inRange: Reason = { reason: 'DesiredWithinRange', message: 'the desired count is within the acceptable range' };
const tooMany: Reason = { reason: 'TooManyReplicas', message: 'the desired replica count is more than the maximum replica count' };
const tooFew: Reason = { reason: 'TooFewReplicas', message: 'the desired replica count is less than the minimum replica count' };
const upLimit: Reason = { reason: 'ScaleUpLimit', message: 'the desired replica count is increasing faster than the maximum scale rate' };
const downLimit: Reason = {
  reason: 'ScaleDownLimit',
  message: 'the desired replica count is decreasing faster than the maximum scale rate',
};
const readyForScale: Reason = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' };
const upStabilized: Reason = {
  reason: 'ScaleUpStabilized',
  message: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
};
const downStabilized: Reason = {
  reason: 'ScaleDownStabilized',
  message: 'recent recommendations were higher than current one, applying the highest recent recommendation',
};

export const pastOf = (replicas: number, nowMs: number): Past => ({ recommendations: [{ atMs: nowMs, replicas }], changes: [] });

export function normalize(wish: Wish): Normalized {
  const { desired, past, nowMs } = wish;
  const { replicas: stable, reason } = stabilize(wish);
  const limits = wish.behavior ? limitsOf(wish, stable) : plainLimits(wish);
  const [replicas, limited] = clamp(stable, limits);
  return {
    replicas,
    able: stable === desired ? readyForScale : reason,
    limited: { ...limited, status: replicas === stable ? 'False' : 'True' },
    past: { ...past, recommendations: [...recent(wish), { atMs: nowMs, replicas: desired }] },
  };
}

/** The past after a scale that was carried out. */
export function changed(past: Past, change: Change, behavior: V2HorizontalPodAutoscalerBehavior | undefined): Past {
  if (!behavior) return past;
  const periods = [behavior.scaleUp, behavior.scaleDown].flatMap((rules) => (rules?.policies ?? []).map((one) => one.periodSeconds));
  const keptMs = Math.max(0, ...periods) * 1000;
  return { ...past, changes: [...past.changes.filter(({ atMs }) => change.atMs - atMs <= keptMs), change] };
}

const upWindowOf = ({ behavior }: Wish): number => (behavior?.scaleUp?.stabilizationWindowSeconds ?? 0) * 1000;
const downWindowOf = ({ behavior }: Wish): number => (behavior?.scaleDown?.stabilizationWindowSeconds ?? downWindowSeconds) * 1000;

const recent = (wish: Wish): readonly Recommendation[] => {
  const keptMs = Math.max(upWindowOf(wish), downWindowOf(wish));
  return wish.past.recommendations.filter(({ atMs }) => wish.nowMs - atMs < keptMs);
};

/** Up no further than any recommendation of the one window, down no further than any of the other. */
function stabilize(wish: Wish): { readonly replicas: number; readonly reason: Reason } {
  const { current, desired, behavior, nowMs } = wish;
  const within = (windowMs: number) => recent(wish).flatMap(({ atMs, replicas }) => (nowMs - atMs < windowMs ? [replicas] : []));
  const highest = Math.max(desired, ...within(downWindowOf(wish)));
  if (!behavior) return { replicas: highest, reason: downStabilized };
  const lowest = Math.min(desired, ...within(upWindowOf(wish)));
  return { replicas: Math.min(Math.max(current, lowest), highest), reason: desired >= current ? upStabilized : downStabilized };
}

/** The bounds with the reasons that they give when they bind. */
interface Limits {
  readonly low: number;
  readonly whyLow: Reason;
  readonly high: number;
  readonly whyHigh: Reason;
}

function clamp(replicas: number, { low, whyLow, high, whyHigh }: Limits): readonly [number, Reason] {
  if (replicas < low) return [low, whyLow];
  return replicas > high ? [high, whyHigh] : [replicas, inRange];
}

function plainLimits({ current, min, max }: Wish): Limits {
  const fastest = Math.max(upFactor * current, upAtLeast);
  const high = Math.min(max, fastest);
  return { low: min, whyLow: tooFew, high, whyHigh: max > fastest ? upLimit : tooMany };
}

function limitsOf(wish: Wish, stable: number): Limits {
  const { current, min, max, behavior } = wish;
  const fastestUp = Math.max(current, furthest(wish, behavior?.scaleUp, 'up'));
  const fastestDown = Math.min(current, furthest(wish, behavior?.scaleDown, 'down'));
  // The rate binds only in the direction that it is gone in.
  const low = stable < current ? Math.max(min, fastestDown) : Number.NEGATIVE_INFINITY;
  const high = stable > current ? Math.min(max, fastestUp) : Number.POSITIVE_INFINITY;
  return { low, whyLow: min < fastestDown ? downLimit : tooFew, high, whyHigh: max > fastestUp ? upLimit : tooMany };
}

/** The size that the policies let it have at most, or at least, counted from where each policy's period began. */
function furthest({ current, past, nowMs }: Wish, rules: V2HPAScalingRules | undefined, way: 'up' | 'down'): number {
  const { selectPolicy = 'Max', policies = [] } = rules ?? {};
  if (selectPolicy === 'Disabled') return current;
  const proposals = policies.map(({ type, value, periodSeconds }) => {
    const recently = past.changes.filter(({ atMs }) => nowMs - atMs < periodSeconds * 1000);
    const began = current - recently.reduce((sum, { by }) => sum + by, 0);
    if (way === 'up') return type === 'Pods' ? began + value : Math.ceil((began * (100 + value)) / 100);
    return type === 'Pods' ? began - value : Math.trunc((began * (100 - value)) / 100);
  });
  // "Max" is the greatest change: the largest size going up, the smallest going down.
  return (selectPolicy === 'Min') === (way === 'up') ? Math.min(...proposals) : Math.max(...proposals);
}
