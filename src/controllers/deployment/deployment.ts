// The Deployment controller: brings a Deployment's pods from one template to the next, through its ReplicaSets.
import { compileLabelSelector, controllerOf } from '../../api/mod.ts';
import { type Again, cacheKeyOf, referenceTo } from '../../client/mod.ts';
import { type Controller, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { adoptObject, claim, controlledBy, controllerKey, indexByController, orphansIn, releaseObject } from '../runtime/ownership.ts';
import { deploymentType, podType, replicaSetType } from '../runtime/resource-types.ts';
import { withCurrent } from './current-set.ts';
import { isScalingEvent, planCleanup, planRecreate, planRolling, planScale, type Scaling, type Sets } from './plan.ts';
import {
  findNew,
  findOld,
  isRolling,
  matcherOf,
  type ReplicaSet,
  selectsEverything,
  sizeAnnotations,
  specReplicas,
} from './replica-sets.ts';
import { baseStatus, isComplete, pausedCondition, rolloutStatus } from './status.ts';
import { noteCondition, now, type Parts, recordScaling, type Sync, writeStatus } from './sync.ts';

export async function runDeploymentController(context: ControllerContext): Promise<void> {
  const { informers } = context;
  const deployments = informers.of(deploymentType);
  const sets = informers.of(replicaSetType);
  const pods = informers.of(podType);
  indexByController(sets);
  indexByController(pods);
  const controller: Controller = startController(context, {
    name: 'deployment-controller',
    workers: 8,
    caches: [cache(deployments), cache(sets), cache(pods)],
    reconcile: (key, signal) => reconcile({ context: { ...context, signal }, deployments, sets, pods, events: controller.events }, key),
  });
  const { add } = controller.queue;
  controller.on(deployments, ({ old, next }) => {
    const object = next ?? old;
    if (object) add(cacheKeyOf(object));
  });
  controller.on(sets, ({ old, next }) => {
    const keys = new Set([controllerKey(old, deployments), controllerKey(next, deployments)]);
    for (const key of keys) if (key !== undefined) add(key);
    if (!next || controllerOf(next)) return;
    for (const deployment of deployments.list(next.metadata.namespace ?? '')) {
      if (compileLabelSelector(deployment.spec?.selector)(next.metadata.labels)) add(cacheKeyOf(deployment));
    }
  });
  controller.on(pods, ({ old, next }) => {
    // Recreate waits for the last old pod to go.
    const setKey = next && next.metadata.deletionTimestamp === undefined ? undefined : controllerKey(old, sets);
    const key = setKey === undefined ? undefined : controllerKey(sets.get(setKey), deployments);
    const deployment = key === undefined ? undefined : deployments.get(key);
    if (key !== undefined && deployment && !isRolling(deployment)) add(key);
  });
  await controller.stopped;
}

async function reconcile(parts: Parts, key: string): Promise<Again> {
  const stored = parts.deployments.get(key);
  if (!stored) return done;
  const sync: Sync = { ...parts, deployment: stored, stored };
  if (selectsEverything(stored)) {
    const message = 'This deployment is selecting all pods. A non-empty selector is required.';
    parts.events.record(referenceTo(deploymentType, stored), 'Warning', 'SelectingAll', message);
    return writeStatus(sync, { ...stored.status, observedGeneration: stored.metadata.generation ?? 0 });
  }
  const sets = await claimSets(sync);
  const leaving = stored.metadata.deletionTimestamp !== undefined;
  if (!leaving) notePaused(sync);
  if (leaving) return writeStatus(sync, baseStatus(stored, { current: findNew(stored, sets), old: findOld(stored, sets) }, now(sync).time));
  if (stored.spec?.paused === true || isScalingEvent(stored, sets)) return scaleOnly(sync, sets);
  return isRolling(stored) ? roll(sync, sets) : recreate(sync, sets);
}

function notePaused(sync: Sync): void {
  const condition = pausedCondition(sync.deployment, now(sync).time);
  if (condition) noteCondition(sync, condition);
}

async function claimSets(sync: Sync): Promise<readonly ReplicaSet[]> {
  const { stored, sets, context } = sync;
  const { client, signal } = context;
  const candidates = [...controlledBy(sets, stored), ...orphansIn(sets, stored.metadata.namespace ?? '')];
  const { keep, adopt, release } = claim(stored, candidates, matcherOf(stored));
  if (adopt.length === 0 && release.length === 0) return keep;
  const { namespace, name, uid } = stored.metadata;
  const fresh = await client.get(deploymentType, { namespace, name }, { signal });
  if (fresh.metadata.uid !== uid || fresh.metadata.deletionTimestamp !== undefined) return keep;
  const write = { client, ownerType: deploymentType, owner: stored, type: replicaSetType, signal };
  for (const set of release) await releaseObject(write, set);
  const adopted: ReplicaSet[] = [];
  for (const set of adopt) adopted.push(await adoptObject(write, set));
  return [...keep, ...adopted];
}

async function roll(sync: Sync, all: readonly ReplicaSet[]): Promise<Again> {
  const sets = await withCurrent(sync, all, true);
  const { current } = sets;
  if (!current) return done;
  const after = await scaleAll(sync, sets, planRolling(sync.deployment, { ...sets, current }));
  if (after === sets && isComplete(sync.deployment, sync.deployment.status)) await cleanUp(sync, sets.old);
  return writeStatus(sync, rolloutStatus(sync.deployment, after, now(sync)));
}

async function recreate(sync: Sync, all: readonly ReplicaSet[]): Promise<Again> {
  const sets = await withCurrent(sync, all, false);
  const step = planRecreate(sets, (set) => controlledBy(sync.pods, set));
  switch (step.do) {
    case 'scaleDownOld':
      return writeStatus(sync, rolloutStatus(sync.deployment, await scaleAll(sync, sets, step.scalings), now(sync)));
    case 'waitForOldPods':
      return writeStatus(sync, rolloutStatus(sync.deployment, sets, now(sync)));
    case 'scaleUpNew': {
      const withNew = await withCurrent(sync, all, true);
      const { current } = withNew;
      const replicas = specReplicas(sync.deployment);
      const after = await scaleAll(sync, withNew, current && specReplicas(current) !== replicas ? [{ set: current, replicas }] : []);
      if (isComplete(sync.deployment, sync.deployment.status)) await cleanUp(sync, after.old);
      return writeStatus(sync, rolloutStatus(sync.deployment, after, now(sync)));
    }
  }
}

async function scaleOnly(sync: Sync, all: readonly ReplicaSet[]): Promise<Again> {
  const sets = await withCurrent(sync, all, false);
  const after = await scaleAll(sync, sets, planScale(sync.deployment, sets));
  if (sync.deployment.spec?.paused === true) await cleanUp(sync, after.old);
  return writeStatus(sync, baseStatus(sync.deployment, after, now(sync).time));
}

/** Gives the very same sets when there was nothing to do. */
async function scaleAll(sync: Sync, sets: Sets, scalings: readonly Scaling[]): Promise<Sets> {
  if (scalings.length === 0) return sets;
  const written = new Map<string, ReplicaSet>();
  for (const scaling of scalings) written.set(scaling.set.metadata.uid, await scaleOne(sync, scaling));
  const latest = (set: ReplicaSet) => written.get(set.metadata.uid) ?? set;
  return { current: sets.current && latest(sets.current), old: sets.old.map(latest) };
}

async function scaleOne(sync: Sync, { set, replicas }: Scaling): Promise<ReplicaSet> {
  const { client, signal } = sync.context;
  const before = specReplicas(set);
  const sizes = sizeAnnotations(sync.deployment);
  const annotations = { ...set.metadata.annotations, ...sizes };
  const sized = Object.entries(sizes).every(([key, value]) => set.metadata.annotations?.[key] === value);
  if ((before === replicas && sized) || !set.spec) return set;
  const next: ReplicaSet = { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas } };
  const written = await client.update(replicaSetType, next, { signal });
  if (before !== replicas) recordScaling(sync, set.metadata.name, before, replicas);
  return written;
}

async function cleanUp(sync: Sync, old: readonly ReplicaSet[]): Promise<void> {
  const { client, signal } = sync.context;
  for (const set of planCleanup(sync.deployment, old)) {
    const { uid } = set.metadata;
    await client.delete(replicaSetType, set.metadata, { preconditions: { uid }, signal });
  }
}
