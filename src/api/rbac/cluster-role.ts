// ClusterRole: what may be done, in the whole cluster or wherever it is bound.
import type { V1ClusterRole } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { nameColumn } from '../meta/columns.ts';
import { createdAtColumn } from '../meta/endpoint-rules.ts';
import { type FieldError, required } from '../meta/field-error.ts';
import { validateLabelSelector } from '../meta/validate-selector.ts';
import { rbacGroup, validatePolicyRules } from './policy-rules.ts';

function validate({ rules, aggregationRule }: V1ClusterRole): FieldError[] {
  const errors: FieldError[] = [];
  validatePolicyRules(rules, false, errors);
  if (aggregationRule === undefined) return errors;
  const path = 'aggregationRule.clusterRoleSelectors';
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) errors.push(required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil'));
  selectors.forEach((selector, i) => {
    validateLabelSelector(selector, `${path}[${i}]`, errors);
  });
  return errors;
}

export const clusterroles: KindDefinition<V1ClusterRole> = {
  group: rbacGroup,
  version: 'v1',
  kind: 'ClusterRole',
  resource: 'clusterroles',
  singular: 'clusterrole',
  namespaced: false,
  schema: 'V1ClusterRole',
  nameRule: 'pathSegment',
  hasGeneration: false,
  columns: [nameColumn, createdAtColumn],
  validateCreate: validate,
  update: { validate },
};
