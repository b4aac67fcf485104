// Deployment: replicas of a pod, and how one version of them gives way to the next.
import { setPodTemplateDefaults } from '../core/pod-defaults.ts';
import { validateTemplateForReplicas } from '../core/pod-template.ts';
import { podSpecWarnings } from '../core/pod-warnings.ts';
import type { IntOrString, V1Deployment, V1DeploymentSpec, V1DeploymentStrategy } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { sameMeaning } from '../meta/equal.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported } from '../meta/field-error.ts';
import { percentOf } from '../meta/int-or-percent.ts';
import { dnsLabelProblems, nonNegativeProblem } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { formatLabelSelector } from '../meta/selectors.ts';
import { immutableProblem } from '../meta/validate-metadata.ts';
import { validateNonNegative, validateReplicaCounts } from './counts.ts';
import { readSelector } from './replica-set.ts';
import { workloadColumns } from './workload-columns.ts';

function setDefaults(draft: Draft<V1Deployment>): void {
  const spec = draft.spec;
  if (spec === undefined) return;
  spec.replicas ??= 1;
  spec.template ??= {};
  setPodTemplateDefaults(spec.template);
  spec.strategy ??= {};
  if ((spec.strategy.type ?? '') === '') spec.strategy.type = 'RollingUpdate';
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
    spec.strategy.rollingUpdate.maxSurge ??= '25%';
  }
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
}

const percentProblem =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/** A count or a percentage, not below zero. Gives back its figure. */
function validateIntOrPercent(value: IntOrString, path: string, errors: FieldError[]): number {
  if (typeof value === 'number') {
    if (value < 0) errors.push(invalidValue(path, value, nonNegativeProblem));
    return value;
  }
  const percent = percentOf(value);
  if (percent === undefined) errors.push(invalidValue(path, value, percentProblem));
  return percent ?? Number.NaN;
}

function validateStrategy(strategy: V1DeploymentStrategy, path: string, errors: FieldError[]): void {
  const rolling = strategy.rollingUpdate;
  if (strategy.type === 'Recreate') {
    if (rolling !== undefined)
      errors.push(forbiddenField(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'"));
    return;
  }
  if (strategy.type !== 'RollingUpdate') return void errors.push(notSupported(path, strategy.type ?? '', ['Recreate', 'RollingUpdate']));
  const { maxUnavailable = 0, maxSurge = 0 } = rolling ?? {};
  const at = `${path}.rollingUpdate`;
  const unavailable = validateIntOrPercent(maxUnavailable, `${at}.maxUnavailable`, errors);
  const surge = validateIntOrPercent(maxSurge, `${at}.maxSurge`, errors);
  if (unavailable === 0 && surge === 0) {
    errors.push(invalidValue(`${at}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  if (typeof maxUnavailable === 'string' && unavailable > 100) {
    errors.push(invalidValue(`${at}.maxUnavailable`, maxUnavailable, 'must not be greater than 100%'));
  }
}

function validateSpec(spec: V1DeploymentSpec | undefined, errors: FieldError[]): void {
  const given = spec ?? ({} as Partial<V1DeploymentSpec>);
  validateNonNegative(given.replicas, 'spec.replicas', errors);
  const selector = readSelector(given.selector, 'deployment', errors);
  if (selector !== undefined) validateTemplateForReplicas(given.template, selector, 'spec.template', errors);
  validateStrategy(given.strategy ?? {}, 'spec.strategy', errors);
  validateNonNegative(given.minReadySeconds, 'spec.minReadySeconds', errors);
  validateNonNegative(given.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors);
  const deadline = given.progressDeadlineSeconds;
  if (deadline === undefined) return;
  validateNonNegative(deadline, 'spec.progressDeadlineSeconds', errors);
  if (deadline <= (given.minReadySeconds ?? 0)) {
    errors.push(invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  }
}

function validate(deployment: V1Deployment): FieldError[] {
  const errors: FieldError[] = [];
  validateSpec(deployment.spec, errors);
  return errors;
}

function validateUpdate(next: V1Deployment, old: V1Deployment): FieldError[] {
  const errors = validate(next);
  if (!sameMeaning(next.spec?.selector, old.spec?.selector)) {
    errors.push(invalidValue('spec.selector', next.spec?.selector, immutableProblem));
  }
  return errors;
}

function validateStatus(next: V1Deployment, old: V1Deployment): FieldError[] {
  const errors: FieldError[] = [];
  const parts = ['updatedReplicas', 'readyReplicas', 'availableReplicas'];
  validateReplicaCounts({ ...next.status }, parts, errors);
  validateNonNegative(next.status?.unavailableReplicas, 'status.unavailableReplicas', errors);
  const [count, before] = [next.status?.collisionCount, old.status?.collisionCount];
  if (before !== undefined && (count ?? 0) < before) {
    errors.push(invalidValue('status.collisionCount', count ?? 0, 'cannot be decremented'));
  } else validateNonNegative(count, 'status.collisionCount', errors);
  return errors;
}

function warnings(deployment: V1Deployment, old: V1Deployment | undefined): string[] {
  const problems = old === undefined ? dnsLabelProblems(deployment.metadata?.name ?? '') : [];
  const surprising = 'this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended';
  const name = problems.length === 0 ? [] : [`metadata.name: ${surprising}: [${problems.join(' ')}]`];
  return [...name, ...podSpecWarnings(deployment.spec?.template?.spec, 'spec.template.spec')];
}

export const deployments: KindDefinition<V1Deployment> = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  resource: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  schema: 'V1Deployment',
  hasGeneration: true,
  columns: [
    nameColumn,
    {
      name: 'Ready',
      type: 'string',
      description: 'Number of the pod with ready state',
      cell: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    },
    { name: 'Up-to-date', type: 'string', cell: ({ status }) => status?.updatedReplicas ?? 0 },
    { name: 'Available', type: 'string', cell: ({ status }) => status?.availableReplicas ?? 0 },
    ageColumn,
    ...workloadColumns,
  ],
  setDefaults,
  prepareCreate: (draft) => {
    draft.status = {};
  },
  validateCreate: validate,
  update: {
    prepare: (draft, old) => {
      draft.status = old.status as Draft<V1Deployment>['status'];
      // Annotations count as spec here: they go to the ReplicaSets, so the controller must see the change.
      if (draft.metadata && !sameMeaning(draft.metadata.annotations, old.metadata?.annotations, 'annotations')) {
        draft.metadata.generation = (old.metadata?.generation ?? 0) + 1;
      }
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
  warnings,
};
