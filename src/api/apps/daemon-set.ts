// DaemonSet: one pod on every node that fits.
import { setPodTemplateDefaults } from '../core/pod-defaults.ts';
import { validatePodTemplate } from '../core/pod-template.ts';
import { podSpecWarnings } from '../core/pod-warnings.ts';
import type { V1DaemonSet, V1DaemonSetSpec, V1DaemonSetUpdateStrategy } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, orNone } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { sameMeaning } from '../meta/equal.ts';
import { validateIntOrPercent, validateUnchanged } from '../meta/field-checks.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts';
import type { Draft } from '../meta/object.ts';
import { labelsToString, matchesLabels, selectorOf } from '../meta/selectors.ts';
import { hasReason } from '../meta/status.ts';
import { isEmptySelector, validateLabelSelector } from '../meta/validate-selector.ts';
import { validateNonNegative } from './counts.ts';
import { workloadColumns } from './workload-columns.ts';

/** Counts the versions of the template, for clients of old. The server alone writes it. */
const templateGeneration = 'deprecated.daemonset.template.generation';

function setDefaults(draft: Draft<V1DaemonSet>): void {
  const spec = draft.spec;
  if (spec === undefined) return;
  spec.template ??= {};
  setPodTemplateDefaults(spec.template);
  spec.updateStrategy ??= {};
  if ((spec.updateStrategy.type ?? '') === '') spec.updateStrategy.type = 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
}

function setTemplateGeneration(draft: Draft<V1DaemonSet>, generation: number): void {
  draft.metadata = { ...draft.metadata, annotations: { ...draft.metadata?.annotations, [templateGeneration]: String(generation) } };
}

function prepareUpdate(draft: Draft<V1DaemonSet>, old: V1DaemonSet): void {
  keepStatus(draft, old);
  const before = Number(old.metadata?.annotations?.[templateGeneration] ?? 0);
  const moved = !sameMeaning(draft.spec?.template, old.spec?.template);
  setTemplateGeneration(draft, moved ? before + 1 : before);
}

function validateStrategy(strategy: V1DaemonSetUpdateStrategy, path: string, errors: FieldError[]): void {
  if (strategy.type === 'OnDelete') return;
  if (strategy.type !== 'RollingUpdate')
    return void errors.push(notSupported(`${path}.type`, strategy.type ?? '', ['RollingUpdate', 'OnDelete']));
  const rolling = strategy.rollingUpdate;
  const at = `${path}.rollingUpdate`;
  if (rolling === undefined) return void errors.push(required(at));
  const unavailable = validateIntOrPercent(rolling.maxUnavailable, `${at}.maxUnavailable`, errors);
  const surge = validateIntOrPercent(rolling.maxSurge, `${at}.maxSurge`, errors);
  if (unavailable !== 0 && surge !== 0) {
    errors.push(invalidValue(`${at}.maxSurge`, rolling.maxSurge, 'may not be set when maxUnavailable is non-zero'));
  } else if (unavailable === 0 && surge === 0) errors.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
}

function validateSelector(spec: Partial<V1DaemonSetSpec>, errors: FieldError[]): void {
  const { selector, template } = spec;
  validateLabelSelector(selector, 'spec.selector', errors);
  try {
    if (!matchesLabels(selectorOf(selector), template?.metadata?.labels)) {
      const detail = '`selector` does not match template `labels`';
      errors.push(invalidValue('spec.template.metadata.labels', template?.metadata?.labels, detail));
    }
  } catch (error) {
    // A malformed selector has been named above.
    if (!hasReason(error, 'BadRequest')) throw error;
  }
  if (selector !== undefined && isEmptySelector(selector)) {
    errors.push(invalidValue('spec.selector', selector, 'empty selector is invalid for daemonset'));
  }
}

function validate(set: V1DaemonSet): FieldError[] {
  const errors: FieldError[] = [];
  const spec: Partial<V1DaemonSetSpec> = set.spec ?? {};
  const template = spec.template ?? {};
  validateSelector(spec, errors);
  validatePodTemplate(template, 'spec.template', errors);
  const restartPolicy = template.spec?.restartPolicy ?? '';
  if (restartPolicy !== 'Always') errors.push(notSupported('spec.template.spec.restartPolicy', restartPolicy, ['Always']));
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    const detail = 'activeDeadlineSeconds in DaemonSet is not Supported';
    errors.push(forbiddenField('spec.template.spec.activeDeadlineSeconds', detail));
  }
  validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors);
  validateStrategy(spec.updateStrategy ?? {}, 'spec.updateStrategy', errors);
  validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors);
  return errors;
}

function validateUpdate(next: V1DaemonSet, old: V1DaemonSet): FieldError[] {
  const errors = validate(next);
  validateUnchanged(next.spec?.selector, old.spec?.selector, 'spec.selector', errors);
  return errors;
}

const counts = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
] as const;

function validateStatus(next: V1DaemonSet, old: V1DaemonSet): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of counts) validateNonNegative(next.status?.[field], `status.${field}`, errors);
  const [count, before] = [next.status?.collisionCount, old.status?.collisionCount];
  if (before !== undefined && (count ?? 0) < before) {
    errors.push(invalidValue('status.collisionCount', count ?? 0, 'cannot be decremented'));
  }
  return errors;
}

const nothingScheduled = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 } as const;

export const daemonsets: KindDefinition<V1DaemonSet> = {
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  resource: 'daemonsets',
  singular: 'daemonset',
  shortNames: ['ds'],
  categories: ['all'],
  namespaced: true,
  schema: 'V1DaemonSet',
  hasGeneration: true,
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', cell: ({ status }) => status?.desiredNumberScheduled ?? 0 },
    { name: 'Current', type: 'integer', cell: ({ status }) => status?.currentNumberScheduled ?? 0 },
    { name: 'Ready', type: 'integer', cell: ({ status }) => status?.numberReady ?? 0 },
    { name: 'Up-to-date', type: 'integer', cell: ({ status }) => status?.updatedNumberScheduled ?? 0 },
    { name: 'Available', type: 'integer', cell: ({ status }) => status?.numberAvailable ?? 0 },
    { name: 'Node Selector', type: 'string', cell: ({ spec }) => orNone(labelsToString(spec?.template?.spec?.nodeSelector)) },
    ageColumn,
    ...workloadColumns,
  ],
  setDefaults,
  prepareCreate: (draft) => {
    draft.status = { ...nothingScheduled };
    setTemplateGeneration(draft, 1);
  },
  validateCreate: validate,
  update: { prepare: prepareUpdate, validate: validateUpdate },
  status: { validate: validateStatus },
  warnings: (set) => podSpecWarnings(set.spec?.template?.spec, 'spec.template.spec'),
};
