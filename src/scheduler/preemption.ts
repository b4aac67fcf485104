// Preemption: which pods of lower priority would have to go so that a pod fits, and on which node that hurts least.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
import { compileLabelSelector, type V1LabelSelector, type V1Pod, type V1PodDisruptionBudget } from '../api/mod.ts';
import { lightest, priorityOf, startMsOf, type Weighed, weigh } from './candidates.ts';
import type { PluginArgs } from './config/plugin-args.ts';
import { createRefusalOn, type RefusalOn, refusalWithNominated } from './decide.ts';
import type { PostFilterRequest, PostFilterResult } from './framework.ts';
import { type NodeInfo, podKey } from './node-info.ts';
import { hasAffinity } from './pod-affinity-terms.ts';

export interface PreemptionRequest extends PostFilterRequest {
  readonly budgets: readonly V1PodDisruptionBudget[];
  /** How many nodes are tried: this share of them, at least so many. */
  readonly args: PluginArgs['DefaultPreemption'];
}

export function findPreemption(pod: V1Pod, request: PreemptionRequest): PostFilterResult {
  const { snapshot, failed } = request;
  const total = snapshot.nodes.length;
  const why = notEligible(pod, request);
  if (why !== undefined) return { is: 'futile', text: `preemption: ${why}` };
  const helpful = failed.unschedulables;
  const weighed = helpful > 0 ? findCandidates(pod, request) : [];
  const best = lightest(weighed);
  if (best) {
    const { nodeName, victims } = best.candidate;
    return { is: 'possible', nodeName, victims, candidates: weighed.map(({ candidate }) => candidate) };
  }
  const reasons = new Map<string, number>();
  if (total > helpful) reasons.set('Preemption is not helpful for scheduling', total - helpful);
  if (helpful > 0) reasons.set('No preemption victims found for incoming pod', helpful);
  return futile(total, reasons);
}

/** From a node by chance on, until there are enough of them and one breaks no budget. */
function findCandidates(pod: V1Pod, request: PreemptionRequest): readonly Weighed[] {
  const { args, failed, random } = request;
  const { nodes, unschedulables } = failed;
  const wanted = Math.max(args.minCandidateNodesAbsolute, Math.floor((unschedulables * args.minCandidateNodesPercentage) / 100));
  let left = unschedulables;
  let skip = random.below(unschedulables);
  const tryOn = createTrial(pod, request);
  const found: Weighed[] = [];
  let harmless = false;
  for (let place = 0; left > 0 && !(harmless && found.length >= wanted); place = place + 1 === nodes.length ? 0 : place + 1) {
    if (!failed.isUnschedulable(place)) continue;
    // Those before the one to begin with come last.
    if (skip-- > 0) continue;
    left--;
    const weighed = tryOn(nodes[place] as NodeInfo, place);
    if (!weighed) continue;
    found.push(weighed);
    harmless ||= weighed.harm.violations === 0;
  }
  return found;
}

/** What is found on a node is remembered for pods like this one, where it depends on the node and the budgets alone. */
function createTrial(pod: V1Pod, request: PreemptionRequest): (node: NodeInfo, place: number) => Weighed | undefined {
  const { snapshot, podClass, budgets, failed } = request;
  const { again, ...refusals } = createRefusals(pod, request);
  const trial: Trial = { ...refusals, snapshot, budgets: compileBudgets(budgets) };
  const known = again.alone && podClass?.nodes === snapshot.nodes && failed.nodes === snapshot.nodes ? podClass.trials(budgets) : undefined;
  if (!known) return (node) => victimsOn(pod, node, trial);
  const own = snapshot.nominationOf(pod);
  return (node, place) => {
    if (known.has(place) && node.name !== own) return known.get(place);
    const weighed = victimsOn(pod, node, trial);
    if (node.name !== own && !snapshot.nominatedOn(node.name).some(hasAffinity)) known.set(place, weighed);
    return weighed;
  };
}

/** Why the pod may not make others go at all; undefined when it may. */
function notEligible(pod: V1Pod, { snapshot, failed }: PreemptionRequest): string | undefined {
  if (pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = pod.status?.nominatedNodeName;
  if (!nominated || failed.of(snapshot.get(nominated))?.is === 'unresolvable') return undefined;
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
function victimsOn(pod: V1Pod, node: NodeInfo, { snapshot, refuses, scope, budgets }: Trial): Weighed | undefined {
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
    // One on which nobody has to go was not turned down for what is there.
    return victims.length === 0 ? undefined : weigh({ nodeName: node.name, victims: victims.sort(moreImportant), violations });
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
  readonly budgets: Budgets;
}

/** Whether the pod does not fit on a node as things are pretended to be, pods that are nominated there counted. */
function createRefusals(pod: V1Pod, { plugins, order, snapshot }: PreemptionRequest): Refusals & { readonly again: RefusalOn } {
  const look = { plugins, order, snapshot };
  const again = createRefusalOn(pod, look);
  return {
    again,
    scope: again.scope,
    refuses: (node) => (again.refusal(node) ?? refusalWithNominated(pod, node, look, again)) !== undefined,
  };
}

/** Higher priority first; of equals the one that has run longest; of those, whichever, but always the same. */
const moreImportant = (a: V1Pod, b: V1Pod): number =>
  priorityOf(b) - priorityOf(a) || startMsOf(a) - startMsOf(b) || (podKey(a) < podKey(b) ? -1 : 1);

const isEmpty = (selector: V1LabelSelector | undefined): boolean =>
  Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length === 0;

interface Budget {
  readonly matches: (labels: Readonly<Record<string, string>> | undefined) => boolean;
  /** Those that the API server has let go count already. */
  readonly counted: Readonly<Record<string, unknown>>;
  readonly allowed: number;
}

const compileBudget = ({ spec, status }: V1PodDisruptionBudget): Budget => ({
  matches: isEmpty(spec?.selector) ? () => false : compileLabelSelector(spec?.selector),
  counted: status?.disruptedPods ?? {},
  allowed: status?.disruptionsAllowed ?? 0,
});

/** By namespace. */
type Budgets = ReadonlyMap<string | undefined, readonly Budget[]>;

function compileBudgets(budgets: readonly V1PodDisruptionBudget[]): Budgets {
  const compiled = new Map<string | undefined, Budget[]>();
  for (const budget of budgets) {
    const { namespace } = budget.metadata ?? {};
    const there = compiled.get(namespace) ?? [];
    compiled.set(namespace, there);
    there.push(compileBudget(budget));
  }
  return compiled;
}

const isBoundBy = ({ matches, counted }: Budget, { metadata }: V1Pod): boolean =>
  counted[metadata?.name ?? ''] === undefined && matches(metadata?.labels);

/** Pods whose going would break a budget, counting down what each budget still allows. The most important pods come first. */
function splitByBudgets(pods: readonly V1Pod[], budgets: Budgets): { violating: readonly V1Pod[]; others: readonly V1Pod[] } {
  if (budgets.size === 0) return { violating: [], others: pods };
  const left = new Map<Budget, number>();
  const violating: V1Pod[] = [];
  const others: V1Pod[] = [];
  for (const pod of pods) {
    let breaks = false;
    for (const budget of budgets.get(pod.metadata?.namespace) ?? []) {
      if (!isBoundBy(budget, pod)) continue;
      const after = (left.get(budget) ?? budget.allowed) - 1;
      left.set(budget, after);
      breaks ||= after < 0;
    }
    (breaks ? violating : others).push(pod);
  }
  return { violating, others };
}
