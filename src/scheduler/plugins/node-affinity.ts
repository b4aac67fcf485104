// NodeAffinity: the pod's nodeSelector and node affinity against the node's labels.
import { matchesRequiredAffinity, matchesTerm, type V1Pod } from '../../api/mod.ts';
import { normalizeScores, type Plugin, skip, success, unresolvable } from '../framework.ts';

/** The nodes that the pod's affinity names by metadata.name, when every alternative names some: no need to look at others. */
function namedNodes(pod: V1Pod): readonly string[] | undefined {
  const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const names = terms.map((term) => term.matchFields?.find((field) => field.key === 'metadata.name' && field.operator === 'In')?.values);
  return terms.length > 0 && names.every((list) => list !== undefined) ? [...new Set(names.flatMap((list) => list ?? []))] : undefined;
}

export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  helpedBy: "a node is added, or gets labels, that the pod's node selector and affinity match",
  mayHelp: (pod, event) =>
    (event.is === 'nodeAdded' && matchesRequiredAffinity(pod.spec, event.node)) ||
    (event.is === 'nodeChanged' && matchesRequiredAffinity(pod.spec, event.node) && !matchesRequiredAffinity(pod.spec, event.old)),
  preFilter: (_state, pod) => {
    const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    if (!required && Object.keys(pod.spec?.nodeSelector ?? {}).length === 0) return skip;
    const nodes = namedNodes(pod);
    return nodes ? { is: 'success', nodes } : success;
  },
  filter: (_state, pod, info) =>
    info.node && matchesRequiredAffinity(pod.spec, info.node) ? success : unresolvable("node(s) didn't match Pod's node affinity/selector"),
  preScore: (_state, pod) => (pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution?.length ? success : skip),
  score: (_state, pod, { node }) =>
    (pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).reduce(
      (sum, preferred) => sum + (node && matchesTerm(preferred.preference, node) ? preferred.weight : 0),
      0,
    ),
  normalize: (_state, scores) => normalizeScores(scores),
};
