// The ReplicaSet and ReplicationController controllers: each keeps as many pods of a template as its objects say.
import {
  compileLabelSelector,
  compileSelector,
  controllerOf,
  formatTime,
  type Labels,
  type Persisted,
  type ResourceType,
  selectorOfLabels,
  type V1LabelSelector,
  type V1Pod,
} from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { type Again, cacheKeyOf, type EventRecorder, type Informer } from '../../client/mod.ts';
import { againAfter, type Controller, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { createExpectations, type Expectations } from '../runtime/expectations.ts';
import { followOwnedPods } from '../runtime/owned-pods.ts';
import { adoptObject, claim, controlledBy, indexByController, orphansIn, releaseObject } from '../runtime/ownership.ts';
import { createPod, deletePod, isNamespaceTerminating, podFromTemplate } from '../runtime/pod-control.ts';
import { isActive, isTerminating } from '../runtime/pods.ts';
import { podType, replicaSetType, replicationControllerType } from '../runtime/resource-types.ts';
import { slowStart } from '../runtime/slow-start.ts';
import { nextAvailabilityMs, planReplicas, planStatus, type ReplicaOwner, type ReplicaPlan, type StatusInput, sameStatus } from './plan.ts';

const countedEachTime = 100;
const countAgainMs = 1_000;
const leavingCountMs = 100;
/** 5,000 replicas are counted five times a second at most. */
const replicasPerWaitMs = 25;

/** What the two kinds differ in. */
interface ReplicaKind {
  readonly controller: string;
  readonly type: ResourceType<ReplicaOwner>;
  readonly selects: (set: ReplicaOwner) => (labels: Labels | undefined) => boolean;
  /** Whether the status tells of pods that are going away. */
  readonly countsTerminating: boolean;
}

const replicaSetKind: ReplicaKind = {
  controller: 'replicaset-controller',
  type: replicaSetType as ResourceType<ReplicaOwner>,
  selects: (set) => compileLabelSelector(set.spec?.selector as V1LabelSelector | undefined),
  countsTerminating: true,
};

const replicationControllerKind: ReplicaKind = {
  controller: 'replication-controller',
  type: replicationControllerType as ResourceType<ReplicaOwner>,
  selects: (set) => compileSelector(selectorOfLabels(set.spec?.selector as Labels | undefined)),
  countsTerminating: false,
};

interface Parts {
  readonly kind: ReplicaKind;
  readonly context: ControllerContext;
  readonly sets: Informer<ReplicaOwner>;
  readonly pods: Informer<V1Pod>;
  readonly expectations: Expectations;
  readonly events: EventRecorder;
}

export const runReplicaSetController = (context: ControllerContext): Promise<void> => run(context, replicaSetKind);
export const runReplicationController = (context: ControllerContext): Promise<void> => run(context, replicationControllerKind);

async function run(context: ControllerContext, kind: ReplicaKind): Promise<void> {
  const { informers, clock } = context;
  const sets = informers.of(kind.type);
  const pods = informers.of(podType);
  indexByController(sets);
  indexByController(pods);
  const expectations = createExpectations(clock);
  const controller: Controller = startController(context, {
    name: kind.controller,
    workers: 8,
    caches: [cache(sets), cache(pods)],
    reconcile: (key, signal) =>
      reconcile({ kind, context: { ...context, signal }, sets, pods, expectations, events: controller.events }, key),
  });
  controller.on(sets, ({ old, next }) => {
    const object = next ?? old;
    if (!object) return;
    const key = cacheKeyOf(object);
    if (!next) expectations.forget(key);
    controller.queue.add(key);
  });
  const wake = (key: string) => controller.queue.addAfter(key, patienceMs(sets.get(key)));
  controller.on(pods, followOwnedPods({ owners: sets, selects: kind.selects, expectations, wake }));
  await controller.stopped;
}

/** How long what happens to pods may wait for more of it: a look counts all pods, and a large set must not be counted for each of them. */
function patienceMs(set: ReplicaOwner | undefined): number {
  // A set that is going away has nothing to do but to count.
  if (set?.metadata?.deletionTimestamp !== undefined) return leavingCountMs;
  const replicas = set?.spec?.replicas ?? 1;
  return replicas <= countedEachTime ? 0 : Math.ceil(replicas / replicasPerWaitMs);
}

async function reconcile(parts: Parts, key: string): Promise<Again> {
  const { clock } = parts.context;
  const set = parts.sets.get(key);
  if (!set) {
    parts.expectations.forget(key);
    return done;
  }
  const ready = parts.expectations.met(key);
  // In the middle of its own creations a large set need not count all its pods for each of them.
  if (!ready && (set.spec?.replicas ?? 1) > countedEachTime) return againAfter(countAgainMs);
  const owned = await claimPods(parts, set);
  const active = owned.filter(isActive);
  const leaving = set.metadata.deletionTimestamp !== undefined;
  const outcome = ready && !leaving ? await scale(parts, set, key, active) : undefined;
  const nowMs = clock.nowMs();
  await writeStatus(parts, set, {
    set,
    pods: active,
    terminating: parts.kind.countsTerminating ? owned.filter(isTerminating).length : undefined,
    failure: outcome,
    nowMs,
    nowTime: formatTime(nowMs),
  });
  if (outcome && !outcome.expected) throw outcome.error;
  const availableMs = nextAvailabilityMs(set, active, nowMs);
  // What was done just now may be undone before the cache ever shows it.
  const unmetMs = parts.expectations.met(key) ? undefined : parts.expectations.givenUpInMs(key);
  const waitMs = availableMs === undefined || unmetMs === undefined ? (availableMs ?? unmetMs) : Math.min(availableMs, unmetMs);
  return waitMs === undefined ? done : againAfter(waitMs);
}

/** All pods of the set, those going away included; adopts and releases on the way. */
async function claimPods(parts: Parts, set: Persisted<ReplicaOwner>): Promise<readonly Persisted<V1Pod>[]> {
  const { client, signal } = parts.context;
  const candidates = [...controlledBy(parts.pods, set), ...orphansIn(parts.pods, set.metadata.namespace ?? '').filter(isActive)];
  const { keep, adopt, release } = claim(set, candidates, parts.kind.selects(set));
  if (adopt.length === 0 && release.length === 0) return keep;
  // The cache may not know yet that the set is going away, or is another one by now.
  const { namespace, name } = set.metadata;
  const fresh = await client.get(parts.kind.type, { namespace, name }, { signal });
  if (fresh.metadata.uid !== set.metadata.uid || fresh.metadata.deletionTimestamp !== undefined) return keep;
  const write = { client, ownerType: parts.kind.type, owner: set, type: podType, signal };
  for (const pod of release) await releaseObject(write, pod);
  const adopted: Persisted<V1Pod>[] = [];
  for (const pod of adopt) adopted.push(await adoptObject(write, pod));
  return [...keep, ...adopted];
}

interface Failure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
  readonly error: unknown;
  /** Not worth a retry: the namespace is going away. */
  readonly expected: boolean;
}

async function scale(
  parts: Parts,
  set: Persisted<ReplicaOwner>,
  key: string,
  active: readonly Persisted<V1Pod>[],
): Promise<Failure | undefined> {
  const related = () => relatedPods(parts, set, active);
  const plan = planReplicas({ replicas: set.spec?.replicas ?? 1, pods: active, related, nowMs: parts.context.clock.nowMs() });
  const error = await carryOut(parts, set, key, plan);
  if (error === undefined) return undefined;
  const reason = plan.do === 'create' ? 'FailedCreate' : 'FailedDelete';
  return { reason, message: errorText(error), error, expected: isNamespaceTerminating(error) };
}

/** The active pods of all sets that the set's owner controls: those of a Deployment's old and new ReplicaSets. */
function relatedPods(parts: Parts, set: Persisted<ReplicaOwner>, own: readonly V1Pod[]): readonly V1Pod[] {
  const owner = controllerOf(set);
  if (!owner) return own;
  return controlledBy(parts.sets, { metadata: { uid: owner.uid } }).flatMap((sibling) =>
    controlledBy(parts.pods, sibling).filter(isActive),
  );
}

/** Gives the first error. What did not come about is no longer expected. */
async function carryOut(parts: Parts, set: Persisted<ReplicaOwner>, key: string, plan: ReplicaPlan): Promise<unknown> {
  const { client, signal } = parts.context;
  const owner = { client, events: parts.events, type: parts.kind.type, owner: set, signal };
  switch (plan.do) {
    case 'nothing':
      return undefined;
    case 'create': {
      parts.expectations.expectCreations(key, plan.count);
      const pod = podFromTemplate(parts.kind.type, set, set.spec?.template);
      const { started, error } = await slowStart(plan.count, async () => {
        try {
          await createPod(owner, pod);
        } catch (failure) {
          parts.expectations.creationObserved(key);
          throw failure;
        }
      });
      for (let skipped = started; skipped < plan.count; skipped++) parts.expectations.creationObserved(key);
      return error;
    }
    case 'delete': {
      parts.expectations.expectDeletions(
        key,
        plan.pods.map(({ metadata }) => metadata.uid),
      );
      const results = await Promise.allSettled(
        plan.pods.map(async (pod) => {
          try {
            if (!(await deletePod(owner, pod))) parts.expectations.deletionObserved(key, pod.metadata.uid);
          } catch (failure) {
            parts.expectations.deletionObserved(key, pod.metadata.uid);
            throw failure;
          }
        }),
      );
      return results.find((result) => result.status === 'rejected')?.reason;
    }
  }
}

async function writeStatus(parts: Parts, set: Persisted<ReplicaOwner>, input: StatusInput): Promise<void> {
  const status = planStatus({ ...input, failure: input.failure && pick(input.failure) });
  if (sameStatus(set.status, status)) return;
  await parts.context.client.updateStatus(parts.kind.type, { ...set, status }, { signal: parts.context.signal });
}

const pick = ({ reason, message }: NonNullable<StatusInput['failure']>) => ({ reason, message });
