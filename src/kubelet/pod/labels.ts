// The labels and annotations by which the kubelet finds its own again in the runtime's listing: its only memory across restarts.
import type { V1Pod } from '../../api/mod.ts';
import type { Container, Labels } from '../cri/runtime.ts';

export const podNameLabel = 'io.kubernetes.pod.name';
export const podNamespaceLabel = 'io.kubernetes.pod.namespace';
export const podUidLabel = 'io.kubernetes.pod.uid';
export const containerNameLabel = 'io.kubernetes.container.name';

export const containerHashAnnotation = 'io.kubernetes.container.hash';
export const restartCountAnnotation = 'io.kubernetes.container.restartCount';
export const terminationPathAnnotation = 'io.kubernetes.container.terminationMessagePath';
export const terminationPolicyAnnotation = 'io.kubernetes.container.terminationMessagePolicy';
export const graceAnnotation = 'io.kubernetes.pod.terminationGracePeriod';
/** Milliseconds that must pass after this container's exit before it is started again. */
export const restartDelayAnnotation = 'minke.dev/restart-delay-ms';

/** The requests and limits that the container was created with. */
export const appliedResourcesAnnotation = 'minke.dev/resources';

/** `init`, `sidecar`, `main` or `ephemeral`. */
export const containerKindAnnotation = 'minke.dev/container-kind';

/** What identifies a pod wherever the API object is not needed. */
export interface PodId {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

export function podIdOf(pod: V1Pod): PodId {
  return { uid: pod.metadata?.uid ?? '', namespace: pod.metadata?.namespace ?? '', name: pod.metadata?.name ?? '' };
}

/** `web_default(0b2c...)`: how upstream names a pod in messages. */
export const podText = (id: PodId): string => `${id.name}_${id.namespace}(${id.uid})`;

export function podLabels(id: PodId): Labels {
  return { [podNameLabel]: id.name, [podNamespaceLabel]: id.namespace, [podUidLabel]: id.uid };
}

/** The pod that the labels of a sandbox or container name; undefined when it is none of ours. */
export function podIdFromLabels(labels: Labels): PodId | undefined {
  const uid = labels[podUidLabel];
  if (!uid) return undefined;
  return { uid, namespace: labels[podNamespaceLabel] ?? '', name: labels[podNameLabel] ?? '' };
}

const numberOf = (text: string | undefined): number => {
  const value = Number(text ?? '0');
  return Number.isFinite(value) && value > 0 ? value : 0;
};

export const restartDelayOf = (of: Pick<Container, 'annotations'>): number => numberOf(of.annotations[restartDelayAnnotation]);
export const graceSecondsOf = (of: Pick<Container, 'annotations'>): number => numberOf(of.annotations[graceAnnotation]);
