// What admission, and not defaulting, adds to a new pod. Pure: each function changes the draft as its plugin does.
import type { V1Pod, V1Toleration } from '../generated/types.gen.ts';
import type { Draft } from '../meta/object.ts';

const defaultTolerationSeconds = 300;
const toleratedTaints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;

const tolerates = (toleration: V1Toleration, key: string): boolean =>
  (toleration.key === key || (toleration.key ?? '') === '') && (toleration.effect === 'NoExecute' || (toleration.effect ?? '') === '');

/** DefaultTolerationSeconds: a pod stays for five minutes on a node that is not ready or out of reach, unless it says otherwise. */
export function addDefaultTolerations(pod: Draft<V1Pod>): void {
  if (pod.spec === undefined) return;
  const missing = toleratedTaints.filter((key) => !(pod.spec?.tolerations ?? []).some((toleration) => tolerates(toleration, key)));
  if (missing.length === 0) return;
  pod.spec.tolerations = [
    ...(pod.spec.tolerations ?? []),
    ...missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: defaultTolerationSeconds })),
  ];
}

/** What a PriorityClass says. */
export interface PodPriority {
  readonly value: number;
  readonly preemptionPolicy: string;
  readonly className?: string | undefined;
}

/** What holds where no class is named and none is the global default. */
export const noPriorityClass: PodPriority = { value: 0, preemptionPolicy: 'PreemptLowerPriority' };

/** The two classes that every cluster has. */
export const systemPriorityClasses: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

/** Priority: writes the numbers of the pod's class into the pod. The caller has looked the class up. */
export function setPriority(pod: Draft<V1Pod>, priority: PodPriority = noPriorityClass): void {
  if (pod.spec === undefined) return;
  if (priority.className !== undefined) pod.spec.priorityClassName = priority.className;
  pod.spec.priority = priority.value;
  pod.spec.preemptionPolicy ??= priority.preemptionPolicy;
}

/** ServiceAccount: a pod that names no account runs as `default`. Mirror pods of the kubelet have none. */
export function setServiceAccountName(pod: Draft<V1Pod>): void {
  if (pod.spec === undefined || pod.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined) return;
  if ((pod.spec.serviceAccountName ?? '') !== '') return;
  pod.spec.serviceAccountName = 'default';
  pod.spec.serviceAccount = 'default';
}
