// ReplicaSet: a number of pods that are alike.
import { setPodTemplateDefaults } from '../core/pod-defaults.ts';
import { validateTemplateForReplicas } from '../core/pod-template.ts';
import { podSpecWarnings } from '../core/pod-warnings.ts';
import type { V1LabelSelector, V1ReplicaSet } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { sameMeaning } from '../meta/equal.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';
import type { Draft } from '../meta/object.ts';
import { formatLabelSelector, type LabelSelector, selectorOf } from '../meta/selectors.ts';
import { hasReason } from '../meta/status.ts';
import { immutableProblem } from '../meta/validate-metadata.ts';
import { isEmptySelector, validateLabelSelector } from '../meta/validate-selector.ts';
import { validateNonNegative, validateReplicaCounts } from './counts.ts';
import { workloadColumns } from './workload-columns.ts';

/** The selector at `spec.selector`, checked; undefined when it stands for none. `owner` is the word in the message: `deployment`. */
export function readSelector(selector: V1LabelSelector | undefined, owner: string, errors: FieldError[]): LabelSelector | undefined {
  const path = 'spec.selector';
  if (selector === undefined) errors.push(required(path));
  else {
    validateLabelSelector(selector, path, errors);
    if (isEmptySelector(selector)) errors.push(invalidValue(path, selector, `empty selector is invalid for ${owner}`));
  }
  try {
    return selectorOf(selector);
  } catch (error) {
    if (!hasReason(error, 'BadRequest')) throw error;
    errors.push(invalidValue(path, selector, 'invalid label selector'));
    return undefined;
  }
}

function setDefaults(draft: Draft<V1ReplicaSet>): void {
  const spec = draft.spec;
  if (spec === undefined) return;
  spec.replicas ??= 1;
  spec.template ??= {};
  setPodTemplateDefaults(spec.template);
}

function validate(set: V1ReplicaSet): FieldError[] {
  const errors: FieldError[] = [];
  validateNonNegative(set.spec?.replicas, 'spec.replicas', errors);
  validateNonNegative(set.spec?.minReadySeconds, 'spec.minReadySeconds', errors);
  const selector = readSelector(set.spec?.selector, 'deployment', errors);
  if (selector !== undefined) validateTemplateForReplicas(set.spec?.template, selector, 'spec.template', errors);
  return errors;
}

function validateUpdate(next: V1ReplicaSet, old: V1ReplicaSet): FieldError[] {
  const errors = validate(next);
  if (!sameMeaning(next.spec?.selector, old.spec?.selector)) {
    errors.push(invalidValue('spec.selector', next.spec?.selector, immutableProblem));
  }
  return errors;
}

function validateStatus(next: V1ReplicaSet): FieldError[] {
  const errors: FieldError[] = [];
  validateReplicaCounts({ ...next.status }, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'], errors);
  return errors;
}

export const replicasets: KindDefinition<V1ReplicaSet> = {
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  resource: 'replicasets',
  singular: 'replicaset',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  schema: 'V1ReplicaSet',
  hasGeneration: true,
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', cell: ({ spec }) => spec?.replicas ?? 0 },
    { name: 'Current', type: 'integer', cell: ({ status }) => status?.replicas ?? 0 },
    { name: 'Ready', type: 'integer', cell: ({ status }) => status?.readyReplicas ?? 0 },
    ageColumn,
    ...workloadColumns,
  ],
  setDefaults,
  prepareCreate: (draft) => {
    draft.status = { replicas: 0 };
  },
  validateCreate: validate,
  update: {
    prepare: (draft, old) => {
      draft.status = old.status as Draft<V1ReplicaSet>['status'];
    },
    validate: validateUpdate,
  },
  status: { validate: validateStatus },
  scale: {
    read: ({ spec, status }) => ({
      specReplicas: spec?.replicas ?? 0,
      statusReplicas: status?.replicas ?? 0,
      selector: formatLabelSelector(spec?.selector),
    }),
    write: (draft, replicas) => {
      if (draft.spec) draft.spec.replicas = replicas;
    },
  },
  warnings: (set) => podSpecWarnings(set.spec?.template?.spec, 'spec.template.spec'),
};
