// PodDisruptionBudget: how many of some pods may be missing on purpose.
import { validateNonNegative } from '../apps/counts.ts';
import type { V1PodDisruptionBudget } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { validateIntOrPercent, validateOptionalChoice } from '../meta/field-checks.ts';
import { type FieldError, invalidValue } from '../meta/field-error.ts';
import { validateLabelSelector } from '../meta/validate-selector.ts';

function validate({ spec = {} }: V1PodDisruptionBudget): FieldError[] {
  const errors: FieldError[] = [];
  const { minAvailable, maxUnavailable } = spec;
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    errors.push(invalidValue('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
  }
  validateIntOrPercent(minAvailable, 'spec.minAvailable', errors);
  validateIntOrPercent(maxUnavailable, 'spec.maxUnavailable', errors);
  validateLabelSelector(spec.selector, 'spec.selector', errors);
  const policies = ['AlwaysAllow', 'IfHealthyBudget'];
  validateOptionalChoice(spec.unhealthyPodEvictionPolicy, policies, 'spec.unhealthyPodEvictionPolicy', errors);
  return errors;
}

const counts = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const;

function validateStatus({ status }: V1PodDisruptionBudget): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of counts) validateNonNegative(status?.[field], `status.${field}`, errors);
  return errors;
}

const orNotApplicable = (value: string | number | undefined): string => (value === undefined ? 'N/A' : String(value));

export const poddisruptionbudgets: KindDefinition<V1PodDisruptionBudget> = {
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  resource: 'poddisruptionbudgets',
  singular: 'poddisruptionbudget',
  shortNames: ['pdb'],
  namespaced: true,
  schema: 'V1PodDisruptionBudget',
  hasGeneration: true,
  columns: [
    nameColumn,
    {
      name: 'Min Available',
      type: 'string',
      description: 'The minimum number of pods that must be available.',
      cell: ({ spec }) => orNotApplicable(spec?.minAvailable),
    },
    {
      name: 'Max Unavailable',
      type: 'string',
      description: 'The maximum number of pods that may be unavailable.',
      cell: ({ spec }) => orNotApplicable(spec?.maxUnavailable),
    },
    {
      name: 'Allowed Disruptions',
      type: 'integer',
      description: 'Calculated number of pods that may be disrupted at this time.',
      cell: ({ status }) => status?.disruptionsAllowed ?? 0,
    },
    ageColumn,
  ],
  prepareCreate: (draft) => {
    draft.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  validateCreate: validate,
  update: { prepare: keepStatus, validate },
  status: { validate: validateStatus },
};
