// The StatefulSet controller: pods with names, an order and claims of their own. A set is woken by its own changes, by those of its
// pods and revisions, and by claims that go.
import {
  compileLabelSelector,
  type Persisted,
  sameMeaning,
  type V1PodTemplateSpec,
  type V1StatefulSet,
  type V1StatefulSetStatus,
} from '../../api/mod.ts';
import { type Again, cacheKeyOf, referenceTo } from '../../client/mod.ts';
import { claimPodsOf } from '../runtime/claim-pods.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { createExpectations } from '../runtime/expectations.ts';
import { createOwnWrites } from '../runtime/own-writes.ts';
import { followOwnedPods } from '../runtime/owned-pods.ts';
import { controllerKey, indexByController } from '../runtime/ownership.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { persistentVolumeClaimType, podType } from '../runtime/resource-types.ts';
import { ownRevisions, present, type Revision, truncate } from '../runtime/revisions.ts';
import { revisionType, statefulSetType } from '../runtime/workload-types.ts';
import { ordinalOf, type Pod, revisionOf, type StatefulSet } from './identity.ts';
import type { Parts } from './parts.ts';
import { nextAvailabilityMs, planSet, planStatus, type SetInput } from './plan.ts';
import { correctClaims, createMissingClaims, createSetPod, deleteSetPod, relabelPod } from './set-pods.ts';

const staleMs = 1_000;
/** The hash in the names and labels of a set's revisions. */
const hashLabel = 'controller.kubernetes.io/hash';

export async function runStatefulSetController(context: ControllerContext): Promise<void> {
  const { informers, clock } = context;
  const caches = {
    sets: informers.of(statefulSetType),
    pods: informers.of(podType),
    revisions: informers.of(revisionType),
    claims: informers.of(persistentVolumeClaimType),
  };
  const { sets, pods, revisions, claims } = caches;
  indexByController(pods);
  indexByController(revisions);
  const memory = { expectations: createExpectations(clock), writes: createOwnWrites() };
  const controller = startController(context, {
    name: 'statefulset-controller',
    caches: [cache(sets), cache(pods), cache(revisions), cache(claims)],
    reconcile: (key, signal) => reconcile({ ...caches, ...memory, context: { ...context, signal }, events: controller.events }, key),
  });
  const { queue } = controller;
  controller.on(sets, ({ old, next }) => {
    const set = next ?? old;
    if (!set) return;
    if (!next) {
      memory.expectations.forget(cacheKeyOf(set));
      memory.writes.forget(cacheKeyOf(set));
    }
    queue.add(cacheKeyOf(set));
  });
  const selects = (set: V1StatefulSet) => compileLabelSelector(set.spec?.selector);
  controller.on(pods, followOwnedPods({ owners: sets, selects, expectations: memory.expectations, wake: queue.add }));
  controller.on(revisions, ({ old, next }) => {
    for (const key of new Set([controllerKey(old, sets), controllerKey(next, sets)])) if (key !== undefined) queue.add(key);
  });
  // A pod waits for a claim of its name that is still going away.
  controller.on(claims, ({ old, next }) => {
    if (next || !old) return;
    for (const set of sets.list(old.metadata.namespace ?? '')) if (set.spec?.volumeClaimTemplates?.length) queue.add(cacheKeyOf(set));
  });
  await controller.stopped;
}

async function reconcile(parts: Parts, key: string): Promise<Again> {
  const set = parts.sets.get(key);
  if (!set?.spec) return done;
  if (parts.writes.isAhead(key, set)) return againAfter(staleMs);
  if (!parts.expectations.met(key)) return againAfter(parts.expectations.givenUpInMs(key));
  const { client, signal, clock } = parts.context;
  const owner = { client, signal, type: statefulSetType, owner: set, selector: set.spec.selector };
  const history = {
    ...owner,
    revisions: parts.revisions,
    template: set.spec.template,
    collisionCount: set.status?.collisionCount,
    hashLabel,
  };
  const all = await ownRevisions(history);
  const { current: newest, old, collisionCount } = await present(history, all);
  const before = all.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? newest;
  const mayAdopt = (pod: Pod) => ordinalOf(set, pod) !== undefined;
  const pods = await claimPodsOf({ ...owner, pods: parts.pods, mayAdopt });
  const input: SetInput = { set, pods, current: before.metadata.name, update: newest.metadata.name, nowMs: clock.nowMs() };
  const error = set.metadata.deletionTimestamp === undefined ? await act(parts, key, input, [before, newest]) : undefined;
  const status = planStatus(input, collisionCount);
  await writeStatus(parts, key, set, status);
  const live = new Set([...pods.map(revisionOf), status.currentRevision, status.updateRevision]);
  await truncate(history, old, set.spec.revisionHistoryLimit ?? 10, ({ metadata }) => live.has(metadata.name));
  if (error !== undefined && !isNamespaceTerminating(error)) throw error;
  const unmetMs = parts.expectations.met(key) ? undefined : parts.expectations.givenUpInMs(key);
  const waits = [nextAvailabilityMs(input), unmetMs].filter((ms) => ms !== undefined);
  return waits.length === 0 ? done : againAfter(Math.min(...waits));
}

/** Carries the plan out, in its order; gives the first error. */
async function act(parts: Parts, key: string, input: SetInput, revisions: readonly Revision[]): Promise<unknown> {
  const { set } = input;
  try {
    for (const pod of input.pods) {
      if (pod.status?.phase === 'Pending' && pod.metadata.deletionTimestamp === undefined)
        await createMissingClaims(parts, set, pod.metadata.name);
      await correctClaims(parts, set, pod);
    }
    for (const action of planSet(input)) {
      switch (action.do) {
        case 'create':
          await createSetPod(parts, key, set, action, templateOf(revisions, action.revision) ?? set.spec?.template ?? {});
          break;
        case 'delete':
          if (action.why === 'ended') recordRecreation(parts, set, action.pod);
          await deleteSetPod(parts, key, set, action.pod);
          break;
        case 'relabel':
          await relabelPod(parts, set, action.pod);
          break;
      }
    }
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The template that a revision holds. */
function templateOf(revisions: readonly Revision[], name: string): V1PodTemplateSpec | undefined {
  const found = revisions.find(({ metadata }) => metadata.name === name);
  const data = found?.data as { spec?: { template?: V1PodTemplateSpec & { $patch?: string } } } | undefined;
  if (!data?.spec?.template) return undefined;
  const { $patch: _, ...template } = data.spec.template;
  return template;
}

function recordRecreation(parts: Parts, set: StatefulSet, pod: Pod): void {
  const about = referenceTo(statefulSetType, set);
  const { namespace, name } = set.metadata;
  if (pod.status?.phase === 'Failed') {
    parts.events.record(
      about,
      'Warning',
      'RecreatingFailedPod',
      `StatefulSet ${namespace}/${name} is recreating failed Pod ${pod.metadata.name}`,
    );
  } else {
    const message = `StatefulSet ${namespace}/${name} is recreating terminated Pod ${pod.metadata.name}`;
    parts.events.record(about, 'Normal', 'RecreatingTerminatedPod', message);
  }
}

async function writeStatus(parts: Parts, key: string, set: Persisted<V1StatefulSet>, status: V1StatefulSetStatus): Promise<void> {
  if (sameMeaning(set.status, status)) return;
  const { client, signal } = parts.context;
  parts.writes.wrote(key, await client.updateStatus(statefulSetType, { ...set, status }, { signal }));
}
