// Rules for pods' status, as the kubelet and the scheduler write it.
import type { V1ContainerStatus, V1Pod } from '../generated/types.gen.ts';
import type { WriteContext } from '../kind.ts';
import { type FieldError, forbiddenField, invalidValue } from '../meta/field-error.ts';
import { dnsSubdomainProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { addProblems, immutableProblem } from '../meta/validate-metadata.ts';
import { qosClassOf } from './pod-qos.ts';

/** podIP is the old form of podIPs: one that is given alone fills in the other. */
export function syncPodIPs(pod: Draft<V1Pod>): void {
  const status = pod.status;
  if (status === undefined) return;
  if ((status.podIPs ?? []).length === 0) {
    if (status.podIP) status.podIPs = [{ ip: status.podIP }];
  } else if (!status.podIP && status.podIPs?.[0]?.ip) status.podIP = status.podIPs[0].ip;
}

/** The status of a new pod: pending, with its quality-of-service class, and held back while it has gates. */
export function initPodStatus(pod: Draft<V1Pod>, context: WriteContext): void {
  const gated = (pod.spec?.schedulingGates ?? []).length > 0;
  pod.status = { phase: 'Pending' };
  if (gated) {
    pod.status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        lastProbeTime: null as unknown as string,
        lastTransitionTime: context.nowTime,
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
      },
    ];
  }
  pod.status.qosClass = qosClassOf(pod.spec as V1Pod['spec']);
}

/** A container that has ended for good does not come back. */
function validateTransitions(
  next: readonly V1ContainerStatus[] | undefined,
  old: readonly V1ContainerStatus[] | undefined,
  restartPolicy: string | undefined,
  errors: FieldError[],
): void {
  if (restartPolicy === 'Always') return;
  old?.forEach((before) => {
    const terminated = before.state?.terminated;
    if (terminated === undefined || (terminated.exitCode !== 0 && restartPolicy === 'OnFailure')) return;
    const i = next?.findIndex((status) => status.name === before.name) ?? -1;
    if (i >= 0 && next?.[i]?.state?.terminated === undefined) {
      errors.push(forbiddenField(`status.containerStatuses[${i}].state`, 'may not be transitioned to non-terminated state'));
    }
  });
}

export function validatePodStatusUpdate(next: V1Pod, old: V1Pod): FieldError[] {
  const errors: FieldError[] = [];
  const { nominatedNodeName = '', qosClass } = next.status ?? {};
  if ((next.spec?.nodeName ?? '') !== (old.spec?.nodeName ?? '')) {
    errors.push(forbiddenField('status.nodeName', 'may not be changed directly'));
  }
  if (nominatedNodeName !== '') addProblems(errors, 'status.nominatedNodeName', nominatedNodeName, dnsSubdomainProblems(nominatedNodeName));
  // Pods that can restart single containers by rule may bring an ended one back.
  const hasRules = next.spec?.containers?.some(
    (container) => (container.restartPolicyRules ?? []).length > 0 || container.restartPolicy !== undefined,
  );
  if (!hasRules) validateTransitions(next.status?.containerStatuses, old.status?.containerStatuses, next.spec?.restartPolicy, errors);
  if (qosClass !== old.status?.qosClass) errors.push(invalidValue('status.qosClass', qosClass, immutableProblem));
  return errors;
}
