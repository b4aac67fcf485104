// What becomes of a node that says nothing any more, and of the pods on it. Pure.
// Source: https://kubernetes.io/docs/concepts/architecture/nodes/ and .../scheduling-eviction/taint-and-toleration/
import { getCondition, timeMs, tolerates, type V1Node, type V1NodeCondition, type V1Pod, type V1Taint } from '../../api/mod.ts';

/** A node that was heard of is given this long. */
export const graceMs = 50_000;
/** A node that has never posted its status is given this long from its creation. */
export const startupGraceMs = 60_000;

const prefix = 'node.kubernetes.io/';
export const notReadyTaint = `${prefix}not-ready`;
export const unreachableTaint = `${prefix}unreachable`;

/** The conditions that only the kubelet can know. */
const reported = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

export interface NodeHealth {
  /** In how many milliseconds it has to be looked at again if nothing is heard. Absent: it is silent. */
  readonly checkInMs?: number;
  /** The conditions of a node that is silent; the very same list when they say so already. */
  readonly conditions: readonly V1NodeCondition[];
}

export interface HealthInput {
  readonly node: V1Node;
  /** For how long nothing has been heard, by the observer's own clock. */
  readonly silentMs: number;
  readonly nowMs: number;
  readonly nowTime: string;
}

export function judgeHealth({ node, silentMs, nowMs, nowTime }: HealthInput): NodeHealth {
  const conditions = node.status?.conditions ?? [];
  const posted = getCondition(conditions, 'Ready') !== undefined;
  const leftMs = posted ? graceMs - silentMs : startupGraceMs - Math.max(0, nowMs - timeMs(node.metadata?.creationTimestamp));
  if (leftMs > 0) return { checkInMs: leftMs, conditions };
  return { conditions: silentConditions(node, conditions, nowTime) };
}

function silentConditions(node: V1Node, conditions: readonly V1NodeCondition[], nowTime: string): readonly V1NodeCondition[] {
  const never = {
    status: 'Unknown',
    reason: 'NodeStatusNeverUpdated',
    message: 'Kubelet never posted node status.',
    lastHeartbeatTime: node.metadata?.creationTimestamp,
    lastTransitionTime: nowTime,
  };
  const stopped = {
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
    lastTransitionTime: nowTime,
  };
  let changed = false;
  const known = conditions.map((condition) => {
    if (!reported.includes(condition.type as (typeof reported)[number]) || condition.status === 'Unknown') return condition;
    changed = true;
    return { ...condition, ...stopped };
  });
  const missing = reported.filter((type) => !getCondition(conditions, type)).map((type): V1NodeCondition => ({ type, ...never }));
  return changed || missing.length > 0 ? [...known, ...missing] : conditions;
}

const effects = ['NoSchedule', 'NoExecute'] as const;
const pressureTaints: Readonly<Record<string, string>> = {
  MemoryPressure: `${prefix}memory-pressure`,
  DiskPressure: `${prefix}disk-pressure`,
  PIDPressure: `${prefix}pid-pressure`,
  NetworkUnavailable: `${prefix}network-unavailable`,
};
const unschedulableTaint = `${prefix}unschedulable`;
const managed = new Set([notReadyTaint, unreachableTaint, unschedulableTaint, ...Object.values(pressureTaints)]);

export interface TaintInput {
  readonly node: V1Node;
  /** Whether the taint that evicts may be there: one that stands is kept or taken away, one that is missing is set or left out. */
  readonly evict: boolean;
  readonly nowTime: string;
}

/** The taints that a node's conditions ask for, beside those of others; the very same list when they stand. */
export function planTaints({ node, evict, nowTime }: TaintInput): readonly V1Taint[] {
  const standing = node.spec?.taints ?? [];
  const wanted = wantedTaints(node).filter((taint) => evict || taint.effect !== 'NoExecute');
  const isWanted = (taint: V1Taint) => wanted.some(({ key, effect }) => key === taint.key && effect === taint.effect);
  const isManaged = (taint: V1Taint) => managed.has(taint.key) && effects.includes(taint.effect as (typeof effects)[number]);
  const kept = standing.filter((taint) => !isManaged(taint) || isWanted(taint));
  const added = wanted.filter(({ key, effect }) => !standing.some((taint) => taint.key === key && taint.effect === effect));
  if (added.length === 0 && kept.length === standing.length) return standing;
  return [...kept, ...added.map((taint) => ({ ...taint, timeAdded: nowTime }))];
}

/** True for a node that is to be emptied, and not yet so marked. One that was not ready and is unreachable now has had its turn. */
export const asksForEviction = (node: V1Node): boolean =>
  wantedTaints(node).some(({ effect }) => effect === 'NoExecute') && !isBeingEvicted(node);

/** True when the taint that evicts stands on the node already. */
export const isBeingEvicted = (node: V1Node): boolean =>
  (node.spec?.taints ?? []).some(({ key, effect }) => effect === 'NoExecute' && (key === notReadyTaint || key === unreachableTaint));

function wantedTaints(node: V1Node): readonly V1Taint[] {
  const wanted: V1Taint[] = [];
  const ready = getCondition(node.status?.conditions, 'Ready')?.status;
  // A node that has not said anything yet takes no pods, but is not emptied.
  if (ready === undefined) wanted.push({ key: notReadyTaint, effect: 'NoSchedule' });
  else if (ready !== 'True') {
    const key = ready === 'False' ? notReadyTaint : unreachableTaint;
    wanted.push(...effects.map((effect) => ({ key, effect })));
  }
  for (const [type, key] of Object.entries(pressureTaints)) {
    if (getCondition(node.status?.conditions, type)?.status === 'True') wanted.push({ key, effect: 'NoSchedule' });
  }
  if (node.spec?.unschedulable === true) wanted.push({ key: unschedulableTaint, effect: 'NoSchedule' });
  return wanted;
}

export type Eviction = { readonly do: 'keep' } | { readonly do: 'evict'; readonly atMs: number };

/** When a pod has to leave a node with these taints. `sinceMs`: when the pod met them; what they say of their own age does not count. */
export function planEviction(pod: V1Pod, taints: readonly V1Taint[], sinceMs: number): Eviction {
  const executing = taints.filter((taint) => taint.effect === 'NoExecute');
  const tolerations = pod.spec?.tolerations ?? [];
  let atMs = Number.POSITIVE_INFINITY;
  for (const taint of executing) {
    const matching = tolerations.filter((toleration) => tolerates(toleration, taint));
    if (matching.length === 0) return { do: 'evict', atMs: sinceMs };
    for (const { tolerationSeconds } of matching) {
      if (tolerationSeconds !== undefined) atMs = Math.min(atMs, sinceMs + Math.max(0, tolerationSeconds) * 1000);
    }
  }
  return atMs === Number.POSITIVE_INFINITY ? { do: 'keep' } : { do: 'evict', atMs };
}
