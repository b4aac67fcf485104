// Preemption: which pods of lower priority would have to go so that a pod fits, and on which node that hurts least.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
import { compileLabelSelector, timeMs, type V1LabelSelector, type V1Pod, type V1PodDisruptionBudget } from '../api/mod.ts';
import type { PluginArgs } from './config/plugin-args.ts';
import { createRefusalOn, type RefusalOn, refusalWithNominated } from './decide.ts';
import type { Candidate, PostFilterRequest, PostFilterResult } from './framework.ts';
import type { NodeInfo } from './node-info.ts';

export interface PreemptionRequest extends PostFilterRequest {
  readonly budgets: readonly V1PodDisruptionBudget[];
  /** How many nodes are tried: this share of them, at least so many. */
  readonly args: PluginArgs['DefaultPreemption'];
}

export const priorityOf = (pod: V1Pod): number => pod.spec?.priority ?? 0;
const startMsOf = (pod: V1Pod): number => timeMs(pod.status?.startTime, Number.MAX_SAFE_INTEGER);

export function findPreemption(pod: V1Pod, request: PreemptionRequest): PostFilterResult {
  const { snapshot, failed, args } = request;
  const total = snapshot.nodes.length;
  const why = notEligible(pod, request);
  if (why !== undefined) return { is: 'futile', text: `preemption: ${why}` };
  const helpful = snapshot.nodes.filter((node) => failed.get(node.name)?.is === 'unschedulable');
  const reasons = new Map<string, number>();
  if (total > helpful.length) reasons.set('Preemption is not helpful for scheduling', total - helpful.length);
  const wanted = Math.max(args.minCandidateNodesAbsolute, Math.floor((total * args.minCandidateNodesPercentage) / 100));
  const offset = helpful.length > 0 ? request.random.below(helpful.length) : 0;
  const candidates: Candidate[] = [];
  const trial = { ...createRefusals(pod, request), snapshot: request.snapshot, budgets: request.budgets.map(compileBudget) };
  for (let i = 0; i < helpful.length && candidates.length < wanted; i++) {
    const node = helpful[(offset + i) % helpful.length] as NodeInfo;
    const candidate = victimsOn(pod, node, trial);
    if (candidate) candidates.push(candidate);
  }
  const best = leastHarm(candidates);
  if (best) return { is: 'possible', nodeName: best.nodeName, victims: best.victims, candidates };
  if (helpful.length > 0) reasons.set('No preemption victims found for incoming pod', helpful.length);
  return futile(total, reasons);
}

/** Why the pod may not make others go at all; undefined when it may. */
function notEligible(pod: V1Pod, { snapshot, failed }: PreemptionRequest): string | undefined {
  if (pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = pod.status?.nominatedNodeName;
  if (!nominated || failed.get(nominated)?.is === 'unresolvable') return undefined;
  for (const { pod: other } of snapshot.get(nominated)?.pods.values() ?? []) {
    if (priorityOf(other) < priorityOf(pod) && isGoingForAnother(other))
      return 'not eligible due to a terminating pod on the nominated node.';
  }
  return undefined;
}

/** A victim of an earlier preemption, within its grace period. */
function isGoingForAnother({ metadata, status }: V1Pod): boolean {
  const condition = status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return metadata?.deletionTimestamp !== undefined && condition?.status === 'True' && condition.reason === 'PreemptionByScheduler';
}

function futile(total: number, reasons: ReadonlyMap<string, number>): PostFilterResult {
  const parts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
  return { is: 'futile', text: `preemption: 0/${total} nodes are available: ${parts.join(', ')}.` };
}

/** With every pod of lower priority gone, does it fit? Then those that can stay do, the most important first. */
function victimsOn(pod: V1Pod, node: NodeInfo, { snapshot, refuses, scope, budgets }: Trial): Candidate | undefined {
  const priority = priorityOf(pod);
  const lower: V1Pod[] = [];
  for (const placed of node.pods.values()) if (priorityOf(placed.pod) < priority) lower.push(placed.pod);
  if (lower.length === 0) return undefined;
  const putBack = new Map<V1Pod, () => void>();
  for (const victim of lower) putBack.set(victim, snapshot.pretendGone(victim, scope));
  try {
    if (refuses(node)) return undefined;
    const { violating, others } = splitByBudgets(lower.sort(moreImportant), budgets);
    const victims: V1Pod[] = [];
    let violations = 0;
    for (const [group, costs] of [
      [violating, 1],
      [others, 0],
    ] as const) {
      for (const candidate of group) {
        putBack.get(candidate)?.();
        if (!refuses(node)) {
          putBack.delete(candidate);
          continue;
        }
        putBack.set(candidate, snapshot.pretendGone(candidate, scope));
        victims.push(candidate);
        violations += costs;
      }
    }
    return { nodeName: node.name, victims: victims.sort(moreImportant), violations };
  } finally {
    for (const back of putBack.values()) back();
  }
}

interface Refusals {
  readonly refuses: (node: NodeInfo) => boolean;
  readonly scope: RefusalOn['scope'];
}

/** What nodes are tried with. */
interface Trial extends Refusals {
  readonly snapshot: PreemptionRequest['snapshot'];
  readonly budgets: readonly Budget[];
}

/** Whether the pod does not fit on a node as things are pretended to be, pods that are nominated there counted. */
function createRefusals(pod: V1Pod, { plugins, order, snapshot }: PreemptionRequest): Refusals {
  const look = { plugins, order, snapshot };
  const again = createRefusalOn(pod, look);
  return {
    scope: again.scope,
    refuses: (node) => (again.refusal(node) ?? refusalWithNominated(pod, node, look, again)) !== undefined,
  };
}

/** Higher priority first; of equals the one that has run longest. */
const moreImportant = (a: V1Pod, b: V1Pod): number => priorityOf(b) - priorityOf(a) || startMsOf(a) - startMsOf(b);

const isEmpty = (selector: V1LabelSelector | undefined): boolean =>
  Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length === 0;

interface Budget {
  readonly namespace: string | undefined;
  readonly matches: (labels: Readonly<Record<string, string>> | undefined) => boolean;
  /** Those that the API server has let go count already. */
  readonly counted: Readonly<Record<string, unknown>>;
  readonly allowed: number;
}

const compileBudget = ({ metadata, spec, status }: V1PodDisruptionBudget): Budget => ({
  namespace: metadata?.namespace,
  matches: isEmpty(spec?.selector) ? () => false : compileLabelSelector(spec?.selector),
  counted: status?.disruptedPods ?? {},
  allowed: status?.disruptionsAllowed ?? 0,
});

const isBoundBy = ({ namespace, matches, counted }: Budget, { metadata }: V1Pod): boolean =>
  namespace === metadata?.namespace && counted[metadata?.name ?? ''] === undefined && matches(metadata?.labels);

/** Pods whose going would break a budget, counting down what each budget still allows. The most important pods come first. */
function splitByBudgets(pods: readonly V1Pod[], budgets: readonly Budget[]): { violating: readonly V1Pod[]; others: readonly V1Pod[] } {
  if (budgets.length === 0) return { violating: [], others: pods };
  const left = budgets.map(({ allowed }) => allowed);
  const violating: V1Pod[] = [];
  const others: V1Pod[] = [];
  for (const pod of pods) {
    let breaks = false;
    budgets.forEach((budget, i) => {
      if (!isBoundBy(budget, pod)) return;
      const after = (left[i] ?? 0) - 1;
      left[i] = after;
      breaks ||= after < 0;
    });
    (breaks ? violating : others).push(pod);
  }
  return { violating, others };
}

/** Fewest broken budgets; then the least important highest victim; smallest sum of priorities; fewest victims; latest start. */
export function leastHarm(candidates: readonly Candidate[]): Candidate | undefined {
  let best: (Harm & { readonly candidate: Candidate }) | undefined;
  for (const candidate of candidates) {
    const harm = { ...harmOf(candidate), candidate };
    if (!best || compareHarm(harm, best) < 0) best = harm;
  }
  return best?.candidate;
}

interface Harm {
  readonly violations: number;
  readonly highest: number;
  readonly sum: number;
  readonly victims: number;
  /** When the first of the most important victims started. */
  readonly earliestMs: number;
}

function harmOf({ victims, violations }: Candidate): Harm {
  let highest = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let earliestMs = Number.POSITIVE_INFINITY;
  for (const victim of victims) {
    const priority = priorityOf(victim);
    sum += priority + 2 ** 31;
    if (priority > highest) earliestMs = Number.POSITIVE_INFINITY;
    highest = Math.max(highest, priority);
    if (priority === highest) earliestMs = Math.min(earliestMs, startMsOf(victim));
  }
  return { violations, highest, sum, victims: victims.length, earliestMs };
}

const compareHarm = (a: Harm, b: Harm): number =>
  a.violations - b.violations || a.highest - b.highest || a.sum - b.sum || a.victims - b.victims || b.earliestMs - a.earliestMs || 0;
