// The rules of roles: who wants to do what with which resources or paths.
import type { V1PolicyRule } from '../generated/types.gen.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';

const isEmpty = (list: readonly string[] | undefined): boolean => (list ?? []).length === 0;

export function validatePolicyRules(rules: readonly V1PolicyRule[] | undefined, namespaced: boolean, errors: FieldError[]): void {
  rules?.forEach((rule, i) => {
    validateRule(rule, namespaced, `rules[${i}]`, errors);
  });
}

function validateRule(rule: V1PolicyRule, namespaced: boolean, path: string, errors: FieldError[]): void {
  if (isEmpty(rule.verbs)) errors.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
  if (!isEmpty(rule.nonResourceURLs)) {
    const at = `${path}.nonResourceURLs`;
    if (namespaced) errors.push(invalidValue(at, rule.nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'));
    if (!isEmpty(rule.apiGroups) || !isEmpty(rule.resources) || !isEmpty(rule.resourceNames)) {
      errors.push(invalidValue(at, rule.nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'));
    }
    return;
  }
  if (isEmpty(rule.apiGroups)) errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  if (isEmpty(rule.resources)) errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
}
