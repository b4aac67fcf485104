// What a pod's disruption budget says of its eviction, and the accounting that keeps two evictions from using one allowance.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
import {
  compileLabelSelector,
  type Draft,
  forbidden,
  internalError,
  poddisruptionbudgets,
  StatusError,
  setCondition,
  type V1Pod,
  type V1PodDisruptionBudget,
} from '../../api/mod.ts';
import type { RequestContext } from '../request.ts';
import type { Services } from './services.ts';
import { transform } from './transform.ts';

/** More evictions than this that the controller has not confirmed are not handed out. Source: upstream's MaxDisruptedPodSize. */
const disruptedPodsMax = 2_000;

export interface EvictionCheck {
  readonly services: Services;
  readonly context: RequestContext;
  readonly pod: V1Pod;
  readonly dryRun: boolean;
  readonly nowTime: string;
}

/** Takes one disruption from the budget. Throws the StatusError with which the eviction is refused: 429, 403 or 500. */
export async function useBudget({ services, context, pod, dryRun, nowTime }: EvictionCheck): Promise<void> {
  const resource = services.registry.find(poddisruptionbudgets);
  if (!resource || needsNoBudget(pod)) return;
  const { namespace, name: podName = '' } = pod.metadata ?? {};
  const budgets = resource.cache
    .page({ namespace })
    .entries.map((entry) => entry.object as V1PodDisruptionBudget)
    .filter((budget) => compileLabelSelector(budget.spec?.selector)(pod.metadata?.labels));
  const [budget] = budgets;
  if (!budget) return;
  if (budgets.length > 1) {
    throw internalError(new Error('This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.'));
  }
  if (isUnhealthyAndFree(pod, budget)) return;
  const name = budget.metadata?.name ?? '';
  const change = (draft: V1PodDisruptionBudget) => take(draft as Draft<V1PodDisruptionBudget>, { podName, nowTime });
  await transform({ services, resource, namespace, name, dryRun, context, change: (draft) => change(draft as V1PodDisruptionBudget) });
}

/** Pods that do not run yet, have ended, or are going anyway. */
const needsNoBudget = ({ status, metadata }: V1Pod): boolean =>
  ['Succeeded', 'Failed', 'Pending'].includes(status?.phase ?? '') || metadata?.deletionTimestamp !== undefined;

function isUnhealthyAndFree(pod: V1Pod, { spec, status }: V1PodDisruptionBudget): boolean {
  const ready = pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  if (ready) return false;
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  return (status?.desiredHealthy ?? 0) > 0 && (status?.currentHealthy ?? 0) >= (status?.desiredHealthy ?? 0);
}

function take(budget: Draft<V1PodDisruptionBudget>, { podName, nowTime }: { readonly podName: string; readonly nowTime: string }): boolean {
  const { metadata, status } = budget;
  const name = metadata?.name ?? '';
  const subject = { group: 'policy', resource: 'poddisruptionbudgets', name };
  if (!status || (status.observedGeneration ?? 0) < (metadata?.generation ?? 0)) {
    throw refused(`The disruption budget ${name} is still being processed by the server.`, 10);
  }
  const allowed = status.disruptionsAllowed ?? 0;
  if (allowed < 0) throw forbidden(subject, 'pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > disruptedPodsMax) {
    throw forbidden(subject, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  }
  if (allowed === 0) {
    throw refused(
      `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`,
      undefined,
    );
  }
  status.disruptionsAllowed = allowed - 1;
  status.disruptedPods = { ...status.disruptedPods, [podName]: nowTime };
  if (status.disruptionsAllowed === 0) {
    const observedGeneration = metadata?.generation;
    const condition = {
      type: 'DisruptionAllowed',
      status: 'False',
      reason: 'InsufficientPods',
      message: '',
      lastTransitionTime: nowTime,
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
    };
    status.conditions = setCondition(status.conditions, condition, nowTime) as Draft<typeof status.conditions>;
  }
  return true;
}

const refused = (cause: string, retryAfterSeconds: number | undefined): StatusError =>
  new StatusError({
    code: 429,
    reason: 'TooManyRequests',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: {
      causes: [{ reason: 'DisruptionBudget', message: cause }],
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
  });
