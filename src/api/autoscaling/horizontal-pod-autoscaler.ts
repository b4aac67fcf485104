// HorizontalPodAutoscaler: as many replicas as the load wants.
import { validateNonNegative } from '../apps/counts.ts';
import type { V2HorizontalPodAutoscaler, V2HorizontalPodAutoscalerBehavior, V2HPAScalingRules } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { validateOptionalChoice, validateQuantity } from '../meta/field-checks.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';
import type { Draft } from '../meta/object.ts';
import { targetsCell } from './metric-cells.ts';
import { validateMetrics, validateReference } from './metrics.ts';

const defaultUtilization = 80;
const stabilizationMax = 3600;
const periodMax = 1800;
const selectPolicies = ['Disabled', 'Max', 'Min'];
const policyTypes = ['Percent', 'Pods'];

/** Up at once, by four pods or by doubling each 15 seconds, whichever is more; down by any number after a while. */
function setBehaviorDefaults(behavior: Draft<V2HorizontalPodAutoscalerBehavior>): void {
  behavior.scaleUp = {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
    ...defined(behavior.scaleUp),
  };
  behavior.scaleDown = {
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    ...defined(behavior.scaleDown),
  };
}

const defined = (rules: Draft<V2HPAScalingRules> | undefined): Draft<V2HPAScalingRules> =>
  Object.fromEntries(Object.entries(rules ?? {}).filter(([, value]) => value !== undefined && value !== null));

function setDefaults(draft: Draft<V2HorizontalPodAutoscaler>): void {
  const spec = draft.spec;
  if (spec === undefined) return;
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0) {
    spec.metrics = [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: defaultUtilization } } },
    ];
  }
  if (spec.behavior) setBehaviorDefaults(spec.behavior);
}

function validateScalingRules(rules: V2HPAScalingRules | undefined, path: string, errors: FieldError[]): void {
  if (rules === undefined) return;
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  if (window !== undefined) {
    const at = `${path}.stabilizationWindowSeconds`;
    if (window < 0) errors.push(invalidValue(at, window, 'must be greater than or equal to zero'));
    if (window > stabilizationMax) errors.push(invalidValue(at, window, `must be less than or equal to ${stabilizationMax}`));
  }
  validateOptionalChoice(selectPolicy, selectPolicies, `${path}.selectPolicy`, errors);
  if (tolerance !== undefined) validateQuantity(tolerance, `${path}.tolerance`, errors);
  if (policies.length === 0) {
    errors.push(required(`${path}.policies`, 'must specify at least one Policy'));
  }
  policies.forEach(({ type = '', value = 0, periodSeconds = 0 }, i) => {
    const at = `${path}.policies[${i}]`;
    validateOptionalChoice(type, policyTypes, `${at}.type`, errors);
    if (value <= 0) errors.push(invalidValue(`${at}.value`, value, 'must be greater than zero'));
    if (periodSeconds <= 0) errors.push(invalidValue(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero'));
    if (periodSeconds > periodMax)
      errors.push(invalidValue(`${at}.periodSeconds`, periodSeconds, `must be less than or equal to ${periodMax}`));
  });
}

function validate({ spec }: V2HorizontalPodAutoscaler): FieldError[] {
  const errors: FieldError[] = [];
  const { minReplicas: min, maxReplicas: max = 0 } = spec ?? {};
  if (min !== undefined && min < 1) errors.push(invalidValue('spec.minReplicas', min, 'must be greater than or equal to 1'));
  if (max < 1) errors.push(invalidValue('spec.maxReplicas', max, 'must be greater than 0'));
  if (min !== undefined && max < min) errors.push(invalidValue('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`'));
  validateReference(spec?.scaleTargetRef, 'spec.scaleTargetRef', errors);
  validateMetrics(spec?.metrics, min, 'spec.metrics', errors);
  validateScalingRules(spec?.behavior?.scaleUp, 'spec.behavior.scaleUp', errors);
  validateScalingRules(spec?.behavior?.scaleDown, 'spec.behavior.scaleDown', errors);
  return errors;
}

function validateStatus({ status }: V2HorizontalPodAutoscaler): FieldError[] {
  const errors: FieldError[] = [];
  validateNonNegative(status?.currentReplicas, 'status.currentReplicas', errors);
  validateNonNegative(status?.desiredReplicas, 'status.desiredReplicas', errors);
  return errors;
}

export const horizontalpodautoscalers: KindDefinition<V2HorizontalPodAutoscaler> = {
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  resource: 'horizontalpodautoscalers',
  singular: 'horizontalpodautoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  schema: 'V2HorizontalPodAutoscaler',
  hasGeneration: false,
  columns: [
    nameColumn,
    {
      name: 'Reference',
      type: 'string',
      cell: ({ spec }) => `${spec?.scaleTargetRef?.kind ?? ''}/${spec?.scaleTargetRef?.name ?? ''}`,
    },
    { name: 'Targets', type: 'string', cell: targetsCell },
    { name: 'MinPods', type: 'string', cell: ({ spec }) => (spec?.minReplicas === undefined ? '<unset>' : String(spec.minReplicas)) },
    { name: 'MaxPods', type: 'string', cell: ({ spec }) => spec?.maxReplicas ?? 0 },
    { name: 'Replicas', type: 'string', cell: ({ status }) => status?.currentReplicas ?? 0 },
    ageColumn,
  ],
  setDefaults,
  prepareCreate: (draft) => {
    // Always shown, null when nothing has been measured.
    const nothing = null as unknown as undefined;
    draft.status = { desiredReplicas: 0, currentMetrics: nothing };
  },
  validateCreate: validate,
  update: { prepare: keepStatus, validate },
  status: { validate: validateStatus },
};
