// Validation of changes to a pod that stands: nearly all of its spec is fixed.
import type { V1Container, V1Pod, V1PodSpec, V1Toleration } from '../../generated/types.gen.ts';
import { describeDifference, sameMeaning } from '../../meta/equal.ts';
import { type FieldError, forbiddenField, invalidValue } from '../../meta/field-error.ts';
import { rangeProblem } from '../../meta/names.ts';

const deadlineMax = 2 ** 31 - 1;

/** What an update may change, in upstream's words. */
const updatable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

const withImages = (containers: readonly V1Container[] | undefined, images: readonly V1Container[] | undefined) =>
  containers?.map((container, i) => ({ ...container, image: images?.[i]?.image }));

/** The spec with every field that may change put back to what stands. */
function withoutUpdatable(next: V1PodSpec, old: V1PodSpec): unknown {
  const negativeGrace = (old.terminationGracePeriodSeconds ?? 0) < 0 && next.terminationGracePeriodSeconds === 1;
  return {
    ...next,
    containers: withImages(next.containers, old.containers),
    initContainers: withImages(next.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    tolerations: old.tolerations,
    schedulingGates: old.schedulingGates,
    ...((old.schedulingGates ?? []).length > 0 ? gatedFields(next, old) : {}),
    terminationGracePeriodSeconds: negativeGrace ? old.terminationGracePeriodSeconds : next.terminationGracePeriodSeconds,
  };
}

/** Until its gates are gone a pod may be narrowed to fewer nodes. */
function gatedFields(next: V1PodSpec, old: V1PodSpec) {
  const kept = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => next.nodeSelector?.[key] === value);
  return kept ? { nodeSelector: old.nodeSelector } : {};
}

function validateDeadline(next: number | undefined, old: number | undefined, path: string, errors: FieldError[]): void {
  if (next === undefined) {
    if (old !== undefined) errors.push(invalidValue(path, next, 'must not update from a positive integer to nil value'));
    return;
  }
  if (next < 0 || next > deadlineMax) errors.push(invalidValue(path, next, rangeProblem(0, deadlineMax)));
  else if (old !== undefined && old < next) errors.push(invalidValue(path, next, 'must be less than or equal to previous value'));
}

const withoutSeconds = ({ tolerationSeconds: _, ...rest }: V1Toleration) => rest;

/** Tolerations may be added, and the seconds of standing ones changed. */
function validateTolerations(next: readonly V1Toleration[], old: readonly V1Toleration[], path: string, errors: FieldError[]): void {
  const kept = old.every((standing) => next.some((toleration) => sameMeaning(withoutSeconds(toleration), withoutSeconds(standing))));
  if (!kept) errors.push(forbiddenField(path, 'existing toleration can not be modified except its tolerationSeconds'));
}

/** The spec of a pod that would replace `old`. What is wrong with the spec in itself is not asked here. */
export function validatePodSpecUpdate(nextPod: V1Pod, oldPod: V1Pod): FieldError[] {
  const errors: FieldError[] = [];
  const next = nextPod.spec;
  const old = oldPod.spec;
  if (next === undefined || old === undefined) return errors;
  for (const field of ['containers', 'initContainers'] as const) {
    if ((next[field] ?? []).length !== (old[field] ?? []).length) {
      errors.push(forbiddenField(`spec.${field}`, 'pod updates may not add or remove containers'));
      return errors;
    }
  }
  validateDeadline(next.activeDeadlineSeconds, old.activeDeadlineSeconds, 'spec.activeDeadlineSeconds', errors);
  validateTolerations(next.tolerations ?? [], old.tolerations ?? [], 'spec.tolerations', errors);
  for (const [i, gate] of (next.schedulingGates ?? []).entries()) {
    if (!old.schedulingGates?.some((standing) => standing.name === gate.name)) {
      errors.push(
        forbiddenField(`spec.schedulingGates[${i}].name`, `only deletion is allowed, but found new scheduling gate '${gate.name}'`),
      );
    }
  }
  const fixed = withoutUpdatable(next, old);
  if (!sameMeaning(fixed, old)) {
    const difference = describeDifference(fixed, old).join('\n');
    errors.push(forbiddenField('spec', `pod updates may not change fields other than ${updatable}\n${difference}`));
  }
  return errors;
}

const withoutResources = (containers: readonly V1Container[] | undefined) =>
  containers?.map((container) => ({ ...container, resources: undefined }));

/** The `resize` subresource: CPU and memory of containers, and nothing else. */
export function validatePodResize(nextPod: V1Pod, oldPod: V1Pod, qosOf: (pod: V1Pod) => string): FieldError[] {
  const errors: FieldError[] = [];
  const next = nextPod.spec;
  const old = oldPod.spec;
  if (next === undefined || old === undefined) return errors;
  if (qosOf(nextPod) !== qosOf(oldPod))
    errors.push(invalidValue('metadata', qosOf(nextPod), 'Pod QOS Class may not change as a result of resizing'));
  for (const list of ['containers', 'initContainers'] as const) {
    next[list]?.forEach((container, i) => {
      for (const side of ['requests', 'limits'] as const) {
        const before = old[list]?.[i]?.resources?.[side] ?? {};
        const after = container.resources?.[side] ?? {};
        const at = `spec.${list}[${i}].resources.${side}`;
        const removed = Object.keys(before).filter((name) => after[name] === undefined);
        if (removed.length > 0) errors.push(forbiddenField(at, `resource ${side} cannot be removed`));
        const fixed = Object.keys(after).filter((name) => name !== 'cpu' && name !== 'memory' && after[name] !== before[name]);
        if (fixed.length > 0) errors.push(forbiddenField(at, 'only cpu and memory resources are mutable'));
      }
    });
  }
  const without = (spec: V1PodSpec) => ({
    ...spec,
    containers: withoutResources(spec.containers),
    initContainers: withoutResources(spec.initContainers),
  });
  if (!sameMeaning(without(next), without(old))) {
    errors.push(forbiddenField('spec', 'only cpu and memory resources are mutable'));
  }
  return errors;
}
