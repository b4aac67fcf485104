// Which rules a cluster role has that gathers those of others. Pure.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
import { compileLabelSelector, sameMeaning, type V1ClusterRole, type V1PolicyRule } from '../../api/mod.ts';

/** The rules of all roles that one of the selectors selects, by the roles' names, each rule once. Undefined: the role gathers none. */
export function aggregatedRules(role: V1ClusterRole, all: readonly V1ClusterRole[]): readonly V1PolicyRule[] | undefined {
  const selectors = role.aggregationRule?.clusterRoleSelectors;
  if (!selectors) return undefined;
  const own = role.metadata?.name;
  const rules: V1PolicyRule[] = [];
  for (const selector of selectors) {
    const matches = compileLabelSelector(selector);
    const selected = all.filter(({ metadata }) => metadata?.name !== own && matches(metadata?.labels ?? {}));
    for (const source of selected.sort(byName)) {
      for (const rule of source.rules ?? []) if (!rules.some((known) => sameMeaning(known, rule))) rules.push(rule);
    }
  }
  return rules;
}

const byName = (a: V1ClusterRole, b: V1ClusterRole): number => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1);
