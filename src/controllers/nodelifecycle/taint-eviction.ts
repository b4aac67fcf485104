// The taint eviction controller: deletes pods from nodes whose NoExecute taints they do not tolerate (any longer).
import { hasReason, type Persisted, type V1Node, type V1Pod } from '../../api/mod.ts';
import { type Again, cacheKeyOf, type EventRecorder, type Informer, referenceTo } from '../../client/mod.ts';
import { againAfter, type Controller, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { disrupt } from '../runtime/disruption.ts';
import { isActive } from '../runtime/pods.ts';
import { nodeType, podType } from '../runtime/resource-types.ts';
import { indexByNode, podsByNodeIndex } from './nodelifecycle.ts';
import { planEviction } from './plan.ts';

interface Parts {
  readonly context: ControllerContext;
  readonly nodes: Informer<V1Node>;
  readonly pods: Informer<V1Pod>;
  /** Pods whose time is running, and since when: after a downtime anew, as nodes must have the chance to come back. */
  readonly pending: Map<string, number>;
  readonly events: EventRecorder;
}

export async function runTaintEvictionController(context: ControllerContext): Promise<void> {
  const nodes = context.informers.of(nodeType);
  const pods = context.informers.of(podType);
  indexByNode(pods);
  const pending = new Map<string, number>();
  const controller: Controller = startController(context, {
    name: 'taint-eviction-controller',
    workers: 8,
    caches: [cache(nodes), cache(pods)],
    reconcile: (key, signal) => reconcile({ context: { ...context, signal }, nodes, pods, pending, events: controller.events }, key),
  });
  const { add } = controller.queue;
  controller.on(nodes, ({ old, next }) => {
    if (!next || (!hasNoExecute(old) && !hasNoExecute(next)) || old?.spec?.taints === next.spec?.taints) return;
    for (const pod of pods.byIndex(podsByNodeIndex, next.metadata.name)) add(cacheKeyOf(pod));
  });
  controller.on(pods, ({ old, next }) => {
    const pod = next ?? old;
    if (!pod) return;
    const key = cacheKeyOf(pod);
    if (!next) pending.delete(key);
    else if (next.spec?.nodeName && (pending.has(key) || hasNoExecute(nodes.get(next.spec.nodeName)))) add(key);
  });
  await controller.stopped;
}

const hasNoExecute = (node: V1Node | undefined): boolean => node?.spec?.taints?.some((taint) => taint.effect === 'NoExecute') === true;

async function reconcile(parts: Parts, key: string): Promise<Again> {
  const { context, pending, events } = parts;
  const pod = parts.pods.get(key);
  const node = pod?.spec?.nodeName ? parts.nodes.get(pod.spec.nodeName) : undefined;
  if (!pod || !node || !isActive(pod)) {
    pending.delete(key);
    return done;
  }
  const nowMs = context.clock.nowMs();
  const sinceMs = pending.get(key) ?? nowMs;
  const eviction = planEviction(pod, node.spec?.taints ?? [], sinceMs);
  if (eviction.do === 'keep') {
    if (pending.delete(key))
      events.record(referenceTo(podType, pod), 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`);
    return done;
  }
  const waitMs = eviction.atMs - nowMs;
  pending.set(key, sinceMs);
  if (waitMs > 0) return againAfter(waitMs);
  await evict(parts, pod, key);
  return done;
}

async function evict({ context, events }: Parts, pod: Persisted<V1Pod>, key: string): Promise<void> {
  const { client, signal } = context;
  const said = { reason: 'DeletionByTaintManager', message: 'Taint manager: deleting due to NoExecute taint' };
  events.record(referenceTo(podType, pod), 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`);
  try {
    await disrupt(context, pod, said);
    await client.delete(podType, pod.metadata, { preconditions: { uid: pod.metadata.uid }, signal });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
