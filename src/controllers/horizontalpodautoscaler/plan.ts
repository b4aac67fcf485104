// What an autoscaler does next: the replicas that its metrics want, within its bounds and at its pace. Pure.
import type { V2HorizontalPodAutoscaler, V2HorizontalPodAutoscalerCondition, V2MetricStatus } from '../../api/mod.ts';
import { parseQuantity, toNumber } from '../../api/mod.ts';
import { normalize, type Past } from './behavior.ts';
import type { Proposal } from './proposal.ts';
import type { Tolerance } from './replica-count.ts';

export type Condition = V2HorizontalPodAutoscalerCondition;

const condition = (type: string, status: 'True' | 'False', { reason, message }: { reason: string; message: string }): Condition => ({
  ...{ type, status, reason, message },
});
export const ableToScale = (status: 'True' | 'False', reason: string, message: string) =>
  condition('AbleToScale', status, { reason, message });
export const scalingActive = (status: 'True' | 'False', reason: string, message: string) =>
  condition('ScalingActive', status, { reason, message });

/** Source: --horizontal-pod-autoscaler-tolerance */
const toleranceDefault = 0.1;

export function toleranceOf({ spec }: V2HorizontalPodAutoscaler): Tolerance {
  const said = (text: string | undefined) => (text === undefined ? toleranceDefault : toNumber(parseQuantity(text)));
  return { up: said(spec?.behavior?.scaleUp?.tolerance), down: said(spec?.behavior?.scaleDown?.tolerance) };
}

export const minReplicasOf = ({ spec }: V2HorizontalPodAutoscaler): number => spec?.minReplicas ?? 1;

/** What is decided before any metric is read; undefined when the metrics decide. */
export function planWithoutMetrics(autoscaler: V2HorizontalPodAutoscaler, current: number): Step | undefined {
  const min = minReplicasOf(autoscaler);
  const max = autoscaler.spec?.maxReplicas ?? 0;
  if (current === 0 && min !== 0) {
    const message = 'scaling is disabled since the replica count of the target is zero';
    return { do: 'stay', conditions: [scalingActive('False', 'ScalingDisabled', message)] };
  }
  if (current > max) return { do: 'scale', replicas: max, reason: 'Current number of replicas above Spec.MaxReplicas', conditions: [] };
  if (current < min) return { do: 'scale', replicas: min, reason: 'Current number of replicas below Spec.MinReplicas', conditions: [] };
  return undefined;
}

export type Step =
  | { readonly do: 'stay'; readonly conditions: readonly Condition[] }
  | { readonly do: 'scale'; readonly replicas: number; readonly reason: string; readonly conditions: readonly Condition[] };

/** All metrics together: the largest of what they want. */
export type Combined = { readonly statuses: readonly V2MetricStatus[]; readonly condition: Condition; readonly problem?: string } & (
  | { readonly is: 'known'; readonly replicas: number; readonly metric: string }
  | { readonly is: 'unknown'; readonly problem: string }
);

export function combine(proposals: readonly Proposal[], current: number): Combined {
  const invalid = proposals.filter((one) => one.is === 'invalid');
  const valid = proposals.filter((one) => one.is === 'valid');
  const statuses = proposals.map((one) => (one.is === 'valid' ? one.status : { type: '' }));
  const best = valid.reduce<(typeof valid)[number] | undefined>(
    (most, one) => (most && most.replicas >= one.replicas ? most : one),
    undefined,
  );
  const [first] = invalid;
  const problem = first && `invalid metrics (${invalid.length} invalid out of ${proposals.length}), first error is: ${first.message}`;
  // A metric that is not known might want more: nothing is taken away without it.
  if (first && problem !== undefined && (!best || best.replicas < current)) {
    const message = `the HPA was unable to compute the replica count: ${first.message}`;
    return { is: 'unknown', statuses, condition: scalingActive('False', first.reason, message), problem };
  }
  const { replicas = 0, metric = '' } = best ?? {};
  const message = `the HPA was able to successfully calculate a replica count from ${metric}`;
  const found = scalingActive('True', 'ValidMetricFound', message);
  return { is: 'known', replicas, metric, statuses, condition: found, ...(problem === undefined ? {} : { problem }) };
}

export interface PlanInput {
  readonly autoscaler: V2HorizontalPodAutoscaler;
  readonly current: number;
  /** What the metrics want, and the one that wants most. */
  readonly wanted: { readonly replicas: number; readonly metric: string };
  readonly past: Past;
  readonly nowMs: number;
}

export function planByMetrics({ autoscaler, current, wanted, past, nowMs }: PlanInput): { readonly step: Step; readonly past: Past } {
  const { behavior, maxReplicas: max = 0 } = autoscaler.spec ?? {};
  const normal = normalize({ current, desired: wanted.replicas, min: minReplicasOf(autoscaler), max, behavior, past, nowMs });
  const conditions = [condition('AbleToScale', 'True', normal.able), condition('ScalingLimited', normal.limited.status, normal.limited)];
  if (normal.replicas === current) return { step: { do: 'stay', conditions }, past: normal.past };
  const above = wanted.replicas > current ? `${wanted.metric} above target` : '';
  const reason = wanted.replicas < current ? 'All metrics below target' : above;
  return { step: { do: 'scale', replicas: normal.replicas, reason, conditions }, past: normal.past };
}
