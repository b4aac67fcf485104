// StatefulSet: pods with names, order and volumes of their own.
import { setClaimDefaults } from '../core/persistent-volume-claim.ts';
import { setPodTemplateDefaults } from '../core/pod-defaults.ts';
import { podSpecWarnings } from '../core/pod-warnings.ts';
import type { V1PodTemplateSpec, V1StatefulSet, V1StatefulSetSpec } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { sameMeaning } from '../meta/equal.ts';
import { validateIntOrPercent, validateOptionalChoice } from '../meta/field-checks.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts';
import type { Draft } from '../meta/object.ts';
import { formatLabelSelector, type LabelSelector, matchesLabels, selectorOf } from '../meta/selectors.ts';
import { hasReason } from '../meta/status.ts';
import { validateAnnotations, validateLabels } from '../meta/validate-metadata.ts';
import { isEmptySelector, validateLabelSelector } from '../meta/validate-selector.ts';
import { validateNonNegative, validateReplicaCounts } from './counts.ts';
import { workloadColumns } from './workload-columns.ts';

function setDefaults(draft: Draft<V1StatefulSet>): void {
  const spec = draft.spec;
  if (spec === undefined) return;
  spec.replicas ??= 1;
  spec.template ??= {};
  setPodTemplateDefaults(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.kind = 'PersistentVolumeClaim';
    claim.apiVersion = 'v1';
    setClaimDefaults(claim);
  }
  if ((spec.podManagementPolicy ?? '') === '') spec.podManagementPolicy = 'OrderedReady';
  spec.updateStrategy ??= {};
  if ((spec.updateStrategy.type ?? '') === '') spec.updateStrategy.type = 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.partition ??= 0;
  }
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  if ((retention.whenDeleted ?? '') === '') retention.whenDeleted = 'Retain';
  if ((retention.whenScaled ?? '') === '') retention.whenScaled = 'Retain';
  spec.revisionHistoryLimit ??= 10;
}

function validateStrategy(spec: Partial<V1StatefulSetSpec>, errors: FieldError[]): void {
  const strategy = spec.updateStrategy ?? {};
  const path = 'spec.updateStrategy';
  const rolling = strategy.rollingUpdate;
  switch (strategy.type ?? '') {
    case '':
      return void errors.push(required(path));
    case 'OnDelete':
      if (rolling !== undefined) {
        errors.push(invalidValue(`${path}.rollingUpdate`, rolling, "only allowed for updateStrategy 'RollingUpdate'"));
      }
      return;
    case 'RollingUpdate':
      if (rolling === undefined) return;
      validateNonNegative(rolling.partition, `${path}.rollingUpdate.partition`, errors);
      if (rolling.maxUnavailable === undefined) return;
      if (validateIntOrPercent(rolling.maxUnavailable, `${path}.rollingUpdate.maxUnavailable`, errors) === 0) {
        errors.push(invalidValue(`${path}.rollingUpdate.maxUnavailable`, rolling.maxUnavailable, 'cannot be 0'));
      }
      return;
    default:
      errors.push(invalidValue(path, strategy, "must be 'RollingUpdate' or 'OnDelete'"));
  }
}

function validateSelector(spec: Partial<V1StatefulSetSpec>, errors: FieldError[]): LabelSelector | undefined {
  const { selector } = spec;
  if (selector === undefined) errors.push(required('spec.selector'));
  else {
    validateLabelSelector(selector, 'spec.selector', errors);
    if (isEmptySelector(selector)) errors.push(invalidValue('spec.selector', selector, 'empty selector is invalid for statefulset'));
  }
  try {
    return selectorOf(selector);
  } catch (error) {
    if (!hasReason(error, 'BadRequest')) throw error;
    errors.push(invalidValue('spec.selector', selector, ''));
    return undefined;
  }
}

/** The template's volumes are complete only with the claims: as upstream, its pod spec is judged when pods are made of it. */
function validateTemplate(template: V1PodTemplateSpec, selector: LabelSelector | undefined, errors: FieldError[]): void {
  const path = 'spec.template';
  const { labels, annotations } = template.metadata ?? {};
  if (selector !== undefined) {
    if (!matchesLabels(selector, labels) && selector.requirements.length > 0) {
      errors.push(invalidValue(`${path}.metadata.labels`, labels, '`selector` does not match template `labels`'));
    }
    validateLabels(labels, `${path}.labels`, errors);
    validateAnnotations(annotations, `${path}.annotations`, errors);
  }
  const restartPolicy = template.spec?.restartPolicy ?? '';
  if (restartPolicy !== 'Always') errors.push(notSupported(`${path}.spec.restartPolicy`, restartPolicy, ['Always']));
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    errors.push(forbiddenField(`${path}.spec.activeDeadlineSeconds`, 'activeDeadlineSeconds in StatefulSet is not Supported'));
  }
}

function validate(set: V1StatefulSet): FieldError[] {
  const errors: FieldError[] = [];
  const spec: Partial<V1StatefulSetSpec> = set.spec ?? {};
  const policy = spec.podManagementPolicy ?? '';
  if (policy === '') errors.push(required('spec.podManagementPolicy'));
  else if (policy !== 'OrderedReady' && policy !== 'Parallel') {
    errors.push(invalidValue('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'"));
  }
  validateStrategy(spec, errors);
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const path = `spec.persistentVolumeClaimRetentionPolicy.${field}`;
    validateOptionalChoice(spec.persistentVolumeClaimRetentionPolicy?.[field], ['Retain', 'Delete'], path, errors);
  }
  validateNonNegative(spec.replicas, 'spec.replicas', errors);
  validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors);
  if (spec.ordinals) validateNonNegative(spec.ordinals.start, 'spec.ordinals.start', errors);
  validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors);
  const selector = validateSelector(spec, errors);
  validateTemplate(spec.template ?? {}, selector, errors);
  return errors;
}

const changeable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];
const changeableNames = changeable.map((name) => `'${name}'`);
const fixedProblem = `updates to statefulset spec for fields other than ${changeableNames.slice(0, -1).join(', ')} and ${changeableNames.at(-1)} are forbidden`;

const fixedPart = (spec: V1StatefulSetSpec | undefined) =>
  Object.fromEntries(Object.entries(spec ?? {}).filter(([field]) => !changeable.includes(field)));

function validateUpdate(next: V1StatefulSet, old: V1StatefulSet): FieldError[] {
  const errors = validate(next);
  if (!sameMeaning(fixedPart(next.spec), fixedPart(old.spec))) errors.push(forbiddenField('spec', fixedProblem));
  return errors;
}

function validateStatus(next: V1StatefulSet, old: V1StatefulSet): FieldError[] {
  const errors: FieldError[] = [];
  const parts = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'];
  validateReplicaCounts({ ...next.status }, parts, errors);
  const [count, before] = [next.status?.collisionCount, old.status?.collisionCount];
  validateNonNegative(count, 'status.collisionCount', errors);
  if (before !== undefined && (count ?? 0) < before) {
    errors.push(invalidValue('status.collisionCount', count ?? 0, 'cannot be decremented'));
  }
  return errors;
}

export const statefulsets: KindDefinition<V1StatefulSet> = {
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  resource: 'statefulsets',
  singular: 'statefulset',
  shortNames: ['sts'],
  categories: ['all'],
  namespaced: true,
  schema: 'V1StatefulSet',
  // Names of pods and their hosts are made of it.
  nameRule: 'dnsLabel',
  hasGeneration: true,
  columns: [
    nameColumn,
    {
      name: 'Ready',
      type: 'string',
      description: 'Number of the pod with ready state',
      cell: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    },
    ageColumn,
    ...workloadColumns.filter(({ name }) => name !== 'Selector'),
  ],
  setDefaults,
  prepareCreate: (draft) => {
    draft.status = { replicas: 0, availableReplicas: 0 };
  },
  validateCreate: validate,
  update: { prepare: keepStatus, validate: validateUpdate },
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
