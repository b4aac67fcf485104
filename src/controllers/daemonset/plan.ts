// What a DaemonSet wants: which nodes lack a pod, which pods go, how a new template is rolled out, and what the status says. Pure.
import { type Persisted, scaledValue, timeMs, type V1DaemonSet, type V1DaemonSetStatus, type V1Node, type V1Pod } from '../../api/mod.ts';
import { availableInMs, isAvailable, isFinished, isReady } from '../runtime/pods.ts';
import { fitOf, nodeNameOf } from './placement.ts';

export const hashLabel = 'controller-revision-hash';

export type DaemonSet = Persisted<V1DaemonSet>;
export type Node = Persisted<V1Node>;
export type Pod = Persisted<V1Pod>;

export interface DaemonInput {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  /** All its pods. */
  readonly pods: readonly Pod[];
  /** Of the present template. */
  readonly hash: string;
  readonly nowMs: number;
}

export interface DaemonPlan {
  readonly createOn: readonly string[];
  readonly remove: readonly Pod[];
  /** Pods that ended, with their nodes: they go too, the failed ones each after its back-off. */
  readonly ended: readonly { readonly pod: Pod; readonly nodeName: string }[];
}

export const byNode = (pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> => {
  const found = new Map<string, Pod[]>();
  for (const pod of pods) {
    const nodeName = nodeNameOf(pod);
    // One that has ended and goes is nobody any more.
    if (nodeName === undefined || (isFinished(pod) && pod.metadata.deletionTimestamp !== undefined)) continue;
    const there = found.get(nodeName);
    if (there) there.push(pod);
    else found.set(nodeName, [pod]);
  }
  for (const there of found.values()) there.sort(byAge);
  return found;
};

/** Bound before unbound, then oldest first. */
function byAge(a: Pod, b: Pod): number {
  const bound = (pod: Pod) => (pod.spec?.nodeName ? 0 : 1);
  const difference = bound(a) - bound(b) || timeMs(a.metadata.creationTimestamp) - timeMs(b.metadata.creationTimestamp);
  return difference !== 0 ? difference : a.metadata.name < b.metadata.name ? -1 : 1;
}

const isLeaving = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;
const isUpdated = (pod: Pod, hash: string): boolean => pod.metadata.labels?.[hashLabel] === hash;
const minReady = (set: DaemonSet): number => set.spec?.minReadySeconds ?? 0;

/** How many pods may be missing, or more than one on a node, while a template is rolled out. */
export function limitsOf(set: DaemonSet, desired: number): { readonly maxSurge: number; readonly maxUnavailable: number } {
  if (set.spec?.updateStrategy?.type === 'OnDelete') return { maxSurge: 0, maxUnavailable: 0 };
  const rolling = set.spec?.updateStrategy?.rollingUpdate;
  const maxSurge = scaledValue(rolling?.maxSurge ?? 0, desired, 'up');
  const maxUnavailable = scaledValue(rolling?.maxUnavailable ?? 1, desired, 'up');
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

/** One pod on every node that fits, none on any other. */
export function planPlacement(input: DaemonInput): DaemonPlan {
  const pods = byNode(input.pods);
  const surges = limitsOf(input.set, input.nodes.length).maxSurge > 0;
  const plan = { createOn: [] as string[], remove: [] as Pod[], ended: [] as { pod: Pod; nodeName: string }[] };
  const known = new Set<string>();
  for (const node of input.nodes) {
    const nodeName = node.metadata.name;
    known.add(nodeName);
    const there = pods.get(nodeName);
    const { run, stay } = fitOf(input.set, node);
    if (!there) {
      if (run) plan.createOn.push(nodeName);
    } else if (!stay) plan.remove.push(...there.filter((pod) => !isLeaving(pod)));
    else {
      const alive = there.filter((pod) => !isLeaving(pod));
      for (const pod of alive) if (isFinished(pod)) plan.ended.push({ pod, nodeName });
      const serving = alive.filter((pod) => !isFinished(pod));
      if (!surges) plan.remove.push(...serving.slice(1));
      else if (alive.length === 0 && run) plan.createOn.push(nodeName);
      else plan.remove.push(...surplusWhileSurging(input, serving));
    }
  }
  // Pods for nodes that are gone before they were bound: nobody else would ever find them.
  for (const [nodeName, there] of pods)
    if (!known.has(nodeName)) plan.remove.push(...there.filter((pod) => !pod.spec?.nodeName && !isLeaving(pod)));
  return plan;
}

/** While surging one old and one new pod may be on a node: until the new one is available, or the old one no longer ready. */
function surplusWhileSurging({ set, hash, nowMs }: DaemonInput, serving: readonly Pod[]): readonly Pod[] {
  if (serving.length <= 1) return [];
  const fresh = serving.filter((pod) => isUpdated(pod, hash));
  const stale = serving.filter((pod) => !isUpdated(pod, hash));
  const surplus = [...fresh.slice(1), ...stale.slice(1)];
  const [first, old] = [fresh[0], stale[0]];
  if (first && old && (!isReady(old) || isAvailable(first, minReady(set), nowMs))) surplus.push(old);
  return surplus;
}

/** The next step of a rolling update. */
export function planRollout(input: DaemonInput): Pick<DaemonPlan, 'createOn' | 'remove'> {
  const { set, nodes } = input;
  const desired = nodes.filter((node) => fitOf(set, node).run).length;
  const limits = limitsOf(set, desired);
  const states = [...byNode(input.pods)].map(([nodeName, pods]) => stateOf(input, nodeName, pods));
  if (limits.maxSurge === 0) return { createOn: [], remove: replaceOld(states, limits.maxUnavailable) };
  return surgeNew(states, limits.maxSurge);
}

interface NodeState {
  readonly nodeName: string;
  readonly fresh: Pod | undefined;
  readonly old: Pod | undefined;
  /** Two of the same kind: placement tidies up first. */
  readonly untidy: boolean;
  readonly freshAvailable: boolean;
  readonly oldAvailable: boolean;
}

function stateOf({ set, hash, nowMs }: DaemonInput, nodeName: string, pods: readonly Pod[]): NodeState {
  const alive = pods.filter((pod) => !isLeaving(pod));
  const fresh = alive.filter((pod) => isUpdated(pod, hash));
  const old = alive.filter((pod) => !isUpdated(pod, hash));
  const available = (pod: Pod | undefined) => pod !== undefined && isAvailable(pod, minReady(set), nowMs);
  return {
    nodeName,
    fresh: fresh[0],
    old: old[0],
    untidy: fresh.length > 1 || old.length > 1,
    freshAvailable: available(fresh[0]),
    oldAvailable: available(old[0]),
  };
}

function replaceOld(states: readonly NodeState[], maxUnavailable: number): readonly Pod[] {
  let unavailable = 0;
  const broken: Pod[] = [];
  const serving: Pod[] = [];
  for (const { untidy, fresh, old, freshAvailable, oldAvailable } of states) {
    if (untidy || (fresh === undefined) === (old === undefined)) unavailable++;
    else if (fresh) unavailable += freshAvailable ? 0 : 1;
    // What does not serve anyway may always be replaced.
    else if (old) (oldAvailable ? serving : broken).push(old);
  }
  return [...broken, ...serving.slice(0, Math.max(0, maxUnavailable - unavailable))];
}

function surgeNew(states: readonly NodeState[], maxSurge: number): Pick<DaemonPlan, 'createOn' | 'remove'> {
  let surging = 0;
  const remove: Pod[] = [];
  const broken: string[] = [];
  const serving: string[] = [];
  for (const { untidy, nodeName, fresh, old, freshAvailable, oldAvailable } of states) {
    if (untidy) surging++;
    else if (!old) continue;
    else if (!fresh) (oldAvailable ? serving : broken).push(nodeName);
    else if (freshAvailable) remove.push(old);
    else surging++;
  }
  return { createOn: [...broken, ...serving.slice(0, Math.max(0, maxSurge - surging))], remove };
}

export function planStatus(
  input: DaemonInput & { readonly collisionCount: number | undefined; readonly observed: boolean },
): V1DaemonSetStatus {
  const { set, hash, nowMs, collisionCount, observed } = input;
  const pods = byNode(input.pods);
  const count = { desired: 0, current: 0, misscheduled: 0, ready: 0, available: 0, updated: 0 };
  for (const node of input.nodes) {
    const there = pods.get(node.metadata.name) ?? [];
    const [pod] = there;
    if (!fitOf(set, node).run) {
      if (pod) count.misscheduled++;
      continue;
    }
    count.desired++;
    if (!pod) continue;
    count.current++;
    if (isReady(pod)) count.ready++;
    if (isAvailable(pod, minReady(set), nowMs)) count.available++;
    if (isUpdated(pod, hash)) count.updated++;
  }
  const generation = observed ? (set.metadata.generation ?? 0) : (set.status?.observedGeneration ?? 0);
  return {
    currentNumberScheduled: count.current,
    desiredNumberScheduled: count.desired,
    numberMisscheduled: count.misscheduled,
    numberReady: count.ready,
    ...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
    ...(count.updated > 0 ? { updatedNumberScheduled: count.updated } : {}),
    ...(count.available > 0 ? { numberAvailable: count.available } : {}),
    ...(count.desired > count.available ? { numberUnavailable: count.desired - count.available } : {}),
    ...(generation > 0 ? { observedGeneration: generation } : {}),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
}

/** When the next pod that is ready becomes available. */
export function nextAvailabilityMs({ set, pods, nowMs }: DaemonInput): number | undefined {
  const waits = pods.map((pod) => availableInMs(pod, minReady(set), nowMs)).filter((ms) => ms !== undefined && ms > 0);
  return waits.length === 0 ? undefined : Math.min(...(waits as number[]));
}
