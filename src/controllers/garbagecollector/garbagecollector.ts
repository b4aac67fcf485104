// The garbage collector: deletes what has lost its owners, and lets owners wait for, or let go of, their dependents.
import { hasReason, type KubeObject, type Persisted, type V1OwnerReference } from '../../api/mod.ts';
import type { Again, WorkQueue } from '../../client/mod.ts';
import {
  againAfter,
  type Controller,
  type ControllerContext,
  cache,
  done,
  forget,
  type ServedKind,
  startController,
} from '../runtime/controller.ts';
import { watchedKinds } from '../runtime/kinds.ts';
import { createGraph, type Graph, type Node, ownerUids } from './graph.ts';
import { blocks, isOrphaning, isWaitingForDependents, type OwnerView, orphanFinalizer, planCollection, type Step } from './plan.ts';

const lookedAtEachTime = 100;
const lookAgainMs = 100;

interface Parts {
  readonly context: ControllerContext;
  readonly graph: Graph;
  readonly add: (uid: string) => void;
}

export async function runGarbageCollector(context: ControllerContext): Promise<void> {
  const caches = watchedKinds(context.kinds).map((kind) => ({ kind, informer: context.informers.of<KubeObject>(kind) }));
  const graph = createGraph(caches);
  const controller = startController(context, {
    name: 'garbage-collector',
    workers: 16,
    caches: caches.map(({ informer }) => cache(informer)),
    reconcile: (uid, signal) => collect({ context: { ...context, signal }, graph, add: controller.queue.add }, uid),
  });
  for (const { kind, informer } of caches) {
    controller.on(informer, ({ old, next }) => {
      graph.note(kind, old, next);
      wake(graph, controller.queue, old, next);
    });
  }
  const handlers = new Map<ServedKind, () => void>();
  const off = context.customKinds?.onChange({
    added: (kind) => void handlers.set(kind, followKind(context, { graph, controller }, kind)),
    removed(kind) {
      forget(handlers, kind);
      for (const object of graph.remove(kind)) {
        graph.note(kind, object, undefined);
        wake(graph, controller.queue, object, undefined);
      }
    },
  });
  await controller.stopped;
  off?.();
}

/** A kind that somebody has defined: its objects may own others, and be owned. */
function followKind(
  context: ControllerContext,
  { graph, controller }: { graph: Graph; controller: Controller },
  kind: ServedKind,
): () => void {
  const informer = context.informers.of<KubeObject>(kind);
  graph.add(kind, informer);
  const off = controller.on(informer, ({ old, next }) => {
    graph.note(kind, old, next);
    wake(graph, controller.queue, old, next);
  });
  const lookAgain = () => {
    // Of owners whose kind was not served nothing could be said.
    for (const uid of graph.ownedBy(kind)) controller.queue.add(uid);
  };
  // It rejects when the kind goes before its objects have been read.
  informer.synced.then(lookAgain, () => {});
  return off;
}

type Change = Persisted<KubeObject> | undefined;

/** Most changes concern nobody here: only owners, deletions and finalizers do. */
function wake(graph: Graph, queue: Pick<WorkQueue, 'add' | 'addAfter'>, old: Change, next: Change): void {
  const { add } = queue;
  const object = next ?? old;
  if (!object) return;
  const { uid } = object.metadata;
  const related = new Set([...ownerUids(old), ...ownerUids(next)]);
  if (!next) for (const { object: dependent } of graph.dependentsOf(uid)) add(dependent.metadata.uid);
  else if (isOrphaning(next) || isWaitingForDependents(next)) add(uid);
  else if (related.size > 0 && concerns(graph, old, next)) add(uid);
  if (next && old && next.metadata.ownerReferences === old.metadata.ownerReferences) return;
  // An owner may have waited for just this.
  for (const owner of related) {
    const node = graph.get(owner);
    if (!node || !isWaitingForDependents(node.object)) continue;
    // Of many dependents not each one that goes is worth a look at all the others.
    queue.addAfter(owner, graph.countDependents(owner) > lookedAtEachTime ? lookAgainMs : 0);
  }
}

/** True when the owners changed, or when one of a new object is not known (yet). */
function concerns(graph: Graph, old: Change, next: Persisted<KubeObject>): boolean {
  if (!old) return ownerUids(next).some((uid) => !graph.get(uid)) || ownerUids(next).some((uid) => isLeavingFor(graph, uid));
  return ownerUids(old).join() !== ownerUids(next).join();
}

const isLeavingFor = (graph: Graph, uid: string): boolean => {
  const node = graph.get(uid);
  return node !== undefined && isWaitingForDependents(node.object);
};

async function collect(parts: Parts, uid: string): Promise<Again> {
  const node = parts.graph.get(uid);
  if (!node) return done;
  const { object } = node;
  if ((isOrphaning(object) || isWaitingForDependents(object)) && !parts.graph.isComplete()) return againAfter(lookAgainMs);
  const dependents = parts.graph.dependentsOf(uid);
  const owners: OwnerView[] = [];
  const leaving = object.metadata.deletionTimestamp !== undefined;
  if (!leaving) for (const reference of object.metadata.ownerReferences ?? []) owners.push(await viewOwner(parts, node, reference));
  const step = planCollection({ object, owners, dependents: dependents.map((dependent) => dependent.object) });
  await carryOut(parts, node, dependents, step);
  return done;
}

/** An owner that the cache does not know is asked for, unless it was seen to go. */
async function viewOwner(parts: Parts, node: Node, reference: V1OwnerReference): Promise<OwnerView> {
  const { graph, context } = parts;
  const known = graph.get(reference.uid);
  if (known) return { reference, state: stateOf(known.object) };
  if (graph.isGone(reference.uid)) return { reference, state: 'absent' };
  const kind = graph.kindOf(reference);
  const namespace = node.object.metadata.namespace;
  // Of a kind that is not served, or out of reach for a cluster-scoped object, nothing can be said: nothing is deleted for it.
  if (!kind || (kind.namespaced && namespace === undefined)) return { reference, state: 'solid' };
  try {
    const key = { name: reference.name, ...(kind.namespaced ? { namespace } : {}) };
    const live = await context.client.get(kind, key, { signal: context.signal });
    if (live.metadata.uid === reference.uid) return { reference, state: stateOf(live) };
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
  graph.noteGone(reference.uid);
  return { reference, state: 'absent' };
}

const stateOf = (owner: KubeObject) => (isWaitingForDependents(owner) ? 'waiting' : 'solid');

async function carryOut(parts: Parts, node: Node, dependents: readonly Node[], step: Step): Promise<void> {
  const { object } = node;
  const { uid, finalizers = [], ownerReferences = [] } = object.metadata;
  switch (step.do) {
    case 'nothing':
      return;
    case 'orphanDependents':
      for (const dependent of dependents) {
        const rest = (dependent.object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== uid);
        await patch(parts, dependent, { ownerReferences: rest });
      }
      return patch(parts, node, { finalizers: finalizers.filter((finalizer) => finalizer !== orphanFinalizer) });
    case 'waitForDependents':
      for (const dependent of dependents) {
        if (blocks(dependent.object, uid) && !isWaitingForDependents(dependent.object)) parts.add(dependent.object.metadata.uid);
      }
      return;
    case 'removeFinalizer':
      return patch(parts, node, { finalizers: finalizers.filter((finalizer) => finalizer !== step.finalizer) });
    case 'dropReferences':
      return patch(parts, node, { ownerReferences: ownerReferences.filter((reference) => !step.uids.includes(reference.uid)) });
    case 'unblockAndDelete': {
      const unblocked = ownerReferences.map((reference) => ({ ...reference, blockOwnerDeletion: false }));
      await patch(parts, node, { ownerReferences: unblocked });
      return remove(parts, node, 'Foreground', false);
    }
    case 'delete':
      return remove(parts, node, step.policy, true);
  }
}

const keyOf = ({ object, kind }: Node) => ({
  name: object.metadata.name,
  ...(kind.namespaced ? { namespace: object.metadata.namespace } : {}),
});

/** Of exactly the object that the decision was about; one that is gone needs nothing. */
async function patch(
  { context }: Parts,
  node: Node,
  metadata: Pick<NonNullable<KubeObject['metadata']>, 'finalizers' | 'ownerReferences'>,
) {
  const { uid, resourceVersion } = node.object.metadata;
  const body = { metadata: { uid, resourceVersion, ...metadata } };
  try {
    await context.client.patch(node.kind, keyOf(node), 'application/merge-patch+json', body, { signal: context.signal });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

/** `unchanged`: only as long as the object is as it was when it was decided, so that a new owner saves it. */
async function remove({ context }: Parts, node: Node, propagationPolicy: 'Orphan' | 'Foreground' | 'Background', unchanged: boolean) {
  const { uid, resourceVersion } = node.object.metadata;
  const preconditions = { uid, ...(unchanged ? { resourceVersion } : {}) };
  await context.client.delete(node.kind, keyOf(node), { preconditions, propagationPolicy, signal: context.signal });
}
