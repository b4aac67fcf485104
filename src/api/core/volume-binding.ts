// How claims and volumes find each other: the annotations that the parts of the cluster talk by, and the rules of a match. Pure.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding
import type { V1PersistentVolume, V1PersistentVolumeClaim, V1Pod, V1StorageClass, V1Volume } from '../generated/types.gen.ts';
import { controllerOf } from '../meta/owner.ts';
import { wholeValueOf } from '../meta/quantity.ts';
import { compileLabelSelector } from '../meta/selectors.ts';
import { storageClassOf } from './volume-modes.ts';

export const bindCompletedAnnotation = 'pv.kubernetes.io/bind-completed';
export const boundByControllerAnnotation = 'pv.kubernetes.io/bound-by-controller';
/** On a volume: who made it, and has to remove it. */
export const provisionedByAnnotation = 'pv.kubernetes.io/provisioned-by';
/** On a claim: who is to make a volume for it. The second is the old name, which older provisioners read. */
export const storageProvisionerAnnotations = [
  'volume.kubernetes.io/storage-provisioner',
  'volume.beta.kubernetes.io/storage-provisioner',
] as const;
/** On a claim: the node that the scheduler wants its volume on. */
export const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node';
/** A class of this provisioner has only the volumes that somebody makes by hand. */
export const noProvisioner = 'kubernetes.io/no-provisioner';

const bytesOf = (quantity: string | undefined): number => wholeValueOf(quantity ?? '0');

export const requestedBytes = (claim: V1PersistentVolumeClaim): number => bytesOf(claim.spec?.resources?.requests?.storage);
export const capacityBytes = (volume: V1PersistentVolume): number => bytesOf(volume.spec?.capacity?.storage);

/** What the claim has been told that it has. */
export const providedBytes = (claim: V1PersistentVolumeClaim): number => bytesOf(claim.status?.capacity?.storage);

export const waitsForConsumer = (storageClass: V1StorageClass | undefined): boolean =>
  storageClass?.volumeBindingMode === 'WaitForFirstConsumer';

/** Both sides of the binding are written. */
export const isClaimBound = (claim: V1PersistentVolumeClaim): boolean =>
  !!claim.spec?.volumeName && claim.metadata?.annotations?.[bindCompletedAnnotation] !== undefined;

/** The volume is set aside for this claim: by its uid, or, where somebody has only written a name, by that. */
export function isVolumeFor(volume: V1PersistentVolume, claim: V1PersistentVolumeClaim): boolean {
  const ref = volume.spec?.claimRef;
  if (!ref || ref.name !== claim.metadata?.name || ref.namespace !== claim.metadata?.namespace) return false;
  return !ref.uid || ref.uid === claim.metadata?.uid;
}

const modeOf = (of: { readonly volumeMode?: string | undefined } | undefined): string => of?.volumeMode ?? 'Filesystem';
const hasModes = (volume: V1PersistentVolume, claim: V1PersistentVolumeClaim): boolean =>
  (claim.spec?.accessModes ?? []).every((mode) => volume.spec?.accessModes?.includes(mode));

/** Why a volume that a claim names cannot serve it, in upstream's words; undefined when it can. */
export function volumeMismatch(volume: V1PersistentVolume, claim: V1PersistentVolumeClaim): string | undefined {
  if (capacityBytes(volume) < requestedBytes(claim)) return 'requested PV is too small';
  if (storageClassOf(volume) !== storageClassOf(claim)) return 'storageClassName does not match';
  if (modeOf(volume.spec) !== modeOf(claim.spec)) return 'incompatible volumeMode';
  if (!hasModes(volume, claim)) return 'incompatible accessMode';
  return undefined;
}

export interface MatchRequest<V extends V1PersistentVolume> {
  readonly claim: V1PersistentVolumeClaim;
  readonly volumes: Iterable<V>;
  /** Only volumes that are set aside for the claim: the others are the scheduler's to choose from. */
  readonly setAsideOnly?: boolean;
  /** What else is asked of a volume: that it can be reached from a node, that nobody else is about to take it. */
  readonly suits?: (volume: V) => boolean;
}

/** The volume for a claim: one that is set aside for it, else the smallest that does; the name decides between equals. */
export function findVolumeFor<V extends V1PersistentVolume>({ claim, volumes, setAsideOnly, suits }: MatchRequest<V>): V | undefined {
  const matches = compileLabelSelector(claim.spec?.selector ?? {});
  const className = storageClassOf(claim);
  const wanted = requestedBytes(claim);
  let best: V | undefined;
  for (const volume of volumes) {
    const setAside = isVolumeFor(volume, claim);
    if (modeOf(volume.spec) !== modeOf(claim.spec) || volume.metadata?.deletionTimestamp !== undefined) continue;
    if (capacityBytes(volume) < wanted || !hasModes(volume, claim) || suits?.(volume) === false) continue;
    if (setAside) return volume;
    if (setAsideOnly || volume.spec?.claimRef || volume.status?.phase !== 'Available') continue;
    if (storageClassOf(volume) !== className || !matches(volume.metadata?.labels)) continue;
    if (!best || isBetter(volume, best)) best = volume;
  }
  return best;
}

function isBetter(a: V1PersistentVolume, b: V1PersistentVolume): boolean {
  const difference = capacityBytes(a) - capacityBytes(b);
  return difference < 0 || (difference === 0 && (a.metadata?.name ?? '') < (b.metadata?.name ?? ''));
}

/** The claim of a pod's generic ephemeral volume. */
const ephemeralClaimName = (pod: V1Pod, volume: V1Volume): string => `${pod.metadata?.name}-${volume.name}`;

/** The name of the claim that a volume stands for; undefined for volumes without one. */
export function claimNameOf(pod: V1Pod, volume: V1Volume): string | undefined {
  return volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral ? ephemeralClaimName(pod, volume) : undefined);
}

/** The names of all claims of a pod, generic ephemeral volumes included. */
export const claimNamesOf = (pod: V1Pod): readonly string[] =>
  (pod.spec?.volumes ?? []).flatMap((volume) => claimNameOf(pod, volume) ?? []);

/** Why a claim of the right name is not the ephemeral volume of this pod, in upstream's words; undefined when it is. */
export function ephemeralClaimProblem(pod: V1Pod, claim: V1PersistentVolumeClaim): string | undefined {
  if (controllerOf(claim)?.uid === pod.metadata?.uid) return undefined;
  const { namespace, name } = claim.metadata ?? {};
  return `PVC ${namespace}/${name} was not created for pod ${pod.metadata?.namespace}/${pod.metadata?.name} (pod is not owner)`;
}
