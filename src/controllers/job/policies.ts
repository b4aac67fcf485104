// What a Job makes of failed pods (podFailurePolicy), and when it is done early (successPolicy). Pure.
import type { V1ContainerStatus, V1Job, V1Pod, V1PodFailurePolicyRule } from '../../api/mod.ts';
import { countCommon, countOf, type Indexes, parseIndexes } from './indexes.ts';
import { isFailed } from './pods.ts';

export type FailureAction = 'Count' | 'FailIndex' | 'FailJob' | 'Ignore';

export interface FailureVerdict {
  /** Whether the failure counts towards the back-off limit. */
  readonly counts: boolean;
  /** Undefined: no rule matched. */
  readonly action: FailureAction | undefined;
  /** Why the job fails, for FailJob. */
  readonly message: string | undefined;
}

/** The first rule that matches decides. */
export function judgeFailure(job: V1Job, pod: V1Pod): FailureVerdict {
  const rules = job.spec?.podFailurePolicy?.rules ?? [];
  for (const [at, rule] of rules.entries()) {
    const reason = matchRule(rule, pod);
    if (reason === undefined) continue;
    const action = rule.action as FailureAction;
    const message = action === 'FailJob' ? `${reason} matching ${action} rule at index ${at}` : undefined;
    return { counts: action !== 'Ignore', action, message };
  }
  return { counts: true, action: undefined, message: undefined };
}

function matchRule(rule: V1PodFailurePolicyRule, pod: V1Pod): string | undefined {
  const name = `${pod.metadata?.namespace ?? ''}/${pod.metadata?.name ?? ''}`;
  if (rule.onExitCodes !== undefined) {
    const container = findExit(rule.onExitCodes, pod);
    if (!container) return undefined;
    return `Container ${container.name} for pod ${name} failed with exit code ${container.state?.terminated?.exitCode}`;
  }
  const pattern = (rule.onPodConditions ?? []).find(({ type, status = 'True' }) =>
    pod.status?.conditions?.some((condition) => condition.type === type && condition.status === status),
  );
  return pattern && `Pod ${name} has condition ${pattern.type}`;
}

function findExit(wanted: NonNullable<V1PodFailurePolicyRule['onExitCodes']>, pod: V1Pod): V1ContainerStatus | undefined {
  const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  return all.find(({ name, state }) => {
    const code = state?.terminated?.exitCode;
    // A container that ended well never fails a pod.
    if (code === undefined || code === 0 || (wanted.containerName !== undefined && wanted.containerName !== name)) return false;
    return wanted.values.includes(code) === (wanted.operator === 'In');
  });
}

/** Why one of the failed pods fails the whole job, if any does. */
export function failJobMessage(job: V1Job, pods: readonly V1Pod[]): string | undefined {
  if (job.spec?.podFailurePolicy === undefined) return undefined;
  for (const pod of pods) {
    if (!isFailed(pod, job)) continue;
    const { message } = judgeFailure(job, pod);
    if (message !== undefined) return message;
  }
  return undefined;
}

/** Which rule of the success policy is met, in words. */
export function metSuccessPolicy(job: V1Job, succeeded: Indexes): string | undefined {
  const completions = job.spec?.completions ?? 0;
  const rules = job.spec?.successPolicy?.rules ?? [];
  const at = rules.findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return countOf(succeeded) >= (succeededCount ?? Number.POSITIVE_INFINITY);
    const required = parseIndexes(succeededIndexes, completions);
    return countCommon(succeeded, required) >= (succeededCount ?? countOf(required));
  });
  return at < 0 ? undefined : `Matched rules at index ${at}`;
}
