// The pod garbage collector: ends pods that are bound to nodes that no longer exist; no kubelet will.
import { hasReason, type V1Node, type V1Pod } from '../../api/mod.ts';
import type { Again, Informer } from '../../client/mod.ts';
import { indexByNode, podsByNodeIndex } from '../nodelifecycle/nodelifecycle.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { disrupt } from '../runtime/disruption.ts';
import { isFinished } from '../runtime/pods.ts';
import { nodeType, podType } from '../runtime/resource-types.ts';

/** A node that went may come back under the same name: it is given this long. */
const quarantineMs = 40_000;

export async function runPodGarbageCollector(context: ControllerContext): Promise<void> {
  const nodes = context.informers.of(nodeType);
  const pods = context.informers.of(podType);
  indexByNode(pods);
  const controller = startController(context, {
    name: 'pod-garbage-collector',
    caches: [cache(nodes), cache(pods)],
    reconcile: (name, signal) => reconcile({ ...context, signal }, nodes, pods, name),
  });
  controller.on(nodes, ({ old, next }) => {
    if (!next && old) controller.queue.addAfter(old.metadata.name, quarantineMs);
  });
  controller.on(pods, ({ next }) => {
    const name = next?.spec?.nodeName;
    if (name && !nodes.get(name)) controller.queue.addAfter(name, quarantineMs);
  });
  await controller.stopped;
}

async function reconcile(context: ControllerContext, nodes: Informer<V1Node>, pods: Informer<V1Pod>, name: string): Promise<Again> {
  const { client, signal } = context;
  const orphans = pods.byIndex(podsByNodeIndex, name);
  if (nodes.get(name) || orphans.length === 0) return done;
  try {
    await client.get(nodeType, { name }, { signal });
    return done;
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
  for (const pod of orphans) {
    const said = { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' };
    try {
      if (!isFinished(pod)) await disrupt(context, pod, said, { phase: 'Failed' });
      await client.delete(podType, pod.metadata, { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid }, signal });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
  return done;
}
