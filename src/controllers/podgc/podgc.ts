// The pod garbage collector: ends pods that no kubelet will end: those bound to nodes that no longer exist or are out of service,
// those that were deleted before they had a node, and finished ones beyond a number.
import { hasReason, type Persisted, type V1Node, type V1Pod } from '../../api/mod.ts';
import { type Again, cacheKeyOf, type Informer } from '../../client/mod.ts';
import { indexByNode, podsByNodeIndex } from '../nodelifecycle/nodelifecycle.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { type DisruptionReason, disrupt } from '../runtime/disruption.ts';
import { isFinished } from '../runtime/pods.ts';
import { nodeType, podType } from '../runtime/resource-types.ts';
import { isOutOfService, surplusOf } from './plan.ts';

/** A node that went may come back under the same name: it is given this long. */
const quarantineMs = 40_000;
/** Finished pods beyond the threshold are looked for at most this often: counting and sorting them all is not for each that ends. */
const surplusPauseMs = 20_000;
const defaultTerminatedPodThreshold = 12_500;

const orphaned: DisruptionReason = { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' };

export interface PodGarbageCollectorOptions extends ControllerContext {
  /** How many finished pods are kept; 0: all of them. Default 12,500. */
  readonly terminatedPodThreshold?: number | undefined;
}

/** Keys: a node's name, a pod's cache key, or this. */
const surplusKey = 'finished pods';

export async function runPodGarbageCollector(context: PodGarbageCollectorOptions): Promise<void> {
  const { terminatedPodThreshold: threshold = defaultTerminatedPodThreshold } = context;
  const nodes = context.informers.of(nodeType);
  const pods = context.informers.of(podType);
  indexByNode(pods);
  let finished = 0;
  const controller = startController(context, {
    name: 'pod-garbage-collector',
    caches: [cache(nodes), cache(pods)],
    reconcile: (key, signal) => {
      const own = { ...context, signal };
      if (key === surplusKey) return endAll(own, surplusOf(pods.list(), threshold));
      return key.includes('/') ? endUnscheduled(own, pods.get(key)) : reconcileNode(own, nodes, pods, key);
    },
  });
  controller.on(nodes, ({ old, next }) => {
    if (!next && old) controller.queue.addAfter(old.metadata.name, quarantineMs);
    if (next && isOutOfService(next) && !(old && isOutOfService(old))) controller.queue.add(next.metadata.name);
  });
  controller.on(pods, ({ old, next }) => {
    finished += Number(next !== undefined && isFinished(next)) - Number(old !== undefined && isFinished(old));
    if (threshold > 0 && finished > threshold) controller.queue.addAfter(surplusKey, surplusPauseMs);
    if (!next) return;
    const name = next.spec?.nodeName;
    const node = name ? nodes.get(name) : undefined;
    if (!name) {
      if (next.metadata.deletionTimestamp !== undefined) controller.queue.add(cacheKeyOf(next));
    } else if (!node) controller.queue.addAfter(name, quarantineMs);
    else if (next.metadata.deletionTimestamp !== undefined && isOutOfService(node)) controller.queue.add(name);
  });
  await controller.stopped;
}

async function reconcileNode(context: ControllerContext, nodes: Informer<V1Node>, pods: Informer<V1Pod>, name: string): Promise<Again> {
  const here = pods.byIndex(podsByNodeIndex, name);
  if (here.length === 0) return done;
  const node = nodes.get(name);
  if (node) {
    const stuck = isOutOfService(node) ? here.filter((pod) => pod.metadata.deletionTimestamp !== undefined) : [];
    return endAll(context, stuck);
  }
  try {
    await context.client.get(nodeType, { name }, { signal: context.signal });
    return done;
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
  return endAll(context, here, orphaned);
}

const endUnscheduled = (context: ControllerContext, pod: Persisted<V1Pod> | undefined): Promise<Again> =>
  endAll(context, pod && !pod.spec?.nodeName && pod.metadata.deletionTimestamp !== undefined ? [pod] : []);

/** Whoever waits for the pods' results learns first that they failed. */
async function endAll(context: ControllerContext, pods: readonly Persisted<V1Pod>[], said?: DisruptionReason): Promise<Again> {
  const { client, signal } = context;
  for (const pod of pods) {
    if (isFinished(pod) && pod.metadata.deletionGracePeriodSeconds === 0) continue; // Only its finalizers keep it.
    try {
      if (!isFinished(pod)) await markFailed(context, pod, said);
      await client.delete(podType, pod.metadata, { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid }, signal });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
  return done;
}

const markFailed = (context: ControllerContext, pod: Persisted<V1Pod>, said: DisruptionReason | undefined): Promise<unknown> =>
  said
    ? disrupt(context, pod, said, { phase: 'Failed' })
    : context.client.updateStatus(podType, { ...pod, status: { ...pod.status, phase: 'Failed' } }, { signal: context.signal });
