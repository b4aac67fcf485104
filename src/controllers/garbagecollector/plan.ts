// What the garbage collector does with one object, given its owners and dependents. Pure.
// Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/
import type { KubeObject, V1OwnerReference } from '../../api/mod.ts';

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

export type OwnerState =
  /** Exists, or its kind is not known here: the object stays for its sake. */
  | 'solid'
  | 'absent'
  /** Is being deleted in the foreground: waits for its dependents to go first. */
  | 'waiting';

export interface OwnerView {
  readonly reference: V1OwnerReference;
  readonly state: OwnerState;
}

export type Policy = 'Orphan' | 'Foreground' | 'Background';

export type Step =
  | { readonly do: 'nothing' }
  /** Take the references to itself out of its dependents, then the finalizer. */
  | { readonly do: 'orphanDependents' }
  /** The dependents that block it have to go first. */
  | { readonly do: 'waitForDependents' }
  | { readonly do: 'removeFinalizer'; readonly finalizer: string }
  /** Some owners are gone, others remain: only the references go. */
  | { readonly do: 'dropReferences'; readonly uids: readonly string[] }
  /** Its own dependents must not be blocked by it: owners and dependents may form a circle. */
  | { readonly do: 'unblockAndDelete' }
  | { readonly do: 'delete'; readonly policy: Policy };

export interface Situation {
  readonly object: KubeObject;
  readonly owners: readonly OwnerView[];
  readonly dependents: readonly KubeObject[];
}

const has = (object: KubeObject, finalizer: string): boolean => object.metadata?.finalizers?.includes(finalizer) === true;
const isLeaving = (object: KubeObject): boolean => object.metadata?.deletionTimestamp !== undefined;
export const isWaitingForDependents = (object: KubeObject): boolean => isLeaving(object) && has(object, foregroundFinalizer);
export const isOrphaning = (object: KubeObject): boolean => isLeaving(object) && has(object, orphanFinalizer);

/** True when `dependent` says that the owner must not go before it. */
export const blocks = (dependent: KubeObject, ownerUid: string | undefined): boolean =>
  (dependent.metadata?.ownerReferences ?? []).some((reference) => reference.uid === ownerUid && reference.blockOwnerDeletion === true);

export function planCollection({ object, owners, dependents }: Situation): Step {
  const uid = object.metadata?.uid;
  if (isOrphaning(object)) return { do: 'orphanDependents' };
  if (isWaitingForDependents(object)) {
    const blocked = dependents.some((dependent) => blocks(dependent, uid));
    return blocked ? { do: 'waitForDependents' } : { do: 'removeFinalizer', finalizer: foregroundFinalizer };
  }
  if (isLeaving(object) || owners.length === 0) return { do: 'nothing' };
  const leaving = owners.filter((owner) => owner.state !== 'solid');
  if (leaving.length === 0) return { do: 'nothing' };
  if (leaving.length < owners.length) return { do: 'dropReferences', uids: leaving.map((owner) => owner.reference.uid) };
  if (owners.some((owner) => owner.state === 'waiting') && dependents.length > 0) {
    return dependents.some(isWaitingForDependents) ? { do: 'unblockAndDelete' } : { do: 'delete', policy: 'Foreground' };
  }
  return { do: 'delete', policy: ownPolicy(object) };
}

/** Finalizers that are there already say how the object's own dependents are to be treated. */
function ownPolicy(object: KubeObject): Policy {
  if (has(object, orphanFinalizer)) return 'Orphan';
  return has(object, foregroundFinalizer) ? 'Foreground' : 'Background';
}
