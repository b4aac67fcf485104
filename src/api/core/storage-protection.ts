// StorageObjectInUseProtection: volumes and claims in use are not deleted before their users are. Admission, not defaulting.
import type { Draft, KubeObject } from '../meta/object.ts';

export const claimProtection = 'kubernetes.io/pvc-protection';
export const volumeProtection = 'kubernetes.io/pv-protection';

/** Adds the finalizer that the protection controllers take away once nobody uses a PersistentVolume or PersistentVolumeClaim. */
export function addStorageProtection(draft: Draft<KubeObject>, finalizer: typeof claimProtection | typeof volumeProtection): void {
  const finalizers = draft.metadata?.finalizers ?? [];
  if (!finalizers.includes(finalizer)) draft.metadata = { ...draft.metadata, finalizers: [...finalizers, finalizer] };
}
