// InterPodAffinity: near or far from other pods, by topology domain; and what pods that run already ask of those to come.
import type { V1Pod } from '../../api/mod.ts';
import { defaultArgs, type PluginArgs } from '../config/plugin-args.ts';
import { type Plugin, scoreMax, skip, success, unresolvable, unschedulable } from '../framework.ts';
import type { NodeInfo } from '../node-info.ts';
import { type CompiledTerm, type NamespaceLabels, preferredTerms, requiredTerms } from '../pod-affinity-terms.ts';
import type { Snapshot } from '../snapshot.ts';
import { TopologyCounts } from '../topology-counts.ts';

const name = 'InterPodAffinity';
const scoreKey = `${name}/score`;

interface FilterState {
  readonly affinity: readonly CompiledTerm[];
  readonly antiAffinity: readonly CompiledTerm[];
  readonly near: TopologyCounts;
  readonly far: TopologyCounts;
  /** Where running pods with anti-affinity do not want this pod. */
  readonly refused: TopologyCounts;
  readonly refusedKeys: ReadonlySet<string>;
  readonly matchesItself: boolean;
}

const labelsOf = (node: NodeInfo | undefined): Readonly<Record<string, string>> => node?.node?.metadata?.labels ?? {};
const ownLabels = (pod: V1Pod): Readonly<Record<string, string>> => pod.metadata?.labels ?? {};
const namespaceOf = (pod: V1Pod): string => pod.metadata?.namespace ?? '';

/** Calls `visit` for each node with pods that `matches`, and how many. */
function forMatching(
  snapshot: Snapshot,
  of: { readonly terms: readonly CompiledTerm[]; readonly visit: (node: NodeInfo, count: number) => void },
): void {
  const { terms, visit } = of;
  for (const namespace of snapshot.groups.namespaces) {
    if (!terms.every((term) => term.concerns(namespace))) continue;
    for (const group of snapshot.groups.inNamespace(namespace)) {
      if (!terms.every((term) => term.matches(namespace, group.labels))) continue;
      for (const [nodeName, count] of group.nodes) {
        const node = snapshot.get(nodeName);
        if (node) visit(node, count);
      }
    }
  }
}

function refusals(pod: V1Pod, snapshot: Snapshot, namespaceLabels: NamespaceLabels): { counts: TopologyCounts; keys: Set<string> } {
  const counts = new TopologyCounts();
  const keys = new Set<string>();
  for (const { node, pod: running } of snapshot.podsWithAffinity()) {
    for (const term of requiredTerms(running, 'podAntiAffinity', namespaceLabels)) {
      const value = labelsOf(node)[term.topologyKey];
      if (value === undefined || !term.matches(namespaceOf(pod), ownLabels(pod))) continue;
      counts.add(term.topologyKey, value, 1);
      keys.add(term.topologyKey);
    }
  }
  return { counts, keys };
}

/** Undefined when neither the pod nor one that runs asks for anything. */
function filterState(pod: V1Pod, snapshot: Snapshot, namespaceLabels: NamespaceLabels): FilterState | undefined {
  const affinity = requiredTerms(pod, 'podAffinity', namespaceLabels);
  const antiAffinity = requiredTerms(pod, 'podAntiAffinity', namespaceLabels);
  const refused = refusals(pod, snapshot, namespaceLabels);
  if (affinity.length + antiAffinity.length === 0 && refused.counts.isEmpty) return undefined;
  const near = new TopologyCounts();
  const far = new TopologyCounts();
  if (affinity.length > 0) {
    forMatching(snapshot, {
      terms: affinity,
      visit: (node, count) => {
        for (const { topologyKey } of affinity) near.add(topologyKey, labelsOf(node)[topologyKey], count);
      },
    });
  }
  for (const term of antiAffinity) {
    forMatching(snapshot, { terms: [term], visit: (node, count) => far.add(term.topologyKey, labelsOf(node)[term.topologyKey], count) });
  }
  const matchesItself = affinity.every((term) => term.matches(namespaceOf(pod), ownLabels(pod)));
  return { affinity, antiAffinity, near, far, refused: refused.counts, refusedKeys: refused.keys, matchesItself };
}

interface InterPodAffinityOptions {
  readonly namespaceLabels: NamespaceLabels;
  /** `hardPodAffinityWeight`: what a required affinity of a running pod counts as a preference of pods to come. */
  readonly args: PluginArgs['InterPodAffinity'];
}

/** How much this pod, and the pods that run, would like it in each domain. */
function wishes(pod: V1Pod, snapshot: Snapshot, { namespaceLabels, args }: InterPodAffinityOptions): TopologyCounts {
  const scores = new TopologyCounts();
  const own = preferredTerms(pod, namespaceLabels);
  for (const term of own) {
    forMatching(snapshot, {
      terms: [term],
      visit: (node, count) => scores.add(term.topologyKey, labelsOf(node)[term.topologyKey], term.weight * count),
    });
  }
  const { hardPodAffinityWeight, ignorePreferredTermsOfExistingPods } = args;
  if (ignorePreferredTermsOfExistingPods && own.length === 0) return scores;
  for (const { node, pod: running } of snapshot.podsWithAffinity()) {
    const theirs = [...preferredTerms(running, namespaceLabels), ...requiredTerms(running, 'podAffinity', namespaceLabels)];
    for (const term of theirs) {
      if (term.matches(namespaceOf(pod), ownLabels(pod)))
        scores.add(term.topologyKey, labelsOf(node)[term.topologyKey], term.weight || hardPodAffinityWeight);
    }
  }
  return scores;
}

export const interPodAffinity = (
  namespaceLabels: NamespaceLabels,
  args: PluginArgs['InterPodAffinity'] = defaultArgs.InterPodAffinity,
): Plugin => ({
  name,
  helpedBy: 'a pod comes, goes or changes, a node is added or changes its labels',
  mayHelp: (_pod, event) => event.is !== 'nodeChanged' || event.old.metadata?.labels !== event.node.metadata?.labels,
  preFilter: (state, pod, snapshot) => {
    const filter = filterState(pod, snapshot, namespaceLabels);
    if (!filter) return skip;
    state.set(name, filter);
    return success;
  },
  filter: (state, _pod, node) => {
    const { affinity, antiAffinity, near, far, refused, refusedKeys, matchesItself } = state.get(name) as FilterState;
    const labels = labelsOf(node);
    if (affinity.some((term) => labels[term.topologyKey] === undefined)) return unresolvable("node(s) didn't match pod affinity rules");
    // The first of a group that wants to be together: nobody is there yet, and it is one of them itself.
    const isFirst = near.isEmpty && matchesItself;
    if (!isFirst && affinity.some((term) => near.get(term.topologyKey, labels[term.topologyKey]) === 0)) {
      return unresolvable("node(s) didn't match pod affinity rules");
    }
    if (antiAffinity.some((term) => far.get(term.topologyKey, labels[term.topologyKey]) > 0))
      return unschedulable("node(s) didn't match pod anti-affinity rules");
    for (const key of refusedKeys) {
      if (refused.get(key, labels[key]) > 0) return unschedulable("node(s) didn't satisfy existing pods anti-affinity rules");
    }
    return success;
  },
  preScore: (state, pod, _nodes, snapshot) => {
    const scores = wishes(pod, snapshot, { namespaceLabels, args });
    if (scores.isEmpty) return skip;
    state.set(scoreKey, scores);
    return success;
  },
  score: (state, _pod, node) => {
    const scores = state.get(scoreKey) as TopologyCounts;
    return Object.entries(labelsOf(node)).reduce((sum, [key, value]) => sum + scores.get(key, value), 0);
  },
  normalize: (_state, scores) => {
    const [lowest, highest] = [Math.min(...scores), Math.max(...scores)];
    for (let i = 0; i < scores.length; i++) {
      scores[i] = highest === lowest ? 0 : Math.floor((scoreMax * ((scores[i] ?? 0) - lowest)) / (highest - lowest));
    }
  },
});
