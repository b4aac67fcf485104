// PodTopologySpread: pods of a kind in equal numbers over topology domains.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/
import {
  compileSelector,
  equal,
  findUntolerated,
  type LabelSelector,
  matchesRequiredAffinity,
  selectorOf,
  type V1Node,
  type V1Pod,
  type V1TopologySpreadConstraint,
} from '../../api/mod.ts';
import { defaultArgs, type PluginArgs } from '../config/plugin-args.ts';
import { type ClusterEvent, type Plugin, scoreMax, skip, success, unresolvable, unschedulable, type Verdict } from '../framework.ts';
import type { PodGroup } from '../pod-groups.ts';
import type { LabelValues, Snapshot } from '../snapshot.ts';

const name = 'PodTopologySpread';
const scoreKey = `${name}/score`;
/** The raw score of a node that lacks a topology key: it ends up with none. */
const lacksKey = -1;

// Made once: nodes are turned down by the thousand.
const lacksLabel: Verdict = {
  ...unresolvable("node(s) didn't match pod topology spread constraints (missing required label)"),
  plugin: name,
};
const tooMany: Verdict = { ...unschedulable("node(s) didn't match pod topology spread constraints"), plugin: name };

/** For pods without constraints of their own that belong to a workload or service. Source: upstream's system defaults. */
const systemDefaults: readonly V1TopologySpreadConstraint[] = [
  { maxSkew: 3, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' },
  { maxSkew: 5, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
];

/** The selector of the services and workloads that a pod belongs to; undefined when it belongs to none. */
export type DefaultSelector = (pod: V1Pod) => LabelSelector | undefined;

interface Constraint {
  readonly maxSkew: number;
  readonly topologyKey: string;
  readonly minDomains: number;
  readonly honorAffinity: boolean;
  readonly honorTaints: boolean;
  readonly matches: (labels: Readonly<Record<string, string>>) => boolean;
}

interface Counted {
  readonly constraint: Constraint;
  /** Matching pods by the domain's value. Eligible domains that are not there have none. */
  readonly domains: ReadonlyMap<string, number>;
  /** How many eligible domains there are. */
  readonly domainCount: number;
  /** Which domain each node belongs to. */
  readonly of: LabelValues;
}

const ownLabels = (pod: V1Pod): Readonly<Record<string, string>> => pod.metadata?.labels ?? {};

function compile(pod: V1Pod, constraint: V1TopologySpreadConstraint): Constraint {
  const labels = ownLabels(pod);
  const keys = (constraint.matchLabelKeys ?? []).filter((key) => labels[key] !== undefined);
  const selector = selectorOf(
    keys.length === 0
      ? constraint.labelSelector
      : {
          ...constraint.labelSelector,
          matchExpressions: [
            ...(constraint.labelSelector?.matchExpressions ?? []),
            ...keys.map((key) => ({ key, operator: 'In', values: [labels[key] ?? ''] })),
          ],
        },
  );
  return {
    maxSkew: constraint.maxSkew,
    topologyKey: constraint.topologyKey,
    minDomains: constraint.minDomains ?? 1,
    honorAffinity: constraint.nodeAffinityPolicy !== 'Ignore',
    honorTaints: constraint.nodeTaintsPolicy === 'Honor',
    matches: compileSelector(selector),
  };
}

const constraintsOf = (pod: V1Pod, whenUnsatisfiable: string): readonly Constraint[] =>
  (pod.spec?.topologySpreadConstraints ?? []).filter((one) => one.whenUnsatisfiable === whenUnsatisfiable).map((one) => compile(pod, one));

function isEligible(pod: V1Pod, node: V1Node, constraint: Constraint): boolean {
  if (constraint.honorAffinity && !matchesRequiredAffinity(pod.spec, node)) return false;
  return !constraint.honorTaints || !findUntolerated(node.spec?.taints ?? [], pod.spec?.tolerations ?? [], ['NoSchedule', 'NoExecute']);
}

/** Counts each constraint over the nodes that have all of the keys. */
function count(pod: V1Pod, snapshot: Snapshot, constraints: readonly Constraint[]): readonly Counted[] {
  const everyNodeCounts =
    constraints.every(({ honorTaints, topologyKey }) => !honorTaints && everyNodeHas(snapshot, topologyKey)) && !hasNodeAffinity(pod);
  return everyNodeCounts
    ? constraints.map((constraint) => countMatching(pod, snapshot, constraint))
    : countEligible(pod, snapshot, constraints);
}

const everyNodeHas = (snapshot: Snapshot, topologyKey: string): boolean =>
  snapshot.labelValues(topologyKey).nodes === snapshot.nodes.length;

const hasNodeAffinity = ({ spec }: V1Pod): boolean =>
  spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined ||
  Object.keys(spec?.nodeSelector ?? {}).length > 0;

/** Where every node counts, the groups of pods know how many of them each domain has; the other domains have none. */
function countMatching(pod: V1Pod, snapshot: Snapshot, constraint: Constraint): Counted {
  const { topologyKey } = constraint;
  const counts = matchingGroups(pod, snapshot, constraint).map((group) => group.domains(topologyKey));
  const of = snapshot.labelValues(topologyKey);
  return { constraint, domains: sumOf(counts), domainCount: of.values.length, of };
}

function sumOf(counts: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const [only] = counts;
  if (only && counts.length === 1) return only;
  const sums = new Map<string, number>();
  for (const count of counts) for (const [key, pods] of count) sums.set(key, (sums.get(key) ?? 0) + pods);
  return sums;
}

function countEligible(pod: V1Pod, snapshot: Snapshot, constraints: readonly Constraint[]): readonly Counted[] {
  const perNode = constraints.map((constraint) => sumOf(matchingGroups(pod, snapshot, constraint).map((group) => group.nodes)));
  const domains = constraints.map(() => new Map<string, number>());
  for (const node of snapshot.nodes) {
    const labels = node.labels;
    if (!node.node || !constraints.every(({ topologyKey }) => labels[topologyKey] !== undefined)) continue;
    for (const [i, constraint] of constraints.entries()) {
      if (!isEligible(pod, node.node, constraint)) continue;
      const value = labels[constraint.topologyKey] ?? '';
      domains[i]?.set(value, (domains[i]?.get(value) ?? 0) + (perNode[i]?.get(node.name) ?? 0));
    }
  }
  return constraints.map((constraint, i) => {
    const of = snapshot.labelValues(constraint.topologyKey);
    return { constraint, domains: domains[i] ?? new Map(), domainCount: domains[i]?.size ?? 0, of };
  });
}

function matchingGroups(pod: V1Pod, snapshot: Snapshot, constraint: Constraint): readonly PodGroup[] {
  const found: PodGroup[] = [];
  for (const group of snapshot.groups.inNamespace(pod.metadata?.namespace ?? '')) {
    if (!group.terminating && constraint.matches(group.labels)) found.push(group);
  }
  return found;
}

/** The emptiest domain; 0 while there are fewer domains than wanted. */
function fewest({ constraint, domains, domainCount }: Counted): number {
  if (domainCount < constraint.minDomains || domains.size < domainCount) return 0;
  let least = Number.POSITIVE_INFINITY;
  for (const pods of domains.values()) least = Math.min(least, pods);
  return least === Number.POSITIVE_INFINITY ? 0 : least;
}

/** Whether a domain would be too full with the pod: asked once for each domain, however many nodes it has. */
function createIsFull(pod: V1Pod, counted: Counted): (domain: number) => boolean {
  const { constraint, domains, of } = counted;
  const most = constraint.maxSkew + fewest(counted) - (constraint.matches(ownLabels(pod)) ? 1 : 0);
  const [unknown, room, full] = [0, 1, 2];
  const known = new Uint8Array(of.values.length);
  return (domain) => {
    if (known[domain] === unknown) known[domain] = (domains.get(of.values[domain] ?? '') ?? 0) > most ? full : room;
    return known[domain] === full;
  };
}

interface FilterState {
  readonly counted: readonly { readonly ofNodes: Int32Array; readonly isFull: (domain: number) => boolean }[];
}

/** What a domain's pods weigh: more where there are many domains. Asked once for each domain. */
function createWeightOf({ domains, domainCount, of }: Counted): (domain: number) => number {
  const known = new Float64Array(of.values.length).fill(-1);
  const weight = Math.log(domainCount + 2);
  return (domain) => {
    if ((known[domain] as number) < 0) known[domain] = (domains.get(of.values[domain] ?? '') ?? 0) * weight;
    return known[domain] as number;
  };
}

interface ScoreState {
  readonly counted: readonly { readonly ofNodes: Int32Array; readonly maxSkew: number; readonly weightOf: (domain: number) => number }[];
}

/** A pod's own constraints; where it has none, `defaults` over what its services and workload select. */
function createConstraintsOf(
  defaultSelector: DefaultSelector,
  defaults: readonly V1TopologySpreadConstraint[],
): (pod: V1Pod, whenUnsatisfiable: string) => readonly Constraint[] {
  const hard = defaults.filter((one) => one.whenUnsatisfiable === 'DoNotSchedule');
  const soft = defaults.filter((one) => one.whenUnsatisfiable === 'ScheduleAnyway');
  return (pod, whenUnsatisfiable) => {
    if ((pod.spec?.topologySpreadConstraints ?? []).length > 0) return constraintsOf(pod, whenUnsatisfiable);
    const chosen = whenUnsatisfiable === 'DoNotSchedule' ? hard : soft;
    const selector = chosen.length > 0 ? defaultSelector(pod) : undefined;
    if (!selector) return [];
    const matches = compileSelector(selector);
    return chosen.map((one) => ({ ...compile(pod, one), matches }));
  };
}

function mayHelp(pod: V1Pod, event: ClusterEvent, constraints: readonly Constraint[]): boolean {
  const hasKeys = ({ metadata }: V1Node) => constraints.every(({ topologyKey }) => metadata?.labels?.[topologyKey] !== undefined);
  switch (event.is) {
    case 'nodeAdded':
    case 'nodeGone':
      return hasKeys(event.node);
    case 'nodeChanged': {
      const { old, node } = event;
      if (!hasKeys(old) && !hasKeys(node)) return false;
      const labels = [old.metadata?.labels, node.metadata?.labels] as const;
      if (hasNodeAffinity(pod) && !equal(...labels)) return true;
      if (constraints.some(({ topologyKey }) => labels[0]?.[topologyKey] !== labels[1]?.[topologyKey])) return true;
      return constraints.some(({ honorTaints }) => honorTaints) && !equal(old.spec?.taints, node.spec?.taints);
    }
    default: {
      const { metadata } = event.pod;
      if (metadata?.namespace !== pod.metadata?.namespace) return false;
      const counts = (one: V1Pod) => constraints.some(({ matches }) => matches(ownLabels(one)));
      if (event.is !== 'podChanged') return counts(event.pod);
      return !equal(event.old.metadata?.labels, metadata?.labels) && (counts(event.pod) || counts(event.old));
    }
  }
}

export const podTopologySpread = (
  defaultSelector: DefaultSelector,
  { defaultConstraints = systemDefaults }: PluginArgs['PodTopologySpread'] = defaultArgs.PodTopologySpread,
): Plugin => {
  const constraintsFor = createConstraintsOf(defaultSelector, defaultConstraints);
  return {
    name,
    helpedBy: 'a pod that its constraints count comes, goes or changes its labels, or a node comes, goes or changes its domains',
    mayHelp: (pod, event) => mayHelp(pod, event, constraintsFor(pod, 'DoNotSchedule')),
    countsPods: true,
    preFilter: (state, pod, snapshot) => {
      const hard = constraintsFor(pod, 'DoNotSchedule');
      if (hard.length === 0) return skip;
      const counted = count(pod, snapshot, hard).map((one) => ({ ofNodes: one.of.ofNodes, isFull: createIsFull(pod, one) }));
      state.set(name, { counted } satisfies FilterState);
      return success;
    },
    filter: (state, _pod, { index }) => {
      for (const { ofNodes, isFull } of (state.get(name) as FilterState).counted) {
        const domain = ofNodes[index] ?? -1;
        if (domain < 0) return lacksLabel;
        if (isFull(domain)) return tooMany;
      }
      return success;
    },
    preScore: (state, pod, nodes, snapshot) => {
      const soft = constraintsFor(pod, 'ScheduleAnyway');
      if (soft.length === 0) return skip;
      const own = (pod.spec?.topologySpreadConstraints ?? []).length > 0;
      // Nodes that lack a key of the pod's own constraints are liked least; of the defaults, the key does not count.
      const anyHas = ({ ofNodes }: LabelValues) => nodes.some(({ index }) => (ofNodes[index] ?? -1) >= 0);
      const keys = own ? soft : soft.filter(({ topologyKey }) => anyHas(snapshot.labelValues(topologyKey)));
      const counted = count(pod, snapshot, keys).map((one) => ({
        ofNodes: one.of.ofNodes,
        maxSkew: one.constraint.maxSkew,
        weightOf: createWeightOf(one),
      }));
      state.set(scoreKey, { counted } satisfies ScoreState);
      return success;
    },
    score: (state, _pod, { index }) => {
      let sum = 0;
      // A larger allowed skew makes small differences count less.
      for (const { ofNodes, maxSkew, weightOf } of (state.get(scoreKey) as ScoreState).counted) {
        const domain = ofNodes[index] ?? -1;
        if (domain < 0) return lacksKey;
        sum = sum + weightOf(domain) + (maxSkew - 1);
      }
      return sum;
    },
    normalize: (_state, scores) => {
      const counted = scores.filter((score) => score !== lacksKey);
      const [lowest, highest] = [Math.min(...counted), Math.max(...counted)];
      for (let i = 0; i < scores.length; i++) {
        const score = scores[i] ?? 0;
        if (score === lacksKey) scores[i] = 0;
        else scores[i] = highest === 0 ? scoreMax : Math.floor((scoreMax * (highest + lowest - score)) / highest);
      }
    },
  };
};
