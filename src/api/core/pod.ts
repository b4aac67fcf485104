// Pod: containers that run together on one node.
import type { V1EphemeralContainer, V1Pod, V1PodSpec } from '../generated/types.gen.ts';
import type { DeleteOptionsView, KindDefinition, UpdateRules } from '../kind.ts';
import { sameMeaning } from '../meta/equal.ts';
import { type FieldError, forbiddenField, invalidValue } from '../meta/field-error.ts';
import type { Draft } from '../meta/object.ts';
import { podColumns } from './pod-columns.ts';
import { setPodDefaults } from './pod-defaults.ts';
import { qosClassOf } from './pod-qos.ts';
import { initPodStatus, syncPodIPs, validatePodStatusUpdate } from './pod-status.ts';
import { validatePodSpec } from './pod-validation/spec.ts';
import { validatePodResize, validatePodSpecUpdate } from './pod-validation/update.ts';
import { podWarnings } from './pod-warnings.ts';

/** Shares the old value: what replaces a draft's field as it stands is never changed any more. */
const keep = <T>(value: T): Draft<T> => value as Draft<T>;

function validateSpecOf(pod: V1Pod): FieldError[] {
  const errors: FieldError[] = [];
  const spec = pod.spec ?? { containers: [] };
  validatePodSpec(spec, 'spec', errors);
  // Templates may have such images, as marks to be replaced; pods may not.
  for (const list of ['containers', 'initContainers'] as const) {
    spec[list]?.forEach(({ image = '' }, i) => {
      if (image.trim() !== image) {
        errors.push(invalidValue(`spec.${list}[${i}].image`, image, 'must not have leading or trailing whitespace'));
      }
    });
  }
  return errors;
}

const mirrorAnnotation = 'kubernetes.io/config.mirror';

function validateMirror(pod: V1Pod): FieldError[] {
  const value = pod.metadata?.annotations?.[mirrorAnnotation];
  if (value === undefined || (pod.spec?.nodeName ?? '') !== '') return [];
  const path = `metadata.annotations[${mirrorAnnotation}]`;
  return [invalidValue(path, value, 'must set spec.nodeName if mirror pod annotation is set')];
}

/** Mirror pods are the kubelet's: the mark is there from the first or never. */
function validateMirrorUpdate(next: V1Pod, old: V1Pod): FieldError[] {
  const [after, before] = [next.metadata?.annotations?.[mirrorAnnotation], old.metadata?.annotations?.[mirrorAnnotation]];
  if (after === before) return [];
  const what = before === undefined ? 'add' : 'remove or update';
  return [forbiddenField(`metadata.annotations[${mirrorAnnotation}]`, `may not ${what} mirror pod annotation`)];
}

function validateCreate(pod: V1Pod): FieldError[] {
  const errors = [...validateMirror(pod), ...validateSpecOf(pod)];
  if ((pod.spec?.ephemeralContainers ?? []).length > 0) errors.push(forbiddenField('spec.ephemeralContainers', 'cannot be set on create'));
  if ((pod.spec?.schedulingGates ?? []).length > 0 && (pod.spec?.nodeName ?? '') !== '') {
    errors.push(forbiddenField('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  }
  return errors;
}

const update: UpdateRules<V1Pod> = {
  prepare: (draft, old) => {
    draft.status = keep(old.status);
    // Only `ephemeralcontainers` may write them.
    if (draft.spec && old.spec?.ephemeralContainers) draft.spec.ephemeralContainers = keep(old.spec.ephemeralContainers);
  },
  validate: (next, old) => [...validateSpecOf(next), ...validateMirrorUpdate(next, old), ...validatePodSpecUpdate(next, old)],
};

const status: UpdateRules<V1Pod> = {
  prepare: (draft, old) => {
    draft.spec = keep(old.spec);
    if (draft.metadata) draft.metadata.ownerReferences = keep(old.metadata?.ownerReferences);
    draft.status ??= {};
    if ((draft.status.qosClass ?? '') === '') draft.status.qosClass = old.status?.qosClass;
    syncPodIPs(draft);
  },
  validate: validatePodStatusUpdate,
};

const byName = (containers: readonly V1EphemeralContainer[] | undefined) => new Map((containers ?? []).map((each) => [each.name, each]));
const quoted = (names: readonly string[]): string => `[${names.map((name) => JSON.stringify(name)).join(' ')}]`;

/** Ephemeral containers may be added; those that stand may neither go nor change. */
function validateEphemeralUpdate(next: V1Pod, old: V1Pod): FieldError[] {
  const errors = validateSpecOf(next);
  const after = byName(next.spec?.ephemeralContainers);
  const before = [...byName(old.spec?.ephemeralContainers)];
  const removed = before.filter(([name]) => !after.has(name)).map(([name]) => name);
  const changed = before.filter(([name, each]) => after.has(name) && !sameMeaning(after.get(name), each)).map(([name]) => name);
  const path = 'spec.ephemeralContainers';
  if (removed.length > 0) errors.push(forbiddenField(path, `existing ephemeral containers ${quoted(removed)} may not be removed\n`));
  if (changed.length > 0) errors.push(forbiddenField(path, `existing ephemeral containers ${quoted(changed)} may not be changed\n`));
  if (old.metadata?.annotations?.[mirrorAnnotation] !== undefined)
    errors.push(forbiddenField('', 'static pods do not support ephemeral containers'));
  return errors;
}

const ephemeralcontainers: UpdateRules<V1Pod> = {
  prepare: (draft, old) => {
    setPodDefaults(draft);
    const containers = draft.spec?.ephemeralContainers;
    draft.spec = { ...keep(old.spec as V1PodSpec) };
    if (containers) draft.spec.ephemeralContainers = containers;
    else delete draft.spec.ephemeralContainers;
    draft.status = keep(old.status);
  },
  validate: validateEphemeralUpdate,
};

const resize: UpdateRules<V1Pod> = {
  prepare: (draft, old) => {
    setPodDefaults(draft);
    draft.status = keep(old.status);
  },
  validate: (next, old) => [...validateSpecOf(next), ...validatePodResize(next, old, (pod) => qosClassOf(pod.spec))],
};

/** The seconds a pod gets to end: none when it never ran or has ended already. */
function gracePeriodSeconds(pod: V1Pod, options: DeleteOptionsView): number {
  const phase = pod.status?.phase;
  if ((pod.spec?.nodeName ?? '') === '' || phase === 'Failed' || phase === 'Succeeded') return 0;
  const seconds = options.gracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 0;
  // A negative period means "as soon as possible, but gracefully".
  return seconds < 0 ? 1 : seconds;
}

export const pods: KindDefinition<V1Pod> = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  resource: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  schema: 'V1Pod',
  hasGeneration: true,
  columns: podColumns,
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec?.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec?.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec?.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => String(pod.spec?.hostNetwork ?? false),
    'status.phase': (pod) => pod.status?.phase ?? '',
    'status.podIP': (pod) => pod.status?.podIP ?? '',
    'status.nominatedNodeName': (pod) => pod.status?.nominatedNodeName ?? '',
  },
  setDefaults: setPodDefaults,
  prepareCreate: initPodStatus,
  validateCreate,
  update,
  status,
  subresources: { ephemeralcontainers, resize },
  warnings: podWarnings,
  gracePeriodSeconds,
  deleteReturnsObject: true,
};
