// Small questions about a pod's spec that plan and status both ask, so that they cannot answer differently.
import type { V1Container, V1Pod } from '../../api/mod.ts';

export type ContainerKind = 'init' | 'sidecar' | 'main' | 'ephemeral';

export interface SpecContainer {
  readonly kind: ContainerKind;
  readonly spec: V1Container;
}

export const isSidecar = (container: V1Container): boolean => container.restartPolicy === 'Always';

/** Every container of the pod: init containers and sidecars in their order, then main ones, then ephemeral ones. */
export function containersOf(pod: V1Pod): SpecContainer[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? { containers: [] };
  return [
    ...initContainers.map((spec): SpecContainer => ({ kind: isSidecar(spec) ? 'sidecar' : 'init', spec })),
    ...containers.map((spec): SpecContainer => ({ kind: 'main', spec })),
    ...ephemeralContainers.map((spec): SpecContainer => ({ kind: 'ephemeral', spec })),
  ];
}

/** The path of a container in the pod, for an event's `involvedObject.fieldPath`. */
export function fieldPathOf(of: SpecContainer): string {
  const list = of.kind === 'main' ? 'containers' : of.kind === 'ephemeral' ? 'ephemeralContainers' : 'initContainers';
  return `spec.${list}{${of.spec.name}}`;
}

export const isHostNetwork = (pod: V1Pod): boolean => pod.spec?.hostNetwork === true;

/** True when a container that exited with `exitCode` is to be started again. Source: KEP-127 of pod lifecycle; restartPolicyRules: KEP-5307. */
export function restartsAfterExit(pod: V1Pod, of: SpecContainer, exitCode: number): boolean {
  if (of.kind === 'ephemeral') return false;
  if (of.kind === 'sidecar') return true;
  for (const rule of of.spec.restartPolicyRules ?? []) {
    const codes = rule.exitCodes;
    const listed = codes?.values?.includes(exitCode) === true;
    if (rule.action === 'Restart' && codes && (codes.operator === 'NotIn' ? !listed : listed)) return true;
  }
  const policy = of.spec.restartPolicy ?? pod.spec?.restartPolicy ?? 'Always';
  if (policy === 'Never') return false;
  // An init container that has succeeded is done, whatever the policy.
  if (policy === 'OnFailure' || of.kind === 'init') return exitCode !== 0;
  return true;
}

/** Seconds that the pod's containers get to stop: what the deletion says, else the spec. */
export function graceSecondsFor(pod: V1Pod): number {
  return pod.metadata?.deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30;
}

/** At or above it a pod is critical. Source: `SystemCriticalPriority` of the scheduling API. */
const systemCriticalPriority = 2_000_000_000;
/** The machine needs the pod: pressure does not keep it out, and it is the last one to go. */
export const isCritical = (pod: V1Pod): boolean =>
  (pod.spec?.priority ?? 0) >= systemCriticalPriority || pod.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined;
