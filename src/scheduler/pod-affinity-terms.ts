// Terms of pod affinity and anti-affinity: which pods a term speaks of.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
import { compileLabelSelector, compileSelector, selectorOf, type V1LabelSelector, type V1Pod, type V1PodAffinityTerm } from '../api/mod.ts';

/** The labels of a namespace; undefined when there is no such namespace. */
export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>> | undefined;

/** A term of one pod, ready to be asked. */
export interface CompiledTerm {
  readonly topologyKey: string;
  readonly weight: number;
  matches(namespace: string, labels: Readonly<Record<string, string>>): boolean;
  /** False saves asking about any pod of that namespace. */
  concerns(namespace: string): boolean;
}

export function compileTerm(owner: V1Pod, term: V1PodAffinityTerm, namespaceLabels: NamespaceLabels, weight = 0): CompiledTerm {
  const matchesLabels = compileSelector(selectorOf(withLabelKeys(owner, term)));
  const named = new Set(term.namespaces ?? []);
  const selector = term.namespaceSelector ? compileLabelSelector(term.namespaceSelector) : undefined;
  // Neither names nor a selector: the pod's own namespace.
  if (named.size === 0 && !selector) named.add(owner.metadata?.namespace ?? '');
  const concerns = (namespace: string) => named.has(namespace) || (selector?.(namespaceLabels(namespace) ?? {}) ?? false);
  return { topologyKey: term.topologyKey, weight, concerns, matches: (namespace, labels) => matchesLabels(labels) && concerns(namespace) };
}

/** `matchLabelKeys` takes values from the pod itself: In for the first list, NotIn for the second. No selector matches no pod. */
function withLabelKeys(owner: V1Pod, term: V1PodAffinityTerm): V1LabelSelector | undefined {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  if (!labelSelector || matchLabelKeys.length + mismatchLabelKeys.length === 0) return labelSelector;
  const labels = owner.metadata?.labels ?? {};
  const requirement = (operator: string) => (key: string) => (labels[key] === undefined ? [] : [{ key, operator, values: [labels[key]] }]);
  return {
    ...labelSelector,
    matchExpressions: [
      ...(labelSelector.matchExpressions ?? []),
      ...matchLabelKeys.flatMap(requirement('In')),
      ...mismatchLabelKeys.flatMap(requirement('NotIn')),
    ],
  };
}

const requiredOf = (pod: V1Pod, kind: 'podAffinity' | 'podAntiAffinity'): readonly V1PodAffinityTerm[] =>
  pod.spec?.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];

export const requiredTerms = (
  pod: V1Pod,
  kind: 'podAffinity' | 'podAntiAffinity',
  namespaceLabels: NamespaceLabels,
): readonly CompiledTerm[] => requiredOf(pod, kind).map((term) => compileTerm(pod, term, namespaceLabels));

/** Anti-affinity has negative weights. */
export function preferredTerms(pod: V1Pod, namespaceLabels: NamespaceLabels): readonly CompiledTerm[] {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  return [
    ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm }) =>
      compileTerm(pod, podAffinityTerm, namespaceLabels, weight),
    ),
    ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm }) =>
      compileTerm(pod, podAffinityTerm, namespaceLabels, -weight),
    ),
  ];
}

export const hasAffinity = (pod: V1Pod): boolean =>
  pod.spec?.affinity?.podAffinity !== undefined || pod.spec?.affinity?.podAntiAffinity !== undefined;
