// What may be used only where a quota covers it: says what no quota of the namespace covers. Pure.
// Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/#limit-priority-class-consumption-by-default
import {
  countedNames,
  isInScopes,
  isZeroQuantity,
  type KubeObject,
  usageRulesOf,
  type V1ResourceQuota,
  type V1ScopedResourceSelectorRequirement,
} from '../../../api/mod.ts';
import type { LimitedResource } from '../settings.ts';
import type { Demand } from './check.ts';

/** Why the write is refused; undefined where it is not. */
export function uncovered(
  limited: readonly LimitedResource[],
  quotas: readonly V1ResourceQuota[],
  { kind, object }: Demand,
  nowMs: number,
): string | undefined {
  const mine = limited.filter(({ group, resource }) => group === kind.group && resource === kind.resource);
  if (mine.length === 0) return undefined;
  const here = quotas.filter((quota) => isInScopes(quota, kind, object));
  const used = [...usageRulesOf(kind).usage(object, nowMs)].filter(([, amount]) => !isZeroQuantity(amount)).map(([name]) => name);
  const restricted = used.filter((name) => mine.some(({ matchContains }) => matchContains.some((part) => name.includes(part))));
  // As the controller has taken it in: until then nothing is counted.
  const covered = new Set(here.flatMap((quota) => countedNames(Object.keys(quota.status?.hard ?? {}), kind)));
  const missing = restricted.filter((name) => !covered.has(name)).sort();
  if (missing.length > 0) return `insufficient quota to consume: ${missing.join(',')}`;
  const scopes = mine.flatMap(({ matchScopes }) => matchScopes).filter((scope) => isIn(scope, kind, object));
  const open = scopes.filter((scope) => !here.some((quota) => names(quota, scope)));
  return open.length === 0 ? undefined : `insufficient quota to match these scopes: [${open.map(textOf).join(' ')}]`;
}

const isIn = (scope: V1ScopedResourceSelectorRequirement, kind: Demand['kind'], object: KubeObject): boolean =>
  isInScopes({ spec: { scopeSelector: { matchExpressions: [scope] } } }, kind, object);

const names = ({ spec }: V1ResourceQuota, { scopeName }: V1ScopedResourceSelectorRequirement): boolean =>
  (spec?.scopes ?? []).includes(scopeName) || (spec?.scopeSelector?.matchExpressions ?? []).some((one) => one.scopeName === scopeName);

const textOf = ({ scopeName, operator, values = [] }: V1ScopedResourceSelectorRequirement): string =>
  `{${scopeName} ${operator} [${values.join(' ')}]}`;
