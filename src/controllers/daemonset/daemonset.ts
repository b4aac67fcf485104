// The DaemonSet controller: one pod on every node that fits. A set is woken by its own changes, by those of its pods and revisions,
// and by nodes that come, go, or begin or cease to fit.
import {
  compileLabelSelector,
  type Persisted,
  sameMeaning,
  type V1ControllerRevision,
  type V1DaemonSet,
  type V1DaemonSetStatus,
  type V1Node,
  type V1Pod,
} from '../../api/mod.ts';
import { type Again, cacheKeyOf, type EventRecorder, type Informer, referenceTo, type WorkQueue } from '../../client/mod.ts';
import { claimPodsOf } from '../runtime/claim-pods.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { createExpectations, type Expectations } from '../runtime/expectations.ts';
import { createOwnWrites, type OwnWrites } from '../runtime/own-writes.ts';
import { followOwnedPods } from '../runtime/owned-pods.ts';
import { controllerKey, indexByController } from '../runtime/ownership.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { nodeType, podType } from '../runtime/resource-types.ts';
import { ownRevisions, present, truncate } from '../runtime/revisions.ts';
import { daemonSetType, revisionType } from '../runtime/workload-types.ts';
import { createFailureBackoff, type FailureBackoff } from './failure-backoff.ts';
import { fitOf } from './placement.ts';
import { type DaemonInput, type DaemonSet, hashLabel, nextAvailabilityMs, planPlacement, planRollout, planStatus } from './plan.ts';
import { syncPods } from './sync-pods.ts';

const staleMs = 1_000;

interface Parts {
  readonly context: ControllerContext;
  readonly sets: Informer<V1DaemonSet>;
  readonly pods: Informer<V1Pod>;
  readonly nodes: Informer<V1Node>;
  readonly revisions: Informer<V1ControllerRevision>;
  readonly expectations: Expectations;
  readonly writes: OwnWrites;
  readonly backoff: FailureBackoff;
  readonly events: EventRecorder;
}

export async function runDaemonSetController(context: ControllerContext): Promise<void> {
  const { informers, clock } = context;
  const caches = {
    sets: informers.of(daemonSetType),
    pods: informers.of(podType),
    nodes: informers.of(nodeType),
    revisions: informers.of(revisionType),
  };
  const { sets, pods, nodes, revisions } = caches;
  indexByController(pods);
  indexByController(revisions);
  const memory = { expectations: createExpectations(clock), writes: createOwnWrites(), backoff: createFailureBackoff(clock) };
  const controller = startController(context, {
    name: 'daemonset-controller',
    caches: [cache(sets), cache(pods), cache(nodes), cache(revisions)],
    reconcile: (key, signal) => reconcile({ ...caches, ...memory, context: { ...context, signal }, events: controller.events }, key),
  });
  const { queue } = controller;
  controller.on(sets, ({ old, next }) => {
    const set = next ?? old;
    if (!set) return;
    const key = cacheKeyOf(set);
    if (!next) {
      memory.expectations.forget(key);
      memory.writes.forget(key);
      memory.backoff.forget(set.metadata.uid);
    }
    queue.add(key);
  });
  controller.on(revisions, ({ old, next }) => {
    for (const key of new Set([controllerKey(old, sets), controllerKey(next, sets)])) if (key !== undefined) queue.add(key);
  });
  const selects = (set: V1DaemonSet) => compileLabelSelector(set.spec?.selector);
  controller.on(pods, followOwnedPods({ owners: sets, selects, expectations: memory.expectations, wake: queue.add }));
  controller.on(nodes, ({ old, next }) => onNode(sets, queue, old, next));
  await controller.stopped;
}

/** What a node reports of itself every few seconds wakes nobody. */
function onNode(
  sets: Informer<V1DaemonSet>,
  queue: Pick<WorkQueue, 'add'>,
  old: Persisted<V1Node> | undefined,
  next: Persisted<V1Node> | undefined,
): void {
  if (old && next && sameMeaning(old.spec?.taints, next.spec?.taints) && sameMeaning(old.metadata.labels, next.metadata.labels, 'labels'))
    return;
  for (const set of sets.list()) {
    const [before, after] = [old && fitOf(set, old), next && fitOf(set, next)];
    if (before?.run !== after?.run || before?.stay !== after?.stay) queue.add(cacheKeyOf(set));
  }
}

async function reconcile(parts: Parts, key: string): Promise<Again> {
  const set = parts.sets.get(key);
  if (!set?.spec || set.metadata.deletionTimestamp !== undefined) return done;
  if (parts.writes.isAhead(key, set)) return againAfter(staleMs);
  const { client, signal, clock } = parts.context;
  if (sameMeaning(set.spec.selector, {})) {
    const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
    parts.events.record(referenceTo(daemonSetType, set), 'Warning', 'SelectingAll', message);
    return done;
  }
  const owner = { client, signal, type: daemonSetType, owner: set, selector: set.spec.selector };
  const history = {
    ...owner,
    revisions: parts.revisions,
    template: set.spec.template,
    collisionCount: set.status?.collisionCount,
    hashLabel,
  };
  const { current, old, collisionCount } = await present(history, await ownRevisions(history));
  const pods = await claimPodsOf({ ...owner, pods: parts.pods });
  const hash = current.metadata.labels?.[hashLabel] ?? '';
  const input: DaemonInput = { set, nodes: parts.nodes.list(), pods, hash, nowMs: clock.nowMs() };
  const settled = parts.expectations.met(key);
  const acted = settled ? await act(parts, key, input) : { retryMs: undefined, error: undefined };
  if (settled && acted.error === undefined) {
    const live = new Set(pods.map((pod) => pod.metadata.labels?.[hashLabel]));
    await truncate(history, old, set.spec.revisionHistoryLimit ?? 10, (revision) => live.has(revision.metadata.labels?.[hashLabel]));
  }
  await writeStatus(parts, key, set, planStatus({ ...input, collisionCount, observed: settled }));
  if (acted.error !== undefined && !isNamespaceTerminating(acted.error)) throw acted.error;
  const unmetMs = parts.expectations.met(key) ? undefined : parts.expectations.givenUpInMs(key);
  const waits = [acted.retryMs, nextAvailabilityMs(input), unmetMs].filter((ms) => ms !== undefined);
  return waits.length === 0 ? done : againAfter(Math.min(...waits));
}

interface Acted {
  /** When a failed pod may be tried again. */
  readonly retryMs: number | undefined;
  readonly error: unknown;
}

async function act(parts: Parts, key: string, input: DaemonInput): Promise<Acted> {
  const { createOn, remove, ended } = planPlacement(input);
  let retryMs: number | undefined;
  const due = ended.filter(({ pod, nodeName }) => {
    const waitMs = pod.status?.phase === 'Failed' ? parts.backoff.waitMs(input.set.metadata.uid, nodeName) : 0;
    if (waitMs > 0) retryMs = Math.min(retryMs ?? waitMs, waitMs);
    return waitMs === 0;
  });
  for (const { pod, nodeName } of due) recordEnded(parts, input.set, pod, nodeName);
  const first = { createOn, remove: [...remove, ...due.map(({ pod }) => pod)] };
  // The next step of a rollout waits until the nodes are in order: what is done now will wake the set again.
  if (first.createOn.length + first.remove.length > 0) return { retryMs, error: await syncPods(parts, key, input, first) };
  if (input.set.spec?.updateStrategy?.type === 'OnDelete') return { retryMs, error: undefined };
  return { retryMs, error: await syncPods(parts, key, input, planRollout(input)) };
}

function recordEnded(parts: Parts, set: DaemonSet, pod: Persisted<V1Pod>, nodeName: string): void {
  const which = `daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ${nodeName}`;
  const about = referenceTo(daemonSetType, set);
  if (pod.status?.phase === 'Failed')
    parts.events.record(about, 'Warning', 'FailedDaemonPod', `Found failed ${which}, will try to kill it`);
  else parts.events.record(about, 'Normal', 'SucceededDaemonPod', `Found succeeded ${which}, will try to delete it`);
}

async function writeStatus(parts: Parts, key: string, set: DaemonSet, status: V1DaemonSetStatus): Promise<void> {
  if (sameMeaning(set.status, status)) return;
  const { client, signal } = parts.context;
  parts.writes.wrote(key, await client.updateStatus(daemonSetType, { ...set, status }, { signal }));
}
