// Why a pod is where it is, or nowhere: the decision made again as a trial on the present state, over every node, with every
// refusal and every score. Nothing is kept for it: it costs when somebody asks.
import type { V1Pod } from '../api/mod.ts';
import { type FitMessage, filtersOf, fitMessage, type LookOptions, preFilter, refusalWithNominated, scoreNodes } from './decide.ts';
import type { CycleState, EnabledPlugin, Verdict } from './framework.ts';
import type { NodeInfo } from './node-info.ts';

/** What a plugin has against a node. */
export interface Refusal {
  readonly plugin: string;
  readonly reasons: readonly string[];
  /** Whether the node would do if other pods left it. */
  readonly preemptionMayHelp: boolean;
}

export interface NodeRefusal {
  readonly node: string;
  readonly refusals: readonly Refusal[];
}

export interface NodeScore {
  readonly node: string;
  readonly total: number;
  /** By plugin, weighted. */
  readonly scores: Readonly<Record<string, number>>;
}

/** One trial over every node: none is left out, as sampling does for speed. */
export interface Trial {
  readonly nodes: number;
  /** The line that a failure would be told with; empty when some node fits. */
  readonly message: string;
  /** A plugin turns the pod down before any node is looked at. */
  readonly everywhere?: Refusal;
  /** How many nodes each reason rules out, the most first. A node may be ruled out for several. */
  readonly reasons: readonly { readonly plugin: string; readonly reason: string; readonly nodes: number }[];
  readonly refused: readonly NodeRefusal[];
  /** The nodes that fit, the best first. */
  readonly scored: readonly NodeScore[];
}

export type TrialOptions = LookOptions;

/** Decides for `pod` without acting. A pod that has a node is looked at as if it had none. */
export function tryPod(pod: V1Pod, options: TrialOptions): Trial {
  const { nodeName: _, ...spec } = pod.spec ?? { containers: [] };
  const unbound: V1Pod = { ...pod, spec };
  const putBack = options.snapshot.pretendGone(pod);
  try {
    return trial(unbound, options);
  } finally {
    putBack();
  }
}

function trial(pod: V1Pod, options: TrialOptions): Trial {
  const { snapshot } = options;
  const nodes = snapshot.nodes.length;
  const state: CycleState = new Map();
  const narrowed = preFilter(pod, state, options);
  if ('is' in narrowed) return nowhere(narrowed, nodes);
  const filters = filtersOf(options, narrowed);
  const refused: NodeRefusal[] = [];
  const fit: NodeInfo[] = [];
  const alike = new Map<Verdict, number>();
  for (const node of snapshot.nodes) {
    const refusals = narrowed.only?.has(node.name) === false ? [ruledOut(narrowed.onlyBy)] : refusalsOf(pod, state, node, filters);
    const first = refusals[0] ?? asRefusal('', refusalWithNominated(pod, node, options));
    if (!first) {
      fit.push(node);
      continue;
    }
    refused.push({ node: node.name, refusals: refusals.length > 0 ? refusals : [withNominated(first)] });
    alike.set({ is: 'unschedulable', reasons: first.reasons }, 1);
  }
  const message = fit.length === 0 ? fitMessage({ nodes, verdicts: { alike }, everywhere: undefined }) : '';
  return { nodes, message, reasons: count(refused), refused, scored: scores(pod, state, fit, options) };
}

function nowhere(decision: Exclude<ReturnType<typeof preFilter>, { only: unknown }>, nodes: number): Trial {
  const nothing = { nodes, reasons: [], refused: [], scored: [] };
  if (decision.is === 'none') {
    const [plugin = ''] = decision.why.plugins;
    return { ...nothing, message: fitMessage(decision.why), everywhere: refusal(plugin, decision.why.everywhere ?? [], false) };
  }
  const text = decision.is === 'error' ? String(decision.error) : '';
  return { ...nothing, message: text, everywhere: refusal(decision.is === 'error' ? decision.plugin : '', [text], false) };
}

const refusal = (plugin: string, reasons: readonly string[], preemptionMayHelp: boolean): Refusal => ({
  plugin,
  reasons,
  preemptionMayHelp,
});
const ruledOut = (plugin: string): Refusal => refusal(plugin, [`node(s) didn't satisfy plugin(s) [${plugin}]`], false);
/** The node fits but for pods that wait for it. */
const withNominated = ({ plugin, reasons }: Refusal): Refusal => {
  const why = reasons.length > 0 ? ` (${reasons.join(', ')})` : '';
  return refusal(plugin, [`room is kept for pods that are nominated to run there${why}`], true);
};

function asRefusal(plugin: string, verdict: Verdict | undefined): Refusal | undefined {
  if (!verdict || verdict.is === 'success' || verdict.is === 'skip') return undefined;
  if (verdict.is === 'error') return refusal(plugin, [String(verdict.error)], false);
  return refusal(verdict.plugin ?? plugin, verdict.reasons, verdict.is === 'unschedulable');
}

/** Of every filter, not of the first alone. */
function refusalsOf(pod: V1Pod, state: CycleState, node: NodeInfo, filters: readonly EnabledPlugin[]): readonly Refusal[] {
  return filters.flatMap(({ plugin }) => asRefusal(plugin.name, plugin.filter?.(state, pod, node)) ?? []);
}

function count(refused: readonly NodeRefusal[]): Trial['reasons'] {
  const counts = new Map<string, { readonly plugin: string; readonly reason: string; nodes: number }>();
  for (const { plugin, reasons } of refused.flatMap((one) => one.refusals)) {
    for (const reason of reasons) {
      const key = `${plugin}\n${reason}`;
      const known = counts.get(key) ?? { plugin, reason, nodes: 0 };
      known.nodes++;
      counts.set(key, known);
    }
  }
  return [...counts.values()].sort((a, b) => b.nodes - a.nodes);
}

function scores(pod: V1Pod, state: CycleState, nodes: readonly NodeInfo[], options: TrialOptions): readonly NodeScore[] {
  if (nodes.length === 0) return [];
  const byNode = nodes.map((): Record<string, number> => ({}));
  const scored = (plugin: string, values: readonly number[]) => {
    for (const [i, value] of values.entries()) (byNode[i] as Record<string, number>)[plugin] = value;
  };
  const totals = scoreNodes(pod, state, { ...options, nodes, scored });
  return nodes
    .map((node, i) => ({ node: node.name, total: totals[i] ?? 0, scores: byNode[i] ?? {} }))
    .sort((a, b) => b.total - a.total || (a.node < b.node ? -1 : 1));
}

/** The trial with more nodes turned down, of those that fit. */
export function withRefusals(trial: Trial, more: ReadonlyMap<string, Verdict>): Trial {
  const added = trial.scored.flatMap(({ node }): NodeRefusal[] => {
    const one = asRefusal('', more.get(node));
    return one ? [{ node, refusals: [one] }] : [];
  });
  if (added.length === 0) return trial;
  const out = new Set(added.map(({ node }) => node));
  const refused = [...trial.refused, ...added];
  const scored = trial.scored.filter(({ node }) => !out.has(node));
  const alike = new Map(refused.map(({ refusals }) => [{ is: 'unschedulable', reasons: refusals[0]?.reasons ?? [] } as const, 1]));
  const failure: FitMessage = { nodes: trial.nodes, verdicts: { alike }, everywhere: undefined };
  return { ...trial, refused, scored, reasons: count(refused), message: scored.length === 0 ? fitMessage(failure) : '' };
}
