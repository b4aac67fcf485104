// Which requests webhooks and admission policies are asked about: rules, selectors, match conditions. Validation and defaults.
import type { V1MatchCondition, V1MatchResources, V1RuleWithOperations } from '../generated/types.gen.ts';
import { validateDistinct } from '../meta/field-checks.ts';
import { duplicate, type FieldError, invalidValue, notSupported, required, tooMany } from '../meta/field-error.ts';
import { qualifiedNameProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { validateLabelSelector } from '../meta/validate-selector.ts';

const all = '*';
const scopes = ['*', 'Cluster', 'Namespaced'];
const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const matchConditionsMax = 64;
export const failurePolicies = ['Fail', 'Ignore'];
export const matchPolicies = ['Equivalent', 'Exact'];

type Rule = Partial<Pick<V1RuleWithOperations, 'apiGroups' | 'apiVersions' | 'operations' | 'resources' | 'scope'>>;

export function setRuleDefaults(rules: readonly Draft<Rule>[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ??= all;
}

export function setMatchDefaults(match: Draft<V1MatchResources> | undefined): void {
  if (match === undefined) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  setRuleDefaults(match.resourceRules);
  setRuleDefaults(match.excludeResourceRules);
}

/** Subresources by `pods/*`, `*\/scale`; nothing twice. */
function validateResources(resources: readonly string[], path: string, errors: FieldError[]): void {
  if (resources.length === 0) errors.push(required(path));
  const wildSubresources = new Set<string>();
  const wildResources = new Set<string>();
  for (const [i, text] of resources.entries()) {
    if (text === '') errors.push(required(`${path}[${i}]`));
    const slash = text.indexOf('/');
    if (slash < 0) continue;
    const [resource, subresource] = [text.slice(0, slash), text.slice(slash + 1)];
    if (wildSubresources.has(resource)) {
      errors.push(invalidValue(`${path}[${i}]`, text, `if '${resource}/*' is present, must not specify ${text}`));
    }
    if (wildResources.has(subresource)) {
      errors.push(invalidValue(`${path}[${i}]`, text, `if '*/${subresource}' is present, must not specify ${text}`));
    }
    if (subresource === all) wildSubresources.add(resource);
    if (resource === all) wildResources.add(subresource);
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    errors.push(invalidValue(path, resources, "if '*/*' is present, must not specify other resources"));
  }
  if (resources.includes(all) && resources.some((text) => text !== all && !text.includes('/'))) {
    errors.push(invalidValue(path, resources, "if '*' is present, must not specify other resources without subresources"));
  }
}

function validateStarAlone(list: readonly string[], path: string, what: string, errors: FieldError[]): void {
  if (list.length === 0) errors.push(required(path));
  if (list.length > 1 && list.includes(all)) errors.push(invalidValue(path, list, `if '*' is present, must not specify other ${what}`));
}

export function validateRule(rule: Rule, path: string, errors: FieldError[]): void {
  const given = rule.operations ?? [];
  validateStarAlone(given, `${path}.operations`, 'operations', errors);
  given.forEach((operation, i) => {
    if (!operations.includes(operation)) errors.push(notSupported(`${path}.operations[${i}]`, operation, operations));
  });
  validateStarAlone(rule.apiGroups ?? [], `${path}.apiGroups`, 'API groups', errors);
  const versions = rule.apiVersions ?? [];
  validateStarAlone(versions, `${path}.apiVersions`, 'API versions', errors);
  versions.forEach((version, i) => {
    if (version === '') errors.push(required(`${path}.apiVersions[${i}]`));
  });
  validateResources(rule.resources ?? [], `${path}.resources`, errors);
  if (rule.scope !== undefined && !scopes.includes(rule.scope)) errors.push(notSupported(`${path}.scope`, rule.scope, scopes));
}

/** The constraints of a policy, or the narrower ones of a binding, which may leave the rules out. */
export function validateMatchResources(match: V1MatchResources | undefined, needsRules: boolean, path: string, errors: FieldError[]): void {
  if (match === undefined) return void (needsRules && errors.push(required(path)));
  if (match.matchPolicy === undefined) errors.push(required(`${path}.matchPolicy`));
  else if (!matchPolicies.includes(match.matchPolicy)) errors.push(notSupported(`${path}.matchPolicy`, match.matchPolicy, matchPolicies));
  for (const field of ['namespaceSelector', 'objectSelector'] as const) {
    if (match[field] === undefined) errors.push(required(`${path}.${field}`));
    else validateLabelSelector(match[field], `${path}.${field}`, errors);
  }
  for (const field of ['resourceRules', 'excludeResourceRules'] as const) {
    match[field]?.forEach((rule, i) => {
      const at = `${path}.${field}[${i}]`;
      validateRule(rule, at, errors);
      validateDistinct(rule.resourceNames, (j) => `${at}.resourceNames[${j}]`, errors);
    });
  }
  if (needsRules && (match.resourceRules ?? []).length === 0) errors.push(required(`${path}.resourceRules`));
}

/** An expression must be there; what it says is for the evaluator to judge. */
export function validateExpression(expression: string | undefined, path: string, errors: FieldError[]): void {
  if ((expression ?? '').trim() === '') errors.push(required(path));
}

export function validateMatchConditions(conditions: readonly V1MatchCondition[] | undefined, path: string, errors: FieldError[]): void {
  const given = conditions ?? [];
  if (given.length > matchConditionsMax) errors.push(tooMany(path, given.length, matchConditionsMax));
  const names = new Set<string>();
  given.forEach(({ name = '', expression }, i) => {
    const at = `${path}[${i}]`;
    validateExpression(expression, `${at}.expression`, errors);
    if (name === '') errors.push(required(`${at}.name`));
    else addProblems(errors, `${at}.name`, name, qualifiedNameProblems(name));
    if (name !== '' && names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
  });
}
