// The local-path provisioner: claims of its storage classes get a directory on the node that the scheduler has chosen. One runs
// beside each node's kubelet, as only there the directory can be made; one is enough for all nodes of a process.
import {
  hasReason,
  type Persisted,
  storageClassOf,
  storageProvisionerAnnotations,
  type V1Node,
  type V1PersistentVolume,
  type V1PersistentVolumeClaim,
  type V1StorageClass,
} from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { cacheKeyOf, type EventRecorder, type Informer, referenceTo } from '../../client/mod.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { nodeType, persistentVolumeClaimType, persistentVolumeType, storageClassType } from '../runtime/resource-types.ts';
import {
  directoryFinalizer,
  localPathProvisioner,
  type ProvisionWorld,
  planProvision,
  planReclaim,
  planResize,
  volumeNameFor,
} from './plan.ts';

/** The node's disk. Both may be done again. */
export interface VolumeDirectories {
  /** Makes the directory, open to everyone: a container may run as anyone. */
  make(path: string): Promise<void>;
  /** Removes it with everything in it. */
  remove(path: string): Promise<void>;
}

export interface LocalPathOptions extends Omit<ControllerContext, 'kinds'>, Pick<ProvisionWorld, 'serves' | 'pathOf'> {
  readonly directories: VolumeDirectories;
}

/** Nodes without a disk. */
export const noDirectories: VolumeDirectories = { make: async () => {}, remove: async () => {} };

interface Parts {
  readonly options: LocalPathOptions;
  readonly claims: Informer<V1PersistentVolumeClaim>;
  readonly volumes: Informer<V1PersistentVolume>;
  readonly classes: Informer<V1StorageClass>;
  readonly nodes: Informer<V1Node>;
  readonly events: EventRecorder;
}

const isAsked = (claim: V1PersistentVolumeClaim): boolean =>
  storageProvisionerAnnotations.some((key) => claim.metadata?.annotations?.[key] === localPathProvisioner);

/** Resolves when the signal has fired and everything has ended. */
export async function runLocalPathProvisioner(options: LocalPathOptions): Promise<void> {
  const { informers } = options;
  const claims = informers.of(persistentVolumeClaimType);
  const volumes = informers.of(persistentVolumeType);
  const classes = informers.of(storageClassType);
  const nodes = informers.of(nodeType);
  const controller = startController(
    { ...options, kinds: [] },
    {
      name: 'local-path-provisioner',
      component: localPathProvisioner,
      workers: 4,
      caches: [cache(claims), cache(volumes), cache(classes), cache(nodes)],
      reconcile: async (key, signal) => {
        const parts = { options: { ...options, signal }, claims, volumes, classes, nodes, events: controller.events };
        const colon = key.indexOf(':');
        const name = key.slice(colon + 1);
        if (key.slice(0, colon) === 'claim') await reconcileClaim(parts, name);
        else await reconcileVolume(parts, name);
        return done;
      },
    },
  );
  controller.on(claims, ({ next }) => {
    if (next && (isAsked(next) || next.spec?.volumeName)) controller.queue.add(`claim:${cacheKeyOf(next)}`);
  });
  controller.on(volumes, ({ next }) => {
    if (next) controller.queue.add(`volume:${next.metadata.name}`);
  });
  await controller.stopped;
}

async function reconcileClaim(parts: Parts, key: string): Promise<void> {
  const claim = parts.claims.get(key);
  if (!claim) return;
  if (claim.spec?.volumeName) await resize(parts, claim, parts.volumes.get(claim.spec.volumeName));
  else if (!parts.volumes.get(volumeNameFor(claim))) await provision(parts, claim);
}

async function provision(parts: Parts, claim: Persisted<V1PersistentVolumeClaim>): Promise<void> {
  const { options, classes, nodes, events } = parts;
  const { client, signal, directories } = options;
  const about = referenceTo(persistentVolumeClaimType, claim);
  const className = storageClassOf(claim);
  const storageClass = classes.get(className);
  const plan = planProvision(claim, about, { ...options, storageClass, nodes: nodes.list() });
  if (plan.do === 'nothing') return;
  const failed = (why: string) => {
    const text = `failed to provision volume with StorageClass "${className}": ${why}`;
    events.record(about, 'Warning', 'ProvisioningFailed', text);
  };
  if (plan.do === 'refuse') return failed(plan.why);
  const name = `${claim.metadata.namespace}/${claim.metadata.name}`;
  events.record(about, 'Normal', 'Provisioning', `External provisioner is provisioning volume for claim "${name}"`);
  try {
    // The directory first: whoever sees the volume may mount it.
    await directories.make(plan.path);
    await client.create(persistentVolumeType, plan.volume, { signal });
  } catch (error) {
    if (hasReason(error, 'AlreadyExists')) return;
    if (!signal.aborted) failed(errorText(error));
    throw error;
  }
  events.record(about, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volumeNameFor(claim)}`);
}

async function resize(
  parts: Parts,
  claim: Persisted<V1PersistentVolumeClaim>,
  volume: Persisted<V1PersistentVolume> | undefined,
): Promise<void> {
  const { client, signal, serves } = parts.options;
  const plan = planResize(claim, volume, serves);
  if (!plan) return;
  if (plan.volume) await client.update(persistentVolumeType, plan.volume, { signal });
  await client.updateStatus(persistentVolumeClaimType, plan.claim, { signal });
  parts.events.record(referenceTo(persistentVolumeClaimType, claim), 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
}

async function reconcileVolume(parts: Parts, name: string): Promise<void> {
  const volume = parts.volumes.get(name);
  if (!volume) return;
  const { client, signal, directories } = parts.options;
  const plan = planReclaim(volume, parts.options);
  const failed = (why: string) => parts.events.record(referenceTo(persistentVolumeType, volume), 'Warning', 'VolumeFailedDelete', why);
  switch (plan.do) {
    case 'nothing':
      return;
    case 'refuse':
      return failed(plan.why);
    case 'letGo':
      return letGo(parts, volume);
    case 'remove':
      try {
        await directories.remove(plan.path);
      } catch (error) {
        if (!signal.aborted) failed(errorText(error));
        throw error;
      }
      if (volume.metadata.deletionTimestamp === undefined) {
        await client.delete(persistentVolumeType, { name }, { preconditions: { uid: volume.metadata.uid }, signal });
      }
      return letGo(parts, volume);
  }
}

/** Takes the finalizer away; nothing is lost when another writer was faster and it is done again. */
async function letGo({ options }: Parts, volume: Persisted<V1PersistentVolume>): Promise<void> {
  const { client, signal } = options;
  const { name, uid } = volume.metadata;
  try {
    const fresh = await client.get(persistentVolumeType, { name }, { signal });
    if (fresh.metadata.uid !== uid || !fresh.metadata.finalizers?.includes(directoryFinalizer)) return;
    const finalizers = fresh.metadata.finalizers.filter((each) => each !== directoryFinalizer);
    await client.update(persistentVolumeType, { ...fresh, metadata: { ...fresh.metadata, finalizers } }, { signal });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
