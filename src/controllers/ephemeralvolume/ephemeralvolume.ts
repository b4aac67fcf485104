// The ephemeral volume controller: a pod's generic ephemeral volumes get claims of their own, which go with the pod.
// Source: https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#generic-ephemeral-volumes
import { hasReason, type V1Pod } from '../../api/mod.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { persistentVolumeClaimType, podType } from '../runtime/resource-types.ts';
import { planEphemeralClaims } from './plan.ts';

const hasEphemeral = (pod: V1Pod): boolean => pod.spec?.volumes?.some((volume) => volume.ephemeral) === true;
const podsByClaim = 'ephemeralClaim';

export async function runEphemeralVolumeController(context: ControllerContext): Promise<void> {
  const { informers, client } = context;
  const pods = informers.of(podType);
  const claims = informers.of(persistentVolumeClaimType);
  pods.addIndex(podsByClaim, (pod) =>
    (pod.spec?.volumes ?? []).flatMap((volume) =>
      volume.ephemeral ? [`${pod.metadata.namespace}/${pod.metadata.name}-${volume.name}`] : [],
    ),
  );
  const controller = startController(context, {
    name: 'ephemeral-volume-controller',
    component: 'ephemeral_volume',
    caches: [cache(pods), cache(claims)],
    reconcile: async (key, signal) => {
      const pod = pods.get(key);
      if (!pod) return done;
      const plan = planEphemeralClaims(pod, (name) => claims.get(`${pod.metadata.namespace}/${name}`));
      for (const claim of plan.create) {
        try {
          await client.create(persistentVolumeClaimType, claim, { signal });
        } catch (error) {
          if (!hasReason(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error;
        }
      }
      // Of another's claim only its deletion helps, which wakes the pod.
      for (const problem of plan.problems) context.log.debug('Ephemeral volume cannot be made', { pod: key, problem });
      return done;
    },
  });
  controller.on(pods, ({ old, next }) => {
    if (next && !old && hasEphemeral(next)) controller.queue.add(cacheKeyOf(next));
  });
  controller.on(claims, ({ old, next }) => {
    if (next || !old) return;
    for (const pod of pods.byIndex(podsByClaim, cacheKeyOf(old))) controller.queue.add(cacheKeyOf(pod));
  });
  await controller.stopped;
}
