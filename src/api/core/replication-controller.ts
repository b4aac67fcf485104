// ReplicationController: a number of pods that are alike, in the form from before ReplicaSets.
import { validateNonNegative, validateReplicaCounts } from '../apps/counts.ts';
import { workloadColumns } from '../apps/workload-columns.ts';
import type { V1ReplicationController, V1ReplicationControllerSpec } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, orNone } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts';
import type { Draft } from '../meta/object.ts';
import { labelsToString, matchesLabels, selectorOfLabels } from '../meta/selectors.ts';
import { setPodTemplateDefaults } from './pod-defaults.ts';
import { validatePodTemplate } from './pod-template.ts';
import { podSpecWarnings } from './pod-warnings.ts';

const isEmpty = (map: Readonly<Record<string, string>> | undefined): boolean => Object.keys(map ?? {}).length === 0;

/** Without a selector or labels of its own it takes the template's. */
function setDefaults(draft: Draft<V1ReplicationController>): void {
  const spec = draft.spec;
  if (spec === undefined) return;
  const labels = spec.template?.metadata?.labels;
  if (labels !== undefined) {
    if (isEmpty(spec.selector)) spec.selector = { ...labels };
    if (isEmpty(draft.metadata?.labels)) draft.metadata = { ...draft.metadata, labels: { ...labels } };
  }
  spec.replicas ??= 1;
  if (spec.template) setPodTemplateDefaults(spec.template);
}

function validateTemplate(spec: V1ReplicationControllerSpec, errors: FieldError[]): void {
  const path = 'spec.template';
  const { template, selector } = spec;
  if (template === undefined) return void errors.push(required(path));
  const labels = template.metadata?.labels;
  if (!isEmpty(selector) && !matchesLabels(selectorOfLabels(selector), labels)) {
    errors.push(invalidValue(`${path}.metadata.labels`, labels, '`selector` does not match template `labels`'));
  }
  validatePodTemplate(template, path, errors);
  const restartPolicy = template.spec?.restartPolicy ?? '';
  if (restartPolicy !== 'Always') errors.push(notSupported(`${path}.spec.restartPolicy`, restartPolicy, ['Always']));
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    const detail = 'activeDeadlineSeconds in ReplicationController is not Supported';
    errors.push(forbiddenField(`${path}.spec.activeDeadlineSeconds`, detail));
  }
}

function validate(controller: V1ReplicationController): FieldError[] {
  const errors: FieldError[] = [];
  const spec = controller.spec ?? {};
  validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors);
  if (isEmpty(spec.selector)) errors.push(required('spec.selector'));
  validateNonNegative(spec.replicas, 'spec.replicas', errors);
  validateTemplate(spec, errors);
  return errors;
}

function validateStatus(next: V1ReplicationController): FieldError[] {
  const errors: FieldError[] = [];
  validateReplicaCounts({ ...next.status }, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'], errors);
  return errors;
}

export const replicationcontrollers: KindDefinition<V1ReplicationController> = {
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  resource: 'replicationcontrollers',
  singular: 'replicationcontroller',
  shortNames: ['rc'],
  categories: ['all'],
  namespaced: true,
  schema: 'V1ReplicationController',
  hasGeneration: true,
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', cell: ({ spec }) => spec?.replicas ?? 0 },
    { name: 'Current', type: 'integer', cell: ({ status }) => status?.replicas ?? 0 },
    { name: 'Ready', type: 'integer', cell: ({ status }) => status?.readyReplicas ?? 0 },
    ageColumn,
    ...workloadColumns
      .filter(({ name }) => name !== 'Selector')
      .map((column) => ({
        ...column,
        cell: ({ spec }: V1ReplicationController, nowMs: number) => column.cell({ spec: { template: spec?.template } }, nowMs),
      })),
    { name: 'Selector', type: 'string', priority: 1, cell: ({ spec }) => orNone(labelsToString(spec?.selector)) },
  ],
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  setDefaults,
  prepareCreate: (draft) => {
    draft.status = { replicas: 0 };
  },
  validateCreate: validate,
  update: { prepare: keepStatus, validate },
  status: { validate: validateStatus },
  scale: {
    read: ({ spec, status }) => ({
      specReplicas: spec?.replicas ?? 0,
      statusReplicas: status?.replicas ?? 0,
      selector: labelsToString(spec?.selector),
    }),
    write: (draft, replicas) => {
      if (draft.spec) draft.spec.replicas = replicas;
    },
  },
  warnings: (controller) => podSpecWarnings(controller.spec?.template?.spec, 'spec.template.spec'),
  // As in the days before garbage collection.
  defaultPropagation: 'orphan',
};
