// Nodes where others could make room, and which of them hurts least.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
import { timeMs, type V1Pod } from '../api/mod.ts';

/** A node where there would be room if the victims went. */
export interface Candidate {
  readonly nodeName: string;
  /** The most important first. */
  readonly victims: readonly V1Pod[];
  /** How many victims' going would break a disruption budget. */
  readonly violations: number;
}

export const priorityOf = (pod: V1Pod): number => pod.spec?.priority ?? 0;
export const startMsOf = (pod: V1Pod): number => timeMs(pod.status?.startTime, Number.MAX_SAFE_INTEGER);

/** A candidate, and what it would mean to those who go. */
export interface Weighed {
  readonly candidate: Candidate;
  readonly harm: Harm;
}

export const weigh = (candidate: Candidate): Weighed => ({ candidate, harm: harmOf(candidate) });

/** Fewest broken budgets; then the least important highest victim; smallest sum of priorities; fewest victims; latest start. */
export const leastHarm = (candidates: readonly Candidate[]): Candidate | undefined => lightest(candidates.map(weigh))?.candidate;

export function lightest(candidates: readonly Weighed[]): Weighed | undefined {
  let best: Weighed | undefined;
  for (const weighed of candidates) if (!best || compareHarm(weighed.harm, best.harm) < 0) best = weighed;
  return best;
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
