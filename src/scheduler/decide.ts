// The decision for one pod: which node, or why none. Synchronous and free of effects outside the cycle's own state.
import type { V1Pod } from '../api/mod.ts';
import type { Random } from '../base/mod.ts';
import {
  type CycleState,
  type EnabledPlugin,
  type PluginChain,
  pluginsAt,
  unresolvable,
  unschedulable,
  type Verdict,
} from './framework.ts';
import { type NodeInfo, podKey } from './node-info.ts';
import { NodeVerdicts } from './node-verdicts.ts';
import { hasAffinity } from './pod-affinity-terms.ts';
import type { PodClass } from './pod-class.ts';
import type { Snapshot } from './snapshot.ts';

/** Below this many nodes every one is looked at; above, a share that is enough to choose well: the lower end of upstream's adaptive one. */
const feasibleNodesMin = 100;
const feasibleNodesShare = 0.05;

export type Decision =
  | { readonly is: 'node'; readonly name: string; readonly evaluated: number; readonly feasible: number }
  | { readonly is: 'none'; readonly why: FitFailure }
  | { readonly is: 'error'; readonly error: unknown; readonly plugin: string };

/** Why no node fits. */
export interface FitFailure {
  readonly nodes: number;
  /** Nodes that a pre-filter ruled out are there too. */
  readonly verdicts: NodeVerdicts;
  /** A pre-filter turned the pod down for every node at once. */
  readonly everywhere: readonly string[] | undefined;
  /** The plugins that turned the pod down: only events that help with them can make it fit. */
  readonly plugins: ReadonlySet<string>;
}

/** What one look at the cluster needs. */
export interface LookOptions extends PluginChain {
  readonly snapshot: Snapshot;
}

export interface DecideOptions extends LookOptions {
  readonly random: Random;
  /** Where to begin in the list of nodes, so that sampling is fair: raised by `evaluated` from pod to pod. */
  readonly startAt: number;
  /** What is remembered for pods like this one: the decision is the same without it. */
  readonly podClass?: PodClass | undefined;
  /** How many of the nodes that fit are enough, in percent; 0 (default): the share for a cluster of this size. */
  readonly percentageOfNodesToScore?: number | undefined;
}

/** The nodes that fit, as many as are wanted. */
export interface Feasible {
  readonly feasible: readonly NodeInfo[];
  /** Their places in the list of all nodes. */
  readonly places: readonly number[];
  /** How many were looked at and do not. */
  readonly refused: number;
  /** Why; where some fit, other nodes may have a verdict of an earlier look. */
  readonly failed: NodeVerdicts;
  readonly narrowed: Narrowed;
}

export function findFeasible(pod: V1Pod, state: CycleState, options: DecideOptions): Feasible | Decision {
  const { snapshot } = options;
  const narrowed = preFilter(pod, state, options);
  if ('is' in narrowed) return narrowed;
  const filters = filtersOf(options, narrowed);
  const nominated = nominatedThatFits(pod, state, options, { narrowed, filters });
  const { nodes } = snapshot;
  const failed = classOf(options)?.failed ?? new NodeVerdicts(nodes);
  if (nominated) return { feasible: [nominated], places: [nominated.index], refused: 0, failed, narrowed };
  const candidates = narrowed.only ? nodes.filter((node) => narrowed.only?.has(node.name)) : nodes;
  const again = asItWas(pod, state, options, { narrowed, filters });
  const found = filter(pod, state, { ...options, candidates, filters, again, failed });
  return 'is' in found ? found : { ...found, failed, narrowed };
}

interface Filtering {
  readonly narrowed: Narrowed;
  readonly filters: readonly EnabledPlugin[];
}

/** Where others have made room for the pod, no other node is looked at. */
function nominatedThatFits(pod: V1Pod, state: CycleState, options: LookOptions, { narrowed, filters }: Filtering): NodeInfo | undefined {
  const { snapshot } = options;
  const name = snapshot.nominationOf(pod) ?? pod.status?.nominatedNodeName;
  const node = name && narrowed.only?.has(name) !== false ? snapshot.get(name) : undefined;
  return node &&
    !firstRefusal(pod, state, node, filters) &&
    !refusalWithNominated(pod, node, options, asItWas(pod, state, options, { narrowed, filters }))
    ? node
    : undefined;
}

export const filtersOf = (options: LookOptions, { skipped }: Narrowed): readonly EnabledPlugin[] =>
  pluginsAt(options, 'filter').filter(({ plugin }) => plugin.filter && !skipped.has(plugin.name));

export const noNode = ({ failed, narrowed }: Pick<Feasible, 'failed' | 'narrowed'>): Decision => ({
  is: 'none',
  why: { nodes: failed.nodes.length, everywhere: undefined, ...explain(failed, narrowed) },
});

export function decide(pod: V1Pod, state: CycleState, options: DecideOptions): Decision {
  const found = findFeasible(pod, state, options);
  if ('is' in found) return found;
  if (found.feasible.length === 0) return noNode(found);
  const best = found.feasible.length === 1 ? found.feasible[0] : pickBest(pod, state, found, options);
  return best
    ? { is: 'node', name: best.name, evaluated: evaluatedOf(found), feasible: found.feasible.length }
    : { is: 'error', error: new Error('no node was chosen'), plugin: '' };
}

export const evaluatedOf = ({ feasible, refused }: Feasible): number => feasible.length + refused;

/** Undefined as well when nodes have come or gone since. */
const classOf = ({ podClass, snapshot }: Pick<DecideOptions, 'podClass' | 'snapshot'>): PodClass | undefined =>
  podClass?.nodes === snapshot.nodes ? podClass : undefined;

/** What the pre-filters leave: nodes (undefined: every one), and filters that need not run. */
export interface Narrowed {
  readonly only: ReadonlySet<string> | undefined;
  readonly onlyBy: string;
  readonly skipped: ReadonlySet<string>;
}

export function preFilter(pod: V1Pod, state: CycleState, options: LookOptions): Narrowed | Decision {
  const skipped = new Set<string>();
  let only: ReadonlySet<string> | undefined;
  let onlyBy = '';
  for (const { plugin } of pluginsAt(options, 'preFilter')) {
    if (plugin.applies?.(pod, options.snapshot) === false) {
      skipped.add(plugin.name);
      continue;
    }
    const verdict = plugin.preFilter?.(state, pod, options.snapshot);
    if (!verdict) continue;
    if (verdict.is === 'error') return { is: 'error', error: verdict.error, plugin: plugin.name };
    if (verdict.is === 'skip') skipped.add(plugin.name);
    if (verdict.is === 'unschedulable' || verdict.is === 'unresolvable') {
      const why: FitFailure = {
        nodes: options.snapshot.nodes.length,
        verdicts: new NodeVerdicts(options.snapshot.nodes),
        everywhere: verdict.reasons,
        plugins: new Set([plugin.name]),
      };
      return { is: 'none', why };
    }
    if (verdict.is === 'success' && 'nodes' in verdict) {
      const before = only;
      only = new Set(before ? verdict.nodes.filter((name) => before.has(name)) : verdict.nodes);
      onlyBy = plugin.name;
    }
  }
  return { only, onlyBy, skipped };
}

interface FilterRequest extends DecideOptions {
  readonly candidates: readonly NodeInfo[];
  readonly filters: readonly EnabledPlugin[];
  readonly again: RefusalOn;
  /** Takes what is against each node that does not fit. */
  readonly failed: NodeVerdicts;
}

function filter(pod: V1Pod, state: CycleState, request: FilterRequest): Omit<Feasible, 'failed' | 'narrowed'> | Decision {
  const { candidates, startAt, snapshot, failed } = request;
  const wanted = feasibleNodesWanted(candidates.length, request.percentageOfNodesToScore);
  const every = candidates === snapshot.nodes;
  const podClass = every ? classOf(request) : undefined;
  const refusal = podClass ? createLook(pod, state, request, podClass) : lookAnew(pod, state, request);
  const feasible: NodeInfo[] = [];
  const places: number[] = [];
  let refused = 0;
  let next = candidates.length === 0 ? 0 : startAt % candidates.length;
  for (let i = 0; i < candidates.length && feasible.length < wanted; i++) {
    const node = candidates[next] as NodeInfo;
    const place = every ? next : node.index;
    next = next + 1 === candidates.length ? 0 : next + 1;
    const verdict = refusal(node, place);
    if (!verdict) {
      feasible.push(node);
      places.push(place);
    } else if (verdict.is === 'error') return { is: 'error', error: verdict.error, plugin: '' };
    else {
      refused++;
      failed.set(place, verdict);
    }
  }
  return { feasible, places, refused };
}

type Look = (node: NodeInfo, place: number) => Verdict | undefined;

function lookAnew(pod: V1Pod, state: CycleState, request: FilterRequest): Look {
  const { filters, again } = request;
  const { hasNominated } = request.snapshot;
  return (node) => firstRefusal(pod, state, node, filters) ?? (hasNominated ? refusalWithNominated(pod, node, request, again) : undefined);
}

/** As {@link lookAnew}; filters that look at the node alone, up to the first other, are asked once for all pods of the class. */
function createLook(pod: V1Pod, state: CycleState, request: FilterRequest, { refusals, withNominated }: PodClass): Look {
  const { filters, again, snapshot } = request;
  const near = filters.findIndex(({ plugin }) => !plugin.nodeAlone);
  const first = near < 0 ? filters : filters.slice(0, near);
  const rest = near < 0 ? [] : filters.slice(near);
  const { hasNominated } = snapshot;
  const own = hasNominated ? snapshot.nominationOf(pod) : undefined;
  return (node, place) => {
    if (!refusals.has(place)) refusals.set(place, firstRefusal(pod, state, node, first));
    const refused = refusals.get(place) ?? (rest.length > 0 ? firstRefusal(pod, state, node, rest) : undefined);
    if (refused || !hasNominated) return refused;
    if (rest.length === 0 && withNominated.has(place) && node.name !== own) return withNominated.get(place);
    const verdict = refusalWithNominated(pod, node, request, again);
    if (rest.length === 0 && node.name !== own && !snapshot.nominatedOn(node.name).some(hasAffinity)) withNominated.set(place, verdict);
    return verdict;
  };
}

/** Why one node would not do as things are (or are pretended to be); undefined when it would. */
export function refusalOn(pod: V1Pod, node: NodeInfo, options: LookOptions, state: CycleState = new Map()): Verdict | undefined {
  const narrowed = preFilter(pod, state, options);
  if ('is' in narrowed || (narrowed.only && !narrowed.only.has(node.name))) return unschedulable();
  return firstRefusal(pod, state, node, filtersOf(options, narrowed));
}

/**
 * As {@link refusalOn}, for many looks at one pod while others are pretended gone, and back again: what pre-filters compute is
 * computed once where no filter that runs counts pods. (A filter that had nothing to say before pods went has nothing to say then.)
 */
export function createRefusalOn(pod: V1Pod, options: LookOptions): RefusalOn {
  const state: CycleState = new Map();
  const narrowed = preFilter(pod, state, options);
  if ('is' in narrowed) return { scope: 'everywhere', alone: false, refusal: (node) => refusalOn(pod, node, options) };
  return asItWas(pod, state, options, { narrowed, filters: filtersOf(options, narrowed) });
}

/** With what pre-filters have computed, where that holds while others are pretended gone. */
function asItWas(pod: V1Pod, state: CycleState, options: LookOptions, { narrowed, filters }: Filtering): RefusalOn {
  if (filters.some(({ plugin }) => plugin.countsPods))
    return { scope: 'everywhere', alone: false, refusal: (node) => refusalOn(pod, node, options) };
  const refusal = (node: NodeInfo) => (narrowed.only?.has(node.name) === false ? unschedulable() : firstRefusal(pod, state, node, filters));
  return { scope: 'node', alone: !narrowed.only && filters.every(({ plugin }) => plugin.nodeAlone), refusal };
}

export interface RefusalOn {
  /** How far pods must be pretended gone: `node` where nobody looks farther. */
  readonly scope: 'everywhere' | 'node';
  /** Whether only filters run that look at the node alone. */
  readonly alone: boolean;
  readonly refusal: (node: NodeInfo) => Verdict | undefined;
}

function firstRefusal(pod: V1Pod, state: CycleState, node: NodeInfo, filters: readonly EnabledPlugin[]): Verdict | undefined {
  for (const { plugin } of filters) {
    const verdict = plugin.filter?.(state, pod, node);
    if (!verdict || verdict.is === 'success' || verdict.is === 'skip') continue;
    const named = verdict.is === 'error' || verdict.plugin !== undefined;
    return named ? verdict : { ...verdict, plugin: plugin.name };
  }
  return undefined;
}

/** Pods that others have made room for count as there, unless this pod is more important. */
export function refusalWithNominated(pod: V1Pod, node: NodeInfo, request: LookOptions, again?: RefusalOn): Verdict | undefined {
  const { snapshot } = request;
  const all = snapshot.nominatedOn(node.name);
  if (all.length === 0) return undefined;
  const nominated = all.filter((other) => podKey(other) !== podKey(pod) && (other.spec?.priority ?? 0) >= (pod.spec?.priority ?? 0));
  if (nominated.length === 0) return undefined;
  // What they have against others counts beyond the node.
  const near = again?.scope === 'node' && !nominated.some(hasAffinity) ? again : undefined;
  const undo = nominated.map((other) => snapshot.pretendThere(other, node.name, near?.scope));
  try {
    return near ? near.refusal(node) : refusalOn(pod, node, request);
  } finally {
    for (const back of undo) back();
  }
}

/** A twentieth of the nodes, at least 100: the choice among them is nearly as good as among all, and costs what it costs. */
export function feasibleNodesWanted(nodes: number, percentage = 0): number {
  const share = percentage === 0 ? feasibleNodesShare : percentage / 100;
  return Math.min(nodes, Math.max(feasibleNodesMin, Math.floor(nodes * share)));
}

/** Adds the nodes that pre-filters ruled out, so that the message counts every node. */
function explain(verdicts: NodeVerdicts, narrowed: Narrowed): Pick<FitFailure, 'verdicts' | 'plugins'> {
  if (narrowed.only) {
    const ruledOut = { ...unresolvable(`node(s) didn't satisfy plugin(s) [${narrowed.onlyBy}]`), plugin: narrowed.onlyBy };
    for (const [place, node] of verdicts.nodes.entries()) {
      if (!narrowed.only.has(node.name)) verdicts.set(place, ruledOut);
    }
  }
  const plugins = new Set<string>();
  for (const verdict of verdicts.alike.keys()) if ('plugin' in verdict && verdict.plugin) plugins.add(verdict.plugin);
  return { verdicts, plugins };
}

export interface ScoreRequest extends LookOptions {
  readonly nodes: readonly NodeInfo[];
  /** The places of `nodes` in the list of all, and what is remembered by them. */
  readonly known?: { readonly places: readonly number[]; readonly podClass: PodClass } | undefined;
  /** Called once for each plugin that has something to say: its weighted scores, node by node. */
  readonly scored?: (plugin: string, scores: readonly number[]) => void;
}

/** The sum of weighted scores of each node. */
export function scoreNodes(pod: V1Pod, state: CycleState, request: ScoreRequest): readonly number[] {
  const { snapshot, nodes, known, scored } = request;
  const totals = new Array<number>(nodes.length).fill(0);
  const scoring = pluginsAt(request, 'score').filter(({ plugin, weight }) => plugin.score && weight !== 0);
  if (known) {
    const alone = scoring.filter(({ plugin }) => isScoredAlone(plugin));
    addKnown(totals, pod, state, { ...known, nodes, alone });
  }
  for (const { plugin, weight } of scoring) {
    if (known && isScoredAlone(plugin)) continue;
    if (!plugin.score || plugin.applies?.(pod, snapshot) === false) continue;
    if (plugin.preScore && plugin.preScore(state, pod, nodes, snapshot).is === 'skip') continue;
    const { score } = plugin;
    const scores = nodes.map((node) => score(state, pod, node));
    plugin.normalize?.(state, scores);
    for (let i = 0; i < scores.length; i++) totals[i] = (totals[i] ?? 0) + weight * (scores[i] ?? 0);
    if (scored) {
      const weighted = scores.map((one) => weight * one);
      scored(plugin.name, weighted);
    }
  }
  return totals;
}

/** Whether a node's score does not depend on which others there are to choose from. */
const isScoredAlone = ({ nodeAlone, applies, normalize, preScore }: EnabledPlugin['plugin']): boolean =>
  nodeAlone === true && !applies && !normalize && !preScore;

interface KnownScores {
  readonly nodes: readonly NodeInfo[];
  readonly places: readonly number[];
  readonly alone: readonly EnabledPlugin[];
  readonly podClass: PodClass;
}

/** Scores are whole numbers: that some are added up earlier than others changes no sum. */
function addKnown(totals: number[], pod: V1Pod, state: CycleState, { nodes, places, alone, podClass: { scores } }: KnownScores): void {
  for (let i = 0; i < places.length; i++) {
    const place = places[i] as number;
    if (!scores.has(place)) {
      let sum = 0;
      for (const { plugin, weight } of alone) sum += weight * (plugin.score?.(state, pod, nodes[i] as NodeInfo) ?? 0);
      scores.set(place, sum);
    }
    totals[i] = scores.get(place);
  }
}

/** The highest sum of weighted scores; chance decides between equals. */
function pickBest(pod: V1Pod, state: CycleState, { feasible, places }: Feasible, options: DecideOptions): NodeInfo | undefined {
  const podClass = classOf(options);
  const totals = scoreNodes(pod, state, { ...options, nodes: feasible, known: podClass && { places, podClass } });
  let best = 0;
  let equals = 1;
  for (let i = 1; i < totals.length; i++) {
    const [here = 0, there = 0] = [totals[i], totals[best]];
    if (here < there) continue;
    equals = here > there ? 1 : equals + 1;
    if (equals === 1 || options.random.below(equals) === 0) best = i;
  }
  return feasible[best];
}

/** What a failure is told with. */
export interface FitMessage {
  readonly nodes: number;
  readonly everywhere: readonly string[] | undefined;
  /** How many nodes each verdict was about. */
  readonly verdicts: { readonly alike: ReadonlyMap<Verdict, number> };
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
export function fitMessage({ nodes: all, everywhere, verdicts }: FitMessage): string {
  if (all === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  for (const [verdict, nodes] of verdicts.alike) {
    for (const reason of 'reasons' in verdict ? verdict.reasons : []) counts.set(reason, (counts.get(reason) ?? 0) + nodes);
  }
  const parts = everywhere ?? [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${all} nodes are available: ${parts.join(', ')}.`;
}
