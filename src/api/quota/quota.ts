// Which objects a ResourceQuota is about, and what all of them together use of it. Pure.
// Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-scopes
import { addQuantityMap, type QuantityMap } from '../core/pod-amounts.ts';
import { qosClassOf } from '../core/pod-qos.ts';
import type {
  V1PersistentVolumeClaim,
  V1Pod,
  V1PodAffinityTerm,
  V1ResourceQuota,
  V1ScopedResourceSelectorRequirement,
} from '../generated/types.gen.ts';
import type { KubeObject } from '../meta/object.ts';
import { formatQuantity, type Quantity, quantityOf } from '../meta/quantity.ts';
import { type GroupResource, usageRulesOf } from './usage.ts';

/** Every scope of a quota, as the requirements that they are. */
const scopesOf = ({ spec }: V1ResourceQuota): readonly V1ScopedResourceSelectorRequirement[] => [
  ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
  ...(spec?.scopeSelector?.matchExpressions ?? []),
];

/** `names`: all that the object has of what the scope is about. */
function selects({ operator, values = [] }: V1ScopedResourceSelectorRequirement, names: readonly string[]): boolean {
  switch (operator) {
    case 'Exists':
      return names.length > 0;
    case 'DoesNotExist':
      return names.length === 0;
    case 'In':
      return names.some((name) => values.includes(name));
    case 'NotIn':
      return names.length === 0 || names.some((name) => !values.includes(name));
    default:
      return false;
  }
}

const given = (...names: readonly (string | undefined)[]): readonly string[] => names.filter((name): name is string => !!name);

function podIsInScope(scope: V1ScopedResourceSelectorRequirement, { spec }: V1Pod): boolean {
  switch (scope.scopeName) {
    case 'Terminating':
      return spec?.activeDeadlineSeconds !== undefined;
    case 'NotTerminating':
      return spec?.activeDeadlineSeconds === undefined;
    case 'BestEffort':
      return qosClassOf(spec) === 'BestEffort';
    case 'NotBestEffort':
      return qosClassOf(spec) !== 'BestEffort';
    case 'PriorityClass':
      return selects(scope, given(spec?.priorityClassName));
    case 'CrossNamespacePodAffinity':
      return affinityTerms(spec).some(({ namespaces, namespaceSelector }) => (namespaces ?? []).length > 0 || !!namespaceSelector);
    default:
      return false;
  }
}

function affinityTerms(spec: V1Pod['spec']): readonly V1PodAffinityTerm[] {
  const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  return [podAffinity, podAntiAffinity].flatMap((each) => [
    ...(each?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(each?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
}

function claimIsInScope(scope: V1ScopedResourceSelectorRequirement, { spec, status }: V1PersistentVolumeClaim): boolean {
  if (scope.scopeName !== 'VolumeAttributesClass') return false;
  const { currentVolumeAttributesClassName, modifyVolumeStatus } = status ?? {};
  return selects(
    scope,
    given(spec?.volumeAttributesClassName, currentVolumeAttributesClassName, modifyVolumeStatus?.targetVolumeAttributesClassName),
  );
}

/** Scopes are about pods, or claims: with a scope that is not about it, an object is never counted. */
export function isInScopes(quota: V1ResourceQuota, of: GroupResource, object: KubeObject): boolean {
  const scopes = scopesOf(quota);
  if (scopes.length === 0) return true;
  if (of.group !== '') return false;
  if (of.resource === 'pods') return scopes.every((scope) => podIsInScope(scope, object as V1Pod));
  if (of.resource === 'persistentvolumeclaims') return scopes.every((scope) => claimIsInScope(scope, object as V1PersistentVolumeClaim));
  return false;
}

/** The names among these that objects of the resource count for. */
export function countedNames(names: readonly string[], of: GroupResource): readonly string[] {
  const { counts } = usageRulesOf(of);
  return names.filter(counts);
}

export interface Counted {
  readonly of: GroupResource;
  readonly objects: Iterable<KubeObject>;
}

/** What all these objects together use of `names`. Names that none of their resources counts for are absent. */
export function totalUsage(quota: V1ResourceQuota, names: readonly string[], all: readonly Counted[], nowMs: number): QuantityMap {
  const total = new Map<string, Quantity>();
  for (const { of, objects } of all) {
    const counted = countedNames(names, of);
    if (counted.length === 0) continue;
    for (const name of counted) if (!total.has(name)) total.set(name, quantityOf(0));
    const { usage } = usageRulesOf(of);
    for (const object of objects) {
      if (isInScopes(quota, of, object)) addQuantityMap(total, onlyNames(usage(object, nowMs), counted));
    }
  }
  return total;
}

export const onlyNames = (amounts: QuantityMap, names: readonly string[]): QuantityMap => {
  const only = new Map<string, Quantity>();
  for (const name of names) {
    const amount = amounts.get(name);
    if (amount) only.set(name, amount);
  }
  return only;
};

/** In the form of `status.used`, names in order. */
export const asAmounts = (amounts: QuantityMap): Readonly<Record<string, string>> =>
  Object.fromEntries([...amounts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, quantity]) => [name, formatQuantity(quantity)]));
