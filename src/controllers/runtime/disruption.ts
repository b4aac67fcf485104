// The condition that tells a pod's owner that the pod is ended for the cluster's reasons, not for its own.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
import {
  formatTime,
  getCondition,
  type Persisted,
  setCondition,
  type V1Pod,
  type V1PodCondition,
  type V1PodStatus,
} from '../../api/mod.ts';
import type { ControllerContext } from './controller.ts';
import { podType } from './resource-types.ts';

export interface DisruptionReason {
  readonly reason: string;
  readonly message: string;
}

/** Sets DisruptionTarget, and `more` of the status with it. Does nothing when the condition stands and there is no more. */
export async function disrupt(
  { client, clock, signal }: ControllerContext,
  pod: Persisted<V1Pod>,
  said: DisruptionReason,
  more: Partial<V1PodStatus> = {},
): Promise<void> {
  const standing = getCondition(pod.status?.conditions, 'DisruptionTarget');
  if (standing?.status === 'True' && standing.reason === said.reason && Object.keys(more).length === 0) return;
  const condition: V1PodCondition = { type: 'DisruptionTarget', status: 'True', ...said };
  const conditions = setCondition<V1PodCondition>(pod.status?.conditions, condition, formatTime(clock.nowMs()));
  await client.updateStatus(podType, { ...pod, status: { ...pod.status, ...more, conditions } }, { signal });
}
