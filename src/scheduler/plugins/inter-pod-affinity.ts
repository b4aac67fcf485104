// InterPodAffinity: near or far from other pods, by topology domain; and what pods that run already ask of those to come.
import { equal, type V1Pod } from '../../api/mod.ts';
import { defaultArgs, type PluginArgs } from '../config/plugin-args.ts';
import { type ClusterEvent, type Plugin, scoreMax, skip, success, unresolvable, unschedulable, type Verdict } from '../framework.ts';
import { type CompiledTerm, type NamespaceLabels, preferredTerms, requiredTerms } from '../pod-affinity-terms.ts';
import type { PodGroup } from '../pod-groups.ts';
import type { Snapshot } from '../snapshot.ts';
import { TopologyCounts } from '../topology-counts.ts';

const name = 'InterPodAffinity';
const scoreKey = `${name}/score`;

// Made once: nodes are turned down by the thousand.
const notNear: Verdict = { ...unresolvable("node(s) didn't match pod affinity rules"), plugin: name };
const notFar: Verdict = { ...unschedulable("node(s) didn't match pod anti-affinity rules"), plugin: name };
const refusedByOthers: Verdict = { ...unschedulable("node(s) didn't satisfy existing pods anti-affinity rules"), plugin: name };

interface FilterState {
  readonly affinity: readonly CompiledTerm[];
  readonly antiAffinity: readonly CompiledTerm[];
  readonly near: TopologyCounts;
  readonly far: TopologyCounts;
  /** Where running pods with anti-affinity do not want this pod. */
  readonly refused: TopologyCounts;
  readonly matchesItself: boolean;
}

const noLabels: Readonly<Record<string, string>> = {};
const ownLabels = (pod: V1Pod): Readonly<Record<string, string>> => pod.metadata?.labels ?? noLabels;
const namespaceOf = (pod: V1Pod): string => pod.metadata?.namespace ?? '';

/** What pods that run ask of others; the pods of a group ask the same. */
interface GroupTerms {
  readonly antiAffinity: readonly CompiledTerm[];
  readonly affinity: readonly CompiledTerm[];
  readonly preferred: readonly CompiledTerm[];
}

function createTermsOf(namespaceLabels: NamespaceLabels): (group: PodGroup) => GroupTerms {
  const known = new WeakMap<PodGroup, GroupTerms>();
  return (group) => {
    let terms = known.get(group);
    if (!terms) {
      const { sample } = group;
      terms = {
        antiAffinity: requiredTerms(sample, 'podAntiAffinity', namespaceLabels),
        affinity: requiredTerms(sample, 'podAffinity', namespaceLabels),
        preferred: preferredTerms(sample, namespaceLabels),
      };
      known.set(group, terms);
    }
    return terms;
  };
}

/** The groups of pods that every term speaks of. */
function* matching(snapshot: Snapshot, terms: readonly CompiledTerm[]): Iterable<PodGroup> {
  for (const namespace of snapshot.groups.namespaces) {
    if (!terms.every((term) => term.concerns(namespace))) continue;
    for (const group of snapshot.groups.inNamespace(namespace)) {
      if (terms.every((term) => term.matches(namespace, group.labels))) yield group;
    }
  }
}

interface Affinities {
  readonly namespaceLabels: NamespaceLabels;
  readonly termsOf: (group: PodGroup) => GroupTerms;
  /** `hardPodAffinityWeight`: what a required affinity of a running pod counts as a preference of pods to come. */
  readonly args: PluginArgs['InterPodAffinity'];
}

function refusals(pod: V1Pod, snapshot: Snapshot, { termsOf }: Affinities): TopologyCounts {
  const counts = new TopologyCounts();
  for (const group of snapshot.groups.withAffinity) {
    for (const term of termsOf(group).antiAffinity) {
      if (term.matches(namespaceOf(pod), ownLabels(pod))) counts.add(term.topologyKey, group.domains(term.topologyKey));
    }
  }
  return counts;
}

/** Undefined when neither the pod nor one that runs asks for anything. */
function filterState(pod: V1Pod, snapshot: Snapshot, of: Affinities): FilterState | undefined {
  const affinity = requiredTerms(pod, 'podAffinity', of.namespaceLabels);
  const antiAffinity = requiredTerms(pod, 'podAntiAffinity', of.namespaceLabels);
  const refused = refusals(pod, snapshot, of);
  if (affinity.length + antiAffinity.length === 0 && refused.isEmpty) return undefined;
  const near = new TopologyCounts();
  const far = new TopologyCounts();
  if (affinity.length > 0) {
    for (const group of matching(snapshot, affinity)) {
      for (const { topologyKey } of affinity) near.add(topologyKey, group.domains(topologyKey));
    }
  }
  for (const term of antiAffinity) {
    for (const group of matching(snapshot, [term])) far.add(term.topologyKey, group.domains(term.topologyKey));
  }
  const matchesItself = affinity.every((term) => term.matches(namespaceOf(pod), ownLabels(pod)));
  return { affinity, antiAffinity, near, far, refused, matchesItself };
}

/** How much this pod, and the pods that run, would like it in each domain. */
function wishes(pod: V1Pod, snapshot: Snapshot, { namespaceLabels, termsOf, args }: Affinities): TopologyCounts {
  const scores = new TopologyCounts();
  const own = preferredTerms(pod, namespaceLabels);
  for (const term of own) {
    for (const group of matching(snapshot, [term])) scores.add(term.topologyKey, group.domains(term.topologyKey), term.weight);
  }
  const { hardPodAffinityWeight, ignorePreferredTermsOfExistingPods } = args;
  if (ignorePreferredTermsOfExistingPods && own.length === 0) return scores;
  for (const group of snapshot.groups.withAffinity) {
    const { preferred, affinity } = termsOf(group);
    for (const term of [...preferred, ...affinity]) {
      if (term.matches(namespaceOf(pod), ownLabels(pod)))
        scores.add(term.topologyKey, group.domains(term.topologyKey), term.weight || hardPodAffinityWeight);
    }
  }
  return scores;
}

const speaksOf = (terms: readonly CompiledTerm[], { metadata }: V1Pod): boolean =>
  terms.some((term) => term.matches(metadata?.namespace ?? '', metadata?.labels ?? noLabels));

function mayHelp(pod: V1Pod, event: ClusterEvent, namespaceLabels: NamespaceLabels): boolean {
  if (event.is === 'nodeGone') return false;
  if (event.is === 'nodeChanged') return !equal(event.old.metadata?.labels, event.node.metadata?.labels);
  const affinity = requiredTerms(pod, 'podAffinity', namespaceLabels);
  if (event.is === 'nodeAdded') return affinity.every(({ topologyKey }) => event.node.metadata?.labels?.[topologyKey] !== undefined);
  if (event.is === 'podBound') return speaksOf(affinity, event.pod);
  const antiAffinity = requiredTerms(pod, 'podAntiAffinity', namespaceLabels);
  if (event.is === 'podChanged') {
    if (equal(event.old.metadata?.labels, event.pod.metadata?.labels)) return false;
    return speaksOf(affinity, event.pod) || speaksOf(antiAffinity, event.old);
  }
  if (speaksOf(antiAffinity, event.pod) || speaksOf(requiredTerms(event.pod, 'podAntiAffinity', namespaceLabels), pod)) return true;
  // With the last of those it wants to be near gone, it may be the first of them itself.
  return speaksOf(affinity, event.pod) && speaksOf(affinity, pod);
}

export const interPodAffinity = (
  namespaceLabels: NamespaceLabels,
  args: PluginArgs['InterPodAffinity'] = defaultArgs.InterPodAffinity,
): Plugin => {
  const of: Affinities = { namespaceLabels, termsOf: createTermsOf(namespaceLabels), args };
  return {
    name,
    helpedBy:
      'a pod that its terms speak of, or whose terms speak of it, comes, goes or changes its labels, or a node is added or changes its labels',
    mayHelp: (pod, event) => mayHelp(pod, event, namespaceLabels),
    countsPods: true,
    preFilter: (state, pod, snapshot) => {
      const filter = filterState(pod, snapshot, of);
      if (!filter) return skip;
      state.set(name, filter);
      return success;
    },
    filter: (state, _pod, node) => {
      const { affinity, antiAffinity, near, far, refused, matchesItself } = state.get(name) as FilterState;
      const labels = node.labels;
      if (affinity.some((term) => labels[term.topologyKey] === undefined)) return notNear;
      // The first of a group that wants to be together: nobody is there yet, and it is one of them itself.
      const isFirst = near.isEmpty && matchesItself;
      if (!isFirst && affinity.some((term) => near.get(term.topologyKey, labels[term.topologyKey]) === 0)) {
        return notNear;
      }
      if (antiAffinity.some((term) => far.get(term.topologyKey, labels[term.topologyKey]) > 0)) return notFar;
      for (const key of refused.keys) {
        if (refused.get(key, labels[key]) > 0) return refusedByOthers;
      }
      return success;
    },
    preScore: (state, pod, _nodes, snapshot) => {
      const scores = wishes(pod, snapshot, of);
      if (scores.isEmpty) return skip;
      state.set(scoreKey, scores);
      return success;
    },
    score: (state, _pod, node) => {
      const scores = state.get(scoreKey) as TopologyCounts;
      const labels = node.labels;
      let sum = 0;
      for (const key of scores.keys) sum += scores.get(key, labels[key]);
      return sum;
    },
    normalize: (_state, scores) => {
      const [lowest, highest] = [Math.min(...scores), Math.max(...scores)];
      for (let i = 0; i < scores.length; i++) {
        scores[i] = highest === lowest ? 0 : Math.floor((scoreMax * ((scores[i] ?? 0) - lowest)) / (highest - lowest));
      }
    },
  };
};
