// ResourceQuota: how much of everything a namespace may hold.
import type { V1ResourceQuota, V1ResourceQuotaSpec } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { validateQuantity } from '../meta/field-checks.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';
import { qualifiedNameProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { formatQuantity, parseQuantity } from '../meta/quantity.ts';
import { addProblems, immutableProblem } from '../meta/validate-metadata.ts';
import { canonicalizeQuantities } from './quantities.ts';

/** Counted, not measured: whole numbers. */
const countedResources = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
];
const computeResources = [
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
];
const standardResources = new Set([...countedResources, ...computeResources, 'requests.storage']);
const isHugePages = (name: string): boolean => /^(requests\.)?hugepages-/.test(name);
const scopes = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
];
const opposites: readonly (readonly [string, string])[] = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
];

/** A quota of pods in a scope counts their pods and compute resources; best-effort pods have only their number. */
function mayScope(scope: string, resource: string): boolean {
  switch (scope) {
    case 'BestEffort':
      return resource === 'pods';
    case 'VolumeAttributesClass':
      return resource === 'persistentvolumeclaims' || resource === 'requests.storage';
    default:
      return resource === 'pods' || computeResources.includes(resource);
  }
}

function validateAmounts(amounts: Readonly<Record<string, string>> | undefined, path: string, errors: FieldError[]): void {
  for (const [name, text] of Object.entries(amounts ?? {})) {
    const at = `${path}[${name}]`;
    const problems = qualifiedNameProblems(name);
    addProblems(errors, at, name, problems);
    if (problems.length === 0 && !name.includes('/') && !standardResources.has(name) && !isHugePages(name)) {
      errors.push(invalidValue(at, name, 'must be a standard resource for quota'));
    }
    const quantity = validateQuantity(text, at, errors);
    const whole = countedResources.includes(name) || (name.includes('/') && !name.includes('kubernetes.io/'));
    if (quantity !== undefined && whole && quantity.scale < 0) errors.push(invalidValue(at, text, 'must be an integer'));
  }
}

const hasForeignResource = (spec: V1ResourceQuotaSpec, scope: string): boolean =>
  Object.keys(spec.hard ?? {}).some((name) => standardResources.has(name) && !mayScope(scope, name));

function validateScopes(spec: V1ResourceQuotaSpec, errors: FieldError[]): void {
  const given = spec.scopes ?? [];
  if (given.length === 0) return;
  // Each error shows the whole list: what is wrong is said once.
  if (given.some((scope) => !scopes.includes(scope))) errors.push(invalidValue('spec.scopes', given, 'unsupported scope'));
  for (const scope of scopes.filter((known) => given.includes(known))) {
    if (hasForeignResource(spec, scope)) errors.push(invalidValue('spec.scopes', given, 'unsupported scope applied to resource'));
  }
  for (const pair of opposites) {
    if (pair.every((scope) => given.includes(scope))) errors.push(invalidValue('spec.scopes', given, 'conflicting scopes'));
  }
}

function validateScopeSelector(spec: V1ResourceQuotaSpec, errors: FieldError[]): void {
  const path = 'spec.scopeSelector.matchExpressions';
  const requirements = spec.scopeSelector?.matchExpressions ?? [];
  for (const { scopeName = '', operator = '', values = [] } of requirements) {
    if (!scopes.includes(scopeName)) errors.push(invalidValue(`${path}.scopeName`, scopeName, 'unsupported scope'));
    const takesValues = operator === 'In' || operator === 'NotIn';
    if (scopeName !== 'PriorityClass' && scopeName !== 'VolumeAttributesClass' && operator !== 'Exists') {
      const detail =
        "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
      errors.push(invalidValue(`${path}.operator`, operator, detail));
    }
    if (takesValues && values.length === 0) {
      errors.push(required(`${path}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"));
    } else if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
      errors.push(
        invalidValue(`${path}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"),
      );
    } else if (!takesValues && operator !== 'Exists' && operator !== 'DoesNotExist') {
      errors.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'));
    }
  }
  const names = requirements.map(({ scopeName }) => scopeName);
  for (const scope of scopes.filter((known) => names.includes(known))) {
    if (hasForeignResource(spec, scope)) errors.push(invalidValue(path, spec.scopeSelector, 'unsupported scope applied to resource'));
  }
  for (const pair of opposites) {
    if (pair.every((scope) => names.includes(scope))) errors.push(invalidValue('spec.scopeSelector', names, 'conflicting scopes'));
  }
}

function validate(quota: V1ResourceQuota): FieldError[] {
  const errors: FieldError[] = [];
  const spec = quota.spec ?? {};
  validateAmounts(spec.hard, 'spec.hard', errors);
  validateScopes(spec, errors);
  validateScopeSelector(spec, errors);
  return errors;
}

function validateUpdate(next: V1ResourceQuota, old: V1ResourceQuota): FieldError[] {
  const errors = validate(next);
  const sorted = (quota: V1ResourceQuota): string => [...new Set(quota.spec?.scopes ?? [])].sort().join();
  if (sorted(next) !== sorted(old)) errors.push(invalidValue('spec.scopes', next.spec?.scopes ?? [], immutableProblem));
  return errors;
}

function validateStatus(next: V1ResourceQuota): FieldError[] {
  const errors: FieldError[] = [];
  validateAmounts(next.status?.hard, 'status.hard', errors);
  validateAmounts(next.status?.used, 'status.used', errors);
  return errors;
}

function setDefaults(draft: Draft<V1ResourceQuota>): void {
  canonicalizeQuantities(draft.spec?.hard);
  canonicalizeQuantities(draft.status?.hard);
  canonicalizeQuantities(draft.status?.used);
}

const amount = (text: string | undefined): string => (text === undefined ? '0' : formatQuantity(parseQuantity(text)));

/** `pods: 1/10, requests.cpu: 500m/2`: the limits stand in a column of their own. */
function usageCell({ status }: V1ResourceQuota, limits: boolean): string {
  return Object.keys(status?.hard ?? {})
    .filter((name) => name.startsWith('limits.') === limits)
    .sort()
    .map((name) => `${name}: ${amount(status?.used?.[name])}/${amount(status?.hard?.[name])}`)
    .join(', ');
}

export const resourcequotas: KindDefinition<V1ResourceQuota> = {
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  resource: 'resourcequotas',
  singular: 'resourcequota',
  shortNames: ['quota'],
  namespaced: true,
  schema: 'V1ResourceQuota',
  hasGeneration: false,
  columns: [
    nameColumn,
    {
      name: 'Request',
      type: 'string',
      description: 'Request represents a minimum amount of cpu/memory that a container may consume.',
      cell: (quota) => usageCell(quota, false),
    },
    {
      name: 'Limit',
      type: 'string',
      description: 'Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.',
      cell: (quota) => usageCell(quota, true),
    },
    ageColumn,
  ],
  setDefaults,
  prepareCreate: (draft) => {
    draft.status = {};
  },
  validateCreate: validate,
  update: { prepare: keepStatus, validate: validateUpdate },
  status: { validate: validateStatus },
  deleteReturnsObject: true,
};
