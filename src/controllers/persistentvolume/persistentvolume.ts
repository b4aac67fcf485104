// The binder of persistent volumes: joins claims and volumes, and says on both how they stand.
import {
  bindCompletedAnnotation,
  boundByControllerAnnotation,
  hasReason,
  isDefaultClass,
  type Persisted,
  type ResourceType,
  selectedNodeAnnotation,
  storageClassOf,
  storageProvisionerAnnotations,
  timeMs,
  type V1Node,
  type V1ObjectReference,
  type V1PersistentVolume,
  type V1PersistentVolumeClaim,
  type V1Pod,
  type V1StorageClass,
} from '../../api/mod.ts';
import { type Again, cacheKeyOf, type EventRecorder, type Informer, referenceTo } from '../../client/mod.ts';
import { type Controller, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { nodeType, persistentVolumeClaimType, persistentVolumeType, podType, storageClassType } from '../runtime/resource-types.ts';
import { type Claim, type ClaimPlan, planClaim, planVolume, type Told, type Volume, type VolumePlan } from './plan.ts';
import { indexPodsByClaim, podsByClaim } from './pods-by-claim.ts';

/** Of volumes: by the claim that their claimRef names, and the free ones by class. Of claims: the unbound ones by class. */
const byClaim = 'claim';
const freeByClass = 'freeClass';
const unboundByClass = 'unboundClass';
const bySelectedNode = 'selectedNode';
interface Parts {
  readonly context: ControllerContext;
  readonly claims: Informer<V1PersistentVolumeClaim>;
  readonly volumes: Informer<V1PersistentVolume>;
  readonly classes: Informer<V1StorageClass>;
  readonly nodes: Informer<V1Node>;
  readonly pods: Informer<V1Pod>;
  readonly events: EventRecorder;
  readonly wake: (key: string) => void;
}

const claimKey = (key: string): string => `claim:${key}`;
const volumeKey = (name: string): string => `volume:${name}`;
const isUnbound = (claim: V1PersistentVolumeClaim): boolean =>
  claim.metadata?.annotations?.[bindCompletedAnnotation] === undefined && claim.metadata?.deletionTimestamp === undefined;
const claimOfVolume = (volume: V1PersistentVolume): string | undefined => {
  const ref = volume.spec?.claimRef;
  return ref ? `${ref.namespace}/${ref.name}` : undefined;
};

export async function runPersistentVolumeBinder(context: ControllerContext): Promise<void> {
  const { informers } = context;
  const claims = informers.of(persistentVolumeClaimType);
  const volumes = informers.of(persistentVolumeType);
  const classes = informers.of(storageClassType);
  const nodes = informers.of(nodeType);
  const pods = informers.of(podType);
  volumes.addIndex(byClaim, (volume) => {
    const key = claimOfVolume(volume);
    return key === undefined ? [] : [key];
  });
  volumes.addIndex(freeByClass, (volume) => (volume.spec?.claimRef ? [] : [storageClassOf(volume)]));
  claims.addIndex(unboundByClass, (claim) => (isUnbound(claim) ? [storageClassOf(claim)] : []));
  claims.addIndex(bySelectedNode, (claim) => {
    const selected = isUnbound(claim) ? claim.metadata.annotations?.[selectedNodeAnnotation] : undefined;
    return selected === undefined ? [] : [selected];
  });
  indexPodsByClaim(pods);
  const controller: Controller = startController(context, {
    name: 'persistentvolume-controller',
    workers: 8,
    caches: [cache(claims), cache(volumes), cache(classes), cache(nodes), cache(pods)],
    reconcile: (key, signal) =>
      reconcile(
        { context: { ...context, signal }, claims, volumes, classes, nodes, pods, events: controller.events, wake: controller.queue.add },
        key,
      ),
  });
  follow(controller, { claims, volumes, classes, nodes });
  await controller.stopped;
}

function follow(controller: Controller, of: Pick<Parts, 'claims' | 'volumes' | 'classes' | 'nodes'>): void {
  const { claims, volumes, classes, nodes } = of;
  const { queue } = controller;
  const wakeUnbound = (className: string) => {
    for (const claim of claims.byIndex(unboundByClass, className)) queue.add(claimKey(cacheKeyOf(claim)));
  };
  controller.on(claims, ({ old, next }) => {
    const key = cacheKeyOf(next ?? old ?? {});
    if (next) queue.add(claimKey(key));
    for (const volume of volumes.byIndex(byClaim, key)) queue.add(volumeKey(volume.metadata.name));
  });
  controller.on(volumes, ({ old, next }) => {
    const volume = next ?? old;
    if (!volume) return;
    if (next) queue.add(volumeKey(volume.metadata.name));
    for (const key of new Set([old && claimOfVolume(old), next && claimOfVolume(next)])) if (key) queue.add(claimKey(key));
    // Claims may name it without its knowing; a free one is for whoever fits.
    if (next && !next.spec?.claimRef) wakeUnbound(storageClassOf(next));
  });
  // The node that was chosen for a claim's volume may go before there is one.
  controller.on(nodes, ({ old, next }) => {
    if (next || !old) return;
    for (const claim of claims.byIndex(bySelectedNode, old.metadata.name)) queue.add(claimKey(cacheKeyOf(claim)));
  });
  controller.on(classes, ({ old, next }) => {
    wakeUnbound((next ?? old)?.metadata.name ?? '');
    if (next && isDefaultClass(next)) wakeUnbound('');
  });
}

async function reconcile(parts: Parts, key: string): Promise<Again> {
  const colon = key.indexOf(':');
  const name = key.slice(colon + 1);
  if (key.slice(0, colon) === 'claim') await reconcileClaim(parts, name);
  else await reconcileVolume(parts, name);
  return done;
}

async function reconcileClaim(parts: Parts, key: string): Promise<void> {
  const claim = parts.claims.get(key);
  if (!claim) return;
  const { volumes, classes, nodes, pods } = parts;
  const plan = planClaim(claim, {
    volume: (name) => volumes.get(name),
    candidates: [...volumes.byIndex(byClaim, key), ...volumes.byIndex(freeByClass, storageClassOf(claim))],
    storageClass: classes.get(storageClassOf(claim)),
    defaultClass: defaultClassOf(classes.list()),
    hasNode: (name) => nodes.get(name) !== undefined,
    waitingPods: pods
      .byIndex(podsByClaim, key)
      .filter((pod) => !pod.spec?.nodeName)
      .map((pod) => pod.metadata.name),
  });
  await carryOutClaim(parts, claim, plan);
}

/** Of several defaults the newest counts; the name decides between equals. */
export function defaultClassOf<T extends V1StorageClass>(classes: readonly Persisted<T>[]): Persisted<T> | undefined {
  const createdMs = (each: Persisted<T>) => timeMs(each.metadata.creationTimestamp);
  return classes.filter(isDefaultClass).sort((a, b) => createdMs(b) - createdMs(a) || (a.metadata.name < b.metadata.name ? -1 : 1))[0];
}

async function carryOutClaim(parts: Parts, claim: Claim, plan: ClaimPlan): Promise<void> {
  const { client, signal } = parts.context;
  switch (plan.do) {
    case 'nothing':
      return;
    case 'wait':
      if (plan.tell) tell(parts, persistentVolumeClaimType, claim, plan.tell);
      return setClaimPhase(parts, claim, 'Pending');
    case 'lose':
      if (claim.status?.phase === 'Lost') return;
      tell(parts, persistentVolumeClaimType, claim, plan.tell);
      return setClaimPhase(parts, claim, 'Lost');
    case 'setClass':
      await client.update(persistentVolumeClaimType, { ...claim, spec: { ...claim.spec, storageClassName: plan.className } }, { signal });
      return;
    case 'unselectNode': {
      const { [selectedNodeAnnotation]: _, ...annotations } = claim.metadata.annotations ?? {};
      await client.update(persistentVolumeClaimType, { ...claim, metadata: { ...claim.metadata, annotations } }, { signal });
      return;
    }
    case 'bind':
      return bind(parts, claim, plan.volume);
    case 'askProvisioner': {
      const annotations = { ...claim.metadata.annotations };
      for (const name of storageProvisionerAnnotations) annotations[name] = plan.provisioner;
      await client.update(persistentVolumeClaimType, { ...claim, metadata: { ...claim.metadata, annotations } }, { signal });
      tell(parts, persistentVolumeClaimType, claim, plan.tell);
      return;
    }
  }
}

async function setClaimPhase({ context }: Parts, claim: Claim, phase: 'Pending' | 'Lost'): Promise<void> {
  if (claim.status?.phase === phase) return;
  const status = { ...claim.status, phase };
  await context.client.updateStatus(persistentVolumeClaimType, { ...claim, status }, { signal: context.signal });
}

/** The volume first: it can belong to one claim only, and whoever comes second finds a conflict there. */
async function bind(parts: Parts, claim: Claim, volume: Volume): Promise<void> {
  const { client, signal } = parts.context;
  let taken = volume;
  const ref = volume.spec?.claimRef;
  if (ref?.uid !== claim.metadata.uid) {
    const claimRef: V1ObjectReference = referenceTo(persistentVolumeClaimType, claim);
    const annotations = ref ? volume.metadata.annotations : { ...volume.metadata.annotations, [boundByControllerAnnotation]: 'yes' };
    const wanted = { ...volume, metadata: { ...volume.metadata, annotations }, spec: { ...volume.spec, claimRef } };
    taken = await client.update(persistentVolumeType, wanted, { signal });
  }
  if (taken.status?.phase !== 'Bound') {
    taken = await client.updateStatus(persistentVolumeType, { ...taken, status: { phase: 'Bound' } }, { signal });
  }
  let given = claim;
  const before = claim.metadata.annotations;
  if (!claim.spec?.volumeName || before?.[bindCompletedAnnotation] === undefined) {
    const byController = claim.spec?.volumeName ? {} : { [boundByControllerAnnotation]: 'yes' };
    const annotations = { ...before, ...byController, [bindCompletedAnnotation]: 'yes' };
    const spec = { ...claim.spec, volumeName: taken.metadata.name };
    given = await client.update(persistentVolumeClaimType, { ...claim, metadata: { ...claim.metadata, annotations }, spec }, { signal });
  }
  if (given.status?.phase === 'Bound') return;
  const { accessModes, capacity } = taken.spec ?? {};
  const status = { ...given.status, phase: 'Bound', accessModes, capacity };
  await client.updateStatus(persistentVolumeClaimType, { ...given, status }, { signal });
}

async function reconcileVolume(parts: Parts, name: string): Promise<void> {
  const volume = parts.volumes.get(name);
  if (!volume) return;
  const key = claimOfVolume(volume);
  await carryOutVolume(parts, volume, planVolume(volume, key === undefined ? undefined : parts.claims.get(key)));
}

async function carryOutVolume(parts: Parts, volume: Volume, plan: VolumePlan): Promise<void> {
  const { client, signal } = parts.context;
  switch (plan.do) {
    case 'nothing':
      return;
    case 'setPhase': {
      const status = { phase: plan.phase, ...(plan.message === undefined ? {} : { message: plan.message }) };
      await client.updateStatus(persistentVolumeType, { ...volume, status }, { signal });
      if (plan.tell) tell(parts, persistentVolumeType, volume, plan.tell);
      return;
    }
    case 'release':
      if (!(await isClaimGone(parts, volume))) return;
      await client.updateStatus(persistentVolumeType, { ...volume, status: { phase: 'Released' } }, { signal });
      return;
    case 'unbind': {
      const { [boundByControllerAnnotation]: _, ...annotations } = volume.metadata.annotations ?? {};
      const { uid: _uid, resourceVersion: _version, ...named } = volume.spec?.claimRef ?? {};
      const spec = { ...volume.spec, claimRef: plan.whole ? undefined : named };
      await client.update(persistentVolumeType, { ...volume, metadata: { ...volume.metadata, annotations }, spec }, { signal });
      return;
    }
    case 'wakeClaim':
      if (plan.tell) tell(parts, persistentVolumeType, volume, plan.tell);
      parts.wake(claimKey(claimOfVolume(volume) ?? ''));
      return;
  }
}

/** Asked of the server: a cache that has not seen the claim yet would give somebody's data away. */
async function isClaimGone({ context }: Parts, volume: Volume): Promise<boolean> {
  const { name = '', namespace, uid } = volume.spec?.claimRef ?? {};
  try {
    const claim = await context.client.get(persistentVolumeClaimType, { namespace, name }, { signal: context.signal });
    return claim.metadata.uid !== uid || (claim.spec?.volumeName ?? volume.metadata.name) !== volume.metadata.name;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return true;
    throw error;
  }
}

function tell<T extends V1PersistentVolume | V1PersistentVolumeClaim>(parts: Parts, type: ResourceType<T>, about: T, told: Told): void {
  parts.events.record(referenceTo(type, about), told.type, told.reason, told.message);
}
