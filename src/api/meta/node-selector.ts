// Node selectors: terms are alternatives, requirements of a term must all hold.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#node-affinity
import type { V1Node, V1NodeSelector, V1NodeSelectorRequirement, V1NodeSelectorTerm, V1PodSpec } from '../generated/types.gen.ts';

/** All that a selector can ask about. */
export type NodeView = Pick<V1Node, 'metadata'>;

function matchesRequirement(requirement: V1NodeSelectorRequirement, value: string | undefined): boolean {
  const { operator, values = [] } = requirement;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt': {
      const [bound] = values;
      if (value === undefined || bound === undefined || !/^-?\d+$/.test(value) || !/^-?\d+$/.test(bound)) return false;
      return operator === 'Gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
    }
    default:
      return false;
  }
}

/** A term without requirements matches nothing. */
export function matchesTerm(term: V1NodeSelectorTerm, node: NodeView): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((requirement) => matchesRequirement(requirement, node.metadata?.labels?.[requirement.key])) &&
    matchFields.every((requirement) =>
      matchesRequirement(requirement, requirement.key === 'metadata.name' ? node.metadata?.name : undefined),
    )
  );
}

export const matchesNodeSelector = (selector: V1NodeSelector, node: NodeView): boolean =>
  selector.nodeSelectorTerms.some((term) => matchesTerm(term, node));

/** The pod's nodeSelector and its required node affinity: both must hold. */
export function matchesRequiredAffinity(spec: V1PodSpec | undefined, node: NodeView): boolean {
  const labels = node.metadata?.labels ?? {};
  if (!Object.entries(spec?.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required || matchesNodeSelector(required, node);
}
