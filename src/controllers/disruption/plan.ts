// What a disruption budget allows now: pure.
// Source: https://kubernetes.io/docs/tasks/run-application/configure-pdb/
import {
  scaledValue,
  setCondition,
  timeMs,
  type V1Condition,
  type V1Pod,
  type V1PodDisruptionBudget,
  type V1PodDisruptionBudgetStatus,
} from '../../api/mod.ts';
import { isReady } from '../runtime/pods.ts';

/** An eviction that was allowed and whose pod is still there after this long did not happen. */
export const disruptionTimeoutMs = 2 * 60 * 1000;

export interface BudgetInput {
  readonly budget: V1PodDisruptionBudget;
  /** Those that the selector matches. */
  readonly pods: readonly V1Pod[];
  /** How many pods each controller of these pods wants, each counted once; undefined when a controller cannot be asked. */
  readonly expectedScale: number | undefined;
  readonly nowMs: number;
  /** `nowMs` as Kubernetes writes times. */
  readonly nowTime: string;
}

export interface BudgetPlan {
  readonly status: V1PodDisruptionBudgetStatus;
  /** When an unconfirmed eviction runs out, in milliseconds from now. */
  readonly againMs: number | undefined;
}

/** Undefined when the budget speaks of a share of a number that is not known. */
export function planBudget(input: BudgetInput): BudgetPlan | undefined {
  const { budget, pods, nowMs } = input;
  const expected = expectedPods(input);
  if (!expected) return undefined;
  const { disruptedPods, againMs } = stillDisrupted(budget, pods, nowMs);
  const healthy = pods.filter(
    (pod) => isReady(pod) && !pod.metadata?.deletionTimestamp && disruptedPods[pod.metadata?.name ?? ''] === undefined,
  );
  const spare = healthy.length - expected.desiredHealthy;
  const disruptionsAllowed = expected.count > 0 && spare > 0 ? spare : 0;
  const observedGeneration = budget.metadata?.generation;
  const condition: V1Condition = {
    type: 'DisruptionAllowed',
    status: disruptionsAllowed > 0 ? 'True' : 'False',
    reason: disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    lastTransitionTime: input.nowTime,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  };
  return {
    status: {
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
      ...(Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {}),
      disruptionsAllowed,
      currentHealthy: healthy.length,
      desiredHealthy: expected.desiredHealthy,
      expectedPods: expected.count,
      conditions: setCondition(budget.status?.conditions, condition, input.nowTime),
    },
    againMs,
  };
}

function expectedPods({
  budget,
  pods,
  expectedScale,
}: BudgetInput): { readonly count: number; readonly desiredHealthy: number } | undefined {
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  if (maxUnavailable !== undefined) {
    if (expectedScale === undefined) return undefined;
    return { count: expectedScale, desiredHealthy: Math.max(0, expectedScale - scaledValue(maxUnavailable, expectedScale, 'up')) };
  }
  if (typeof minAvailable === 'number') return { count: pods.length, desiredHealthy: minAvailable };
  if (minAvailable === undefined) return { count: pods.length, desiredHealthy: 0 };
  if (expectedScale === undefined) return undefined;
  return { count: expectedScale, desiredHealthy: scaledValue(minAvailable, expectedScale, 'up') };
}

/** Evictions that were allowed and have not shown yet: their pods count as gone. */
function stillDisrupted(
  budget: V1PodDisruptionBudget,
  pods: readonly V1Pod[],
  nowMs: number,
): { disruptedPods: Record<string, string>; againMs: number | undefined } {
  const disruptedPods: Record<string, string> = {};
  let againMs: number | undefined;
  for (const pod of pods) {
    const name = pod.metadata?.name ?? '';
    const since = budget.status?.disruptedPods?.[name];
    if (since === undefined || pod.metadata?.deletionTimestamp) continue;
    const leftMs = timeMs(since) + disruptionTimeoutMs - nowMs;
    if (leftMs <= 0) continue;
    disruptedPods[name] = since;
    againMs = Math.min(againMs ?? leftMs, leftMs);
  }
  return { disruptedPods, againMs };
}
