// What one RBAC rule allows. Pure; this is the definition, and the index must agree with it.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
import type { V1PolicyRule } from '../../../api/mod.ts';
import type { Attributes } from '../authorizer.ts';

export const anything = '*';

export function ruleAllows(rule: V1PolicyRule, attributes: Attributes): boolean {
  if (!holds(rule.verbs, attributes.verb)) return false;
  if (attributes.as === 'path') return (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, attributes.path));
  const { group, resource, subresource, name } = attributes;
  return (
    holds(rule.apiGroups, group) && resourceMatches(rule.resources ?? [], resource, subresource) && nameMatches(rule.resourceNames, name)
  );
}

const holds = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes(anything) || list.includes(value));

/** `pods/log` and `*\/scale` name subresources; `*` is everything, subresources included; `pods` is not `pods/log`. */
function resourceMatches(list: readonly string[], resource: string, subresource: string): boolean {
  if (list.includes(anything)) return true;
  if (subresource === '') return list.includes(resource);
  return list.includes(`${resource}/${subresource}`) || list.includes(`*/${subresource}`);
}

/** No names: all objects. A request without a name (list, create) then needs a rule without names. */
const nameMatches = (names: readonly string[] | undefined, name: string): boolean =>
  names === undefined || names.length === 0 || names.includes(name);

/** A `*` at the end stands for any rest. */
export function pathMatches(pattern: string, path: string): boolean {
  if (pattern === anything || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, ''));
}
