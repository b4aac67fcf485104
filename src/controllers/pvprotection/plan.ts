// Whether storage is in use, and what that means for its finalizer. Pure.
import { claimNameOf, ephemeralClaimProblem, type KubeObject, type V1PersistentVolumeClaim, type V1Pod } from '../../api/mod.ts';

/** Nothing of it runs any more, and nothing will. */
const isShutDown = ({ metadata, status }: V1Pod): boolean =>
  status?.phase === 'Succeeded' ||
  status?.phase === 'Failed' ||
  (metadata?.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0);

/**
 * A pod without a node uses nothing yet: no kubelet starts one whose claim is being deleted. One that names the claim itself
 * uses it until it is gone; one whose ephemeral volume the claim is, until it has ended.
 */
export function podUsesClaim(pod: V1Pod, claim: V1PersistentVolumeClaim): boolean {
  if (!pod.spec?.nodeName) return false;
  return (pod.spec.volumes ?? []).some((volume) => {
    if (claimNameOf(pod, volume) !== claim.metadata?.name) return false;
    return volume.ephemeral ? !isShutDown(pod) && ephemeralClaimProblem(pod, claim) === undefined : true;
  });
}

export interface ProtectionChange {
  readonly finalizers: readonly string[];
  /** The finalizer goes, and the object with it. */
  readonly without: boolean;
}

/** The finalizers that the object should have; undefined when it has them. */
export function protectionChange(
  { metadata }: KubeObject,
  { finalizer, inUse }: { readonly finalizer: string; readonly inUse: boolean },
): ProtectionChange | undefined {
  const finalizers = metadata?.finalizers ?? [];
  const has = finalizers.includes(finalizer);
  if (metadata?.deletionTimestamp === undefined) return has ? undefined : { finalizers: [...finalizers, finalizer], without: false };
  return has && !inUse ? { finalizers: finalizers.filter((each) => each !== finalizer), without: true } : undefined;
}
