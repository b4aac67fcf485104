// NodeAffinity: the pod's nodeSelector and node affinity against the node's labels.
import { matchesRequiredAffinity, matchesTerm, type V1Node, type V1Pod, type V1PodSpec } from '../../api/mod.ts';
import { defaultArgs, type PluginArgs } from '../config/plugin-args.ts';
import { normalizeScores, type Plugin, skip, success, unresolvable } from '../framework.ts';

/** The nodes that the pod's affinity names by metadata.name, when every alternative names some: no need to look at others. */
function namedNodes(pod: V1Pod): readonly string[] | undefined {
  const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const names = terms.map((term) => term.matchFields?.find((field) => field.key === 'metadata.name' && field.operator === 'In')?.values);
  return terms.length > 0 && names.every((list) => list !== undefined) ? [...new Set(names.flatMap((list) => list ?? []))] : undefined;
}

/** `addedAffinity` is the profile's own, beside every pod's. */
export function createNodeAffinity({ addedAffinity }: PluginArgs['NodeAffinity'] = defaultArgs.NodeAffinity): Plugin {
  const added: V1PodSpec | undefined = addedAffinity && { containers: [], affinity: { nodeAffinity: addedAffinity } };
  const isAllowed = (node: V1Node): boolean => added === undefined || matchesRequiredAffinity(added, node);
  const matches = (pod: V1Pod, node: V1Node): boolean => isAllowed(node) && matchesRequiredAffinity(pod.spec, node);
  const addedPreferred = addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const preferredOf = (pod: V1Pod) => {
    const own = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return addedPreferred.length === 0 ? own : [...own, ...addedPreferred];
  };
  return {
    name: 'NodeAffinity',
    nodeAlone: true,
    helpedBy: "a node is added, or gets labels, that the pod's node selector and affinity match",
    mayHelp: (pod, event) =>
      (event.is === 'nodeAdded' && matches(pod, event.node)) ||
      (event.is === 'nodeChanged' && matches(pod, event.node) && !matches(pod, event.old)),
    preFilter: (_state, pod) => {
      const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
      if (!added && !required && Object.keys(pod.spec?.nodeSelector ?? {}).length === 0) return skip;
      const nodes = namedNodes(pod);
      return nodes ? { is: 'success', nodes } : success;
    },
    filter: (_state, pod, { node }) => {
      if (node && !isAllowed(node)) return unresolvable("node(s) didn't match scheduler-enforced node affinity");
      return node && matchesRequiredAffinity(pod.spec, node) ? success : unresolvable("node(s) didn't match Pod's node affinity/selector");
    },
    preScore: (_state, pod) => (preferredOf(pod).length > 0 ? success : skip),
    score: (_state, pod, { node }) =>
      preferredOf(pod).reduce((sum, preferred) => sum + (node && matchesTerm(preferred.preference, node) ? preferred.weight : 0), 0),
    normalize: (_state, scores) => normalizeScores(scores),
  };
}
