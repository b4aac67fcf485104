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

const lists = ['containers', 'initContainers'] as const;
type Resources = V1PodSpec['resources'];

/** The resources with those that a resize may change put back to what stands. */
const withStanding = (next: Resources, old: Resources): Resources => {
  const side = (which: 'requests' | 'limits') => {
    const { cpu: _, memory: __, ...others } = next?.[which] ?? {};
    const { cpu, memory } = old?.[which] ?? {};
    return { ...others, ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
  };
  return { ...next, requests: side('requests'), limits: side('limits') };
};

const plainResources = (of: Resources): Resources => ({ ...of, requests: of?.requests ?? {}, limits: of?.limits ?? {} });

function validateKept(next: Resources, old: Resources, path: string, what: string, errors: FieldError[]): void {
  for (const side of ['requests', 'limits'] as const) {
    const removed = Object.keys(old?.[side] ?? {}).some((name) => next?.[side]?.[name] === undefined);
    if (removed) errors.push(forbiddenField(`${path}.${side}`, `${what} ${side} cannot be removed`));
  }
}

/** A container that runs and tells of no resources runs on a node that cannot resize it. */
const isResizable = ({ status }: V1Pod): boolean =>
  status?.containerStatuses?.find(({ state }) => state?.running !== undefined)?.resources !== undefined ||
  !status?.containerStatuses?.some(({ state }) => state?.running !== undefined);

/** What of the pod's containers is in the way of any comparison: one more, one fewer, another name. */
function validateSameContainers(next: V1PodSpec, old: V1PodSpec): FieldError[] {
  return lists.flatMap((list) => {
    const standing = old[list] ?? [];
    if ((next[list] ?? []).length !== standing.length) {
      return [forbiddenField(`spec.${list}`, `${list} may not be added or removed on resize`)];
    }
    return standing.flatMap(({ name }, i) =>
      next[list]?.[i]?.name === name
        ? []
        : [forbiddenField(`spec.${list}[${i}].name`, `${list} may not be renamed or reordered on resize`)],
    );
  });
}

/** The `resize` subresource: CPU and memory of containers and of the pod, and nothing else. */
export function validatePodResize(nextPod: V1Pod, oldPod: V1Pod, qosOf: (pod: V1Pod) => string): FieldError[] {
  const next = nextPod.spec;
  const old = oldPod.spec;
  if (next === undefined || old === undefined) return [];
  if (oldPod.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined) {
    return [forbiddenField('', 'static pods cannot be resized')];
  }
  if (old.os?.name === 'windows') return [forbiddenField('', 'windows pods cannot be resized')];
  const errors: FieldError[] = [];
  if (qosOf(nextPod) !== qosOf(oldPod)) {
    errors.push(invalidValue('spec', qosOf(nextPod), 'Pod QOS Class may not change as a result of resizing'));
  }
  if (!isResizable(oldPod)) errors.push(forbiddenField('spec', 'Pod running on node without support for resize'));
  if (old.resources !== undefined && next.resources === undefined) {
    errors.push(forbiddenField('spec.resources', 'pod-level resources cannot be removed'));
  } else validateKept(next.resources, old.resources, 'spec.resources', 'pod-level resource', errors);
  const moved = validateSameContainers(next, old);
  if (moved.length > 0) return [...errors, ...moved];
  for (const list of lists) {
    next[list]?.forEach((container, i) => {
      validateKept(container.resources, old[list]?.[i]?.resources, `spec.${list}[${i}].resources`, 'resource', errors);
    });
  }
  const settled = (spec: V1PodSpec, onto: (next: Resources, old: Resources) => Resources) => ({
    ...spec,
    resources: onto(spec.resources, old.resources),
    containers: spec.containers?.map((of, i) => ({ ...of, resources: onto(of.resources, old.containers?.[i]?.resources) })),
    initContainers: spec.initContainers?.map((of, i) => ({ ...of, resources: onto(of.resources, old.initContainers?.[i]?.resources) })),
  });
  if (!sameMeaning(settled(next, withStanding), settled(old, plainResources))) {
    errors.push(forbiddenField('spec', 'only cpu and memory resources are mutable'));
  }
  return errors;
}
