// Protection of storage in use: a claim that pods use, and a volume that is bound, are deleted only when that has ended.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
import {
  claimNamesOf,
  claimProtection,
  hasReason,
  type KubeObject,
  type Persisted,
  type ResourceType,
  volumeProtection,
} from '../../api/mod.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { indexPodsByClaim, podsByClaim } from '../persistentvolume/pods-by-claim.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { persistentVolumeClaimType, persistentVolumeType, podType } from '../runtime/resource-types.ts';
import { podUsesClaim, protectionChange } from './plan.ts';

export async function runClaimProtection(context: ControllerContext): Promise<void> {
  const { informers, client } = context;
  const claims = informers.of(persistentVolumeClaimType);
  const pods = informers.of(podType);
  indexPodsByClaim(pods);
  const controller = startController(context, {
    name: 'pvc-protection-controller',
    caches: [cache(claims), cache(pods)],
    reconcile: async (key, signal) => {
      const claim = claims.get(key);
      if (!claim) return done;
      const usedBy = pods.byIndex(podsByClaim, key).some((pod) => podUsesClaim(pod, claim));
      const change = protectionChange(claim, { finalizer: claimProtection, inUse: usedBy });
      if (!change) return done;
      if (change.without) {
        // The cache may be behind: a pod that was bound just now counts.
        const { namespace } = claim.metadata;
        const live = await client.list(podType, { namespace, signal });
        if (live.items.some((pod) => podUsesClaim(pod, claim))) return done;
      }
      await writeFinalizers({ ...context, signal }, persistentVolumeClaimType, claim, change.finalizers);
      return done;
    },
  });
  controller.on(claims, ({ next }) => {
    if (next) controller.queue.add(cacheKeyOf(next));
  });
  controller.on(pods, ({ old, next }) => {
    const pod = next ?? old;
    if (!pod?.spec?.volumes) return;
    for (const name of claimNamesOf(pod)) {
      const key = `${pod.metadata.namespace}/${name}`;
      if (claims.get(key)?.metadata.deletionTimestamp !== undefined) controller.queue.add(key);
    }
  });
  await controller.stopped;
}

export async function runVolumeProtection(context: ControllerContext): Promise<void> {
  const volumes = context.informers.of(persistentVolumeType);
  const controller = startController(context, {
    name: 'pv-protection-controller',
    caches: [cache(volumes)],
    reconcile: async (name, signal) => {
      const volume = volumes.get(name);
      if (!volume) return done;
      const change = protectionChange(volume, { finalizer: volumeProtection, inUse: volume.status?.phase === 'Bound' });
      if (change) await writeFinalizers({ ...context, signal }, persistentVolumeType, volume, change.finalizers);
      return done;
    },
  });
  controller.on(volumes, ({ next }) => {
    if (next) controller.queue.add(next.metadata.name);
  });
  await controller.stopped;
}

async function writeFinalizers<T extends KubeObject>(
  { client, signal }: Pick<ControllerContext, 'client' | 'signal'>,
  type: ResourceType<T>,
  object: Persisted<T>,
  finalizers: readonly string[],
): Promise<void> {
  try {
    await client.update(type, { ...object, metadata: { ...object.metadata, finalizers } }, { signal });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
