// Claims that want to grow: of volumes that somebody outside of the cluster's own parts makes larger, the claim says that it waits
// for them. Volumes of the local-path provisioner are its own work. Source: the expand controller of Kubernetes.
import {
  providedBytes,
  provisionedByAnnotation,
  requestedBytes,
  type V1PersistentVolume,
  type V1PersistentVolumeClaim,
} from '../../api/mod.ts';
import { cacheKeyOf, referenceTo } from '../../client/mod.ts';
import { localPathProvisioner } from '../localpath/plan.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { persistentVolumeClaimType, persistentVolumeType } from '../runtime/resource-types.ts';

const message = 'waiting for an external controller to expand this PVC';

/** True when the claim wants more than it has, and none of the cluster's own controllers will see to it. */
export function waitsForOthers(claim: V1PersistentVolumeClaim, volume: V1PersistentVolume | undefined): boolean {
  if (claim.status?.phase !== 'Bound' || !volume || requestedBytes(claim) <= providedBytes(claim)) return false;
  if (claim.metadata?.deletionTimestamp !== undefined || volume.spec?.claimRef?.uid !== claim.metadata?.uid) return false;
  return volume.metadata?.annotations?.[provisionedByAnnotation] !== localPathProvisioner;
}

export async function runVolumeExpandController(context: ControllerContext): Promise<void> {
  const { informers } = context;
  const claims = informers.of(persistentVolumeClaimType);
  const volumes = informers.of(persistentVolumeType);
  const controller = startController(context, {
    name: 'volume_expand',
    workers: 1,
    caches: [cache(claims), cache(volumes)],
    reconcile: async (key) => {
      const claim = claims.get(key);
      if (!claim || !waitsForOthers(claim, volumes.get(claim.spec?.volumeName ?? ''))) return done;
      controller.events.record(referenceTo(persistentVolumeClaimType, claim), 'Normal', 'ExternalExpanding', message);
      return done;
    },
  });
  controller.on(claims, ({ old, next }) => {
    // Once for each size that is asked for.
    if (next && requestedBytes(next) > providedBytes(next) && (!old || requestedBytes(old) !== requestedBytes(next))) {
      controller.queue.add(cacheKeyOf(next));
    }
  });
  await controller.stopped;
}
