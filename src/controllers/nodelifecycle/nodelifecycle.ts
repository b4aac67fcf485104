// The node lifecycle controller: notices nodes that fell silent, says so in their conditions and taints.
import { formatTime, getCondition, hasReason, type Persisted, type V1Lease, type V1Node, type V1Pod } from '../../api/mod.ts';
import { type Again, type EventRecorder, type Informer, referenceTo } from '../../client/mod.ts';
import { againAfter, type Controller, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { isReady } from '../runtime/pods.ts';
import { leaseType, nodeType, podType } from '../runtime/resource-types.ts';
import { asksForEviction, isBeingEvicted, judgeHealth, planTaints } from './plan.ts';
import { isNodeReady, Zones } from './zones.ts';

const leaseNamespace = 'kube-node-lease';
export const podsByNodeIndex = 'nodeName';

export const indexByNode = (pods: Informer<V1Pod>): void =>
  pods.addIndex(podsByNodeIndex, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));

interface Parts {
  readonly context: ControllerContext;
  readonly nodes: Informer<V1Node>;
  readonly pods: Informer<V1Pod>;
  /** When each node was last heard of, on the monotonic clock: what nodes say of the time is not trusted. */
  readonly heardMs: ReadonlyMap<string, number>;
  readonly zones: Zones;
  readonly events: EventRecorder;
}

export async function runNodeLifecycleController(context: ControllerContext): Promise<void> {
  const { informers, clock } = context;
  const nodes = informers.of(nodeType);
  const leases = informers.of(leaseType);
  const pods = informers.of(podType);
  indexByNode(pods);
  const heardMs = new Map<string, number>();
  const zones = new Zones();
  const controller: Controller = startController(context, {
    name: 'node-lifecycle-controller',
    component: 'node-controller',
    workers: 8,
    caches: [cache(nodes), cache(leases), cache(pods)],
    reconcile: (name, signal) =>
      reconcile({ context: { ...context, signal }, nodes, pods, heardMs, zones, events: controller.events }, name),
  });
  controller.on(nodes, ({ old, next }) => {
    const node = next ?? old;
    if (!node) return;
    const { name } = node.metadata;
    const about = referenceTo(nodeType, node);
    // Whether nodes that are not ready are emptied, and how fast, depends on how their zones fare.
    if (zones.see(old, next)) for (const other of nodes.list()) if (!isNodeReady(other)) controller.queue.add(other.metadata.name);
    if (!next) {
      heardMs.delete(name);
      controller.events.record(about, 'Normal', 'RemovingNode', `Node ${name} event: Removing Node ${name} from Controller`);
      return;
    }
    if (!old) controller.events.record(about, 'Normal', 'RegisteredNode', `Node ${name} event: Registered Node ${name} in Controller`);
    const heartbeat = heartbeatOf(next);
    if (!old || (heartbeat !== undefined && heartbeat !== heartbeatOf(old))) heardMs.set(name, clock.monotonicMs());
    if (!old || concerns(old, next)) controller.queue.add(name);
  });
  controller.on(leases, ({ old, next }) => {
    if (next?.metadata.namespace !== leaseNamespace || renewalOf(old) === renewalOf(next)) return;
    heardMs.set(next.metadata.name, clock.monotonicMs());
  });
  await controller.stopped;
}

const heartbeatOf = (node: V1Node | undefined): string | undefined => {
  const ready = getCondition(node?.status?.conditions, 'Ready');
  // What this controller writes itself is no sign of life.
  return ready === undefined || ready.status === 'Unknown' ? undefined : `${ready.status} ${ready.lastHeartbeatTime ?? ''}`;
};
const renewalOf = (lease: V1Lease | undefined): string | undefined => lease?.spec?.renewTime;

/** Most updates of a node are heartbeats. */
function concerns(old: V1Node, next: V1Node): boolean {
  const shown = (node: V1Node) => [
    node.spec?.taints,
    node.spec?.unschedulable,
    node.status?.conditions?.map(({ type, status }) => [type, status]),
  ];
  return JSON.stringify(shown(old)) !== JSON.stringify(shown(next));
}

async function reconcile(parts: Parts, name: string): Promise<Again> {
  const { clock } = parts.context;
  const node = parts.nodes.get(name);
  if (!node || node.metadata.deletionTimestamp !== undefined) return done;
  const nowMs = clock.nowMs();
  const nowTime = formatTime(nowMs);
  const silentMs = clock.monotonicMs() - (parts.heardMs.get(name) ?? clock.monotonicMs());
  const health = judgeHealth({ node, silentMs, nowMs, nowTime });
  // The zones know of the change only when the cache does, and the cache brings the node back.
  if (await writeConditions(parts, node, health.conditions)) return done;
  const evictableInMs = await writeTaints(parts, node, nowTime);
  if (!isNodeReady(node)) await markPodsNotReady(parts, name, nowTime);
  const againMs = Math.min(health.checkInMs ?? Number.POSITIVE_INFINITY, evictableInMs ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(againMs) ? againAfter(againMs) : done;
}

/** True when there was something to write. */
async function writeConditions(
  parts: Parts,
  node: Persisted<V1Node>,
  conditions: NonNullable<V1Node['status']>['conditions'],
): Promise<boolean> {
  const { client, signal } = parts.context;
  if (conditions === undefined || conditions === node.status?.conditions || conditions.length === 0) return false;
  await client.updateStatus(nodeType, { ...node, status: { ...node.status, conditions } }, { signal });
  const { name } = node.metadata;
  if (isNodeReady(node)) {
    parts.events.record(referenceTo(nodeType, node), 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
  }
  return true;
}

/** In how many milliseconds the zone's turn to have this node emptied comes; undefined when nothing is waited for. */
async function writeTaints({ context, zones }: Parts, node: Persisted<V1Node>, nowTime: string): Promise<number | undefined> {
  const answer = asksForEviction(node) ? zones.ask(node, context.clock.monotonicMs()) : undefined;
  const evict = answer ? answer.leave === 'given' : zones.anyReady && isBeingEvicted(node);
  const taints = planTaints({ node, evict, nowTime });
  const againMs = answer?.leave === 'later' ? answer.afterMs : undefined;
  if (taints === node.spec?.taints || (taints.length === 0 && node.spec?.taints === undefined)) return againMs;
  const { name, uid, resourceVersion } = node.metadata;
  // The list is replaced as a whole: only if nobody changed it meanwhile.
  const patch = { metadata: { uid, resourceVersion }, spec: { taints } };
  await context.client.patch(nodeType, { name }, 'application/merge-patch+json', patch, { signal: context.signal });
  return againMs;
}

/** Nobody else can say of these pods that they do not serve any more. */
async function markPodsNotReady({ context, pods, events }: Parts, node: string, nowTime: string): Promise<void> {
  for (const pod of pods.byIndex(podsByNodeIndex, node)) {
    if (!isReady(pod)) continue;
    const conditions = (pod.status?.conditions ?? []).map((condition) =>
      condition.type === 'Ready' ? { ...condition, status: 'False', lastTransitionTime: nowTime } : condition,
    );
    try {
      await context.client.updateStatus(podType, { ...pod, status: { ...pod.status, conditions } }, { signal: context.signal });
      events.record(referenceTo(podType, pod), 'Warning', 'NodeNotReady', 'Node is not ready');
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
}
