// What becomes of a claim and of a volume, as both stand: bound, waiting, lost, released. Pure.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#lifecycle-of-a-volume-and-claim
import {
  bindCompletedAnnotation,
  boundByControllerAnnotation,
  findVolumeFor,
  isClaimBound,
  isVolumeFor,
  type Persisted,
  provisionedByAnnotation,
  selectedNodeAnnotation,
  storageClassOf,
  storageProvisionerAnnotations,
  type V1PersistentVolume,
  type V1PersistentVolumeClaim,
  type V1StorageClass,
  volumeMismatch,
  waitsForConsumer,
} from '../../api/mod.ts';

export type Claim = Persisted<V1PersistentVolumeClaim>;
export type Volume = Persisted<V1PersistentVolume>;

export interface Told {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

const normal = (reason: string, message: string): Told => ({ type: 'Normal', reason, message });
const warning = (reason: string, message: string): Told => ({ type: 'Warning', reason, message });

/** Whatever a claim's fate depends on. */
export interface ClaimWorld {
  readonly volume: (name: string) => Volume | undefined;
  /** Those set aside for the claim, and those of its class that are free. */
  readonly candidates: readonly Volume[];
  readonly storageClass: V1StorageClass | undefined;
  /** Of claims that name no class. */
  readonly defaultClass: V1StorageClass | undefined;
  readonly hasNode: (name: string) => boolean;
  /** Names of the pods that use the claim and have no node yet. */
  readonly waitingPods: readonly string[];
}

export type ClaimPlan =
  | { readonly do: 'nothing' }
  /** The claim goes on waiting, or waits again; somebody is told why. */
  | { readonly do: 'wait'; readonly tell?: Told | undefined }
  | { readonly do: 'lose'; readonly tell: Told }
  | { readonly do: 'setClass'; readonly className: string }
  /** The node that was chosen for its volume is gone: the scheduler chooses again. */
  | { readonly do: 'unselectNode' }
  | { readonly do: 'bind'; readonly volume: Volume }
  | { readonly do: 'askProvisioner'; readonly provisioner: string; readonly tell: Told };

export function planClaim(claim: Claim, world: ClaimWorld): ClaimPlan {
  if (claim.metadata.annotations?.[bindCompletedAnnotation] !== undefined) return planBoundClaim(claim, world);
  if (claim.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };
  return claim.spec?.volumeName ? planNamedVolume(claim, world) : planUnbound(claim, world);
}

function planBoundClaim(claim: Claim, world: ClaimWorld): ClaimPlan {
  const name = claim.spec?.volumeName;
  const lose = (reason: string, message: string): ClaimPlan => ({ do: 'lose', tell: warning(reason, message) });
  if (!name) return lose('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
  const volume = world.volume(name);
  if (!volume) return lose('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  if (volume.spec?.claimRef && !isVolumeFor(volume, claim)) {
    return lose('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
  }
  return isFullyBound(claim, volume) ? { do: 'nothing' } : { do: 'bind', volume };
}

const isFullyBound = (claim: Claim, volume: Volume): boolean =>
  isClaimBound(claim) && claim.status?.phase === 'Bound' && volume.spec?.claimRef?.uid === claim.metadata.uid;

/** Somebody has said which volume it is to be. */
function planNamedVolume(claim: Claim, world: ClaimWorld): ClaimPlan {
  const name = claim.spec?.volumeName ?? '';
  const volume = world.volume(name);
  if (!volume) return { do: 'wait' };
  if (volume.spec?.claimRef && !isVolumeFor(volume, claim)) {
    return { do: 'wait', tell: warning('FailedBinding', `volume "${name}" already bound to a different claim.`) };
  }
  const mismatch = volume.spec?.claimRef?.uid ? undefined : volumeMismatch(volume, claim);
  if (mismatch === undefined) return { do: 'bind', volume };
  return { do: 'wait', tell: warning('VolumeMismatch', `Cannot bind to requested volume "${name}": ${mismatch}`) };
}

function planUnbound(claim: Claim, world: ClaimWorld): ClaimPlan {
  const className = storageClassOf(claim);
  if (className === '' && claim.spec?.storageClassName === undefined && world.defaultClass) {
    return { do: 'setClass', className: world.defaultClass.metadata?.name ?? '' };
  }
  const selected = claim.metadata.annotations?.[selectedNodeAnnotation];
  // Which volume suits depends on where the pod can run: the scheduler chooses.
  const delayed = waitsForConsumer(world.storageClass) && selected === undefined;
  const volume = findVolumeFor({ claim, volumes: world.candidates, setAsideOnly: delayed });
  if (volume) return { do: 'bind', volume };
  if (delayed) return { do: 'wait', tell: waitingFor(world.waitingPods) };
  if (selected !== undefined && !world.hasNode(selected)) return { do: 'unselectNode' };
  if (className === '') {
    return {
      do: 'wait',
      tell: normal('FailedBinding', 'no persistent volumes available for this claim and no storage class is set'),
    };
  }
  return planProvisioning(claim, className, world.storageClass);
}

function waitingFor(pods: readonly string[]): Told {
  if (pods.length === 0) return normal('WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
  const text = pods.length === 1 ? `pod ${pods[0]}` : `pods ${[...pods].sort().join(',')}`;
  return normal('WaitForPodScheduled', `waiting for ${text} to be scheduled`);
}

function planProvisioning(claim: Claim, className: string, storageClass: V1StorageClass | undefined): ClaimPlan {
  if (!storageClass) {
    return { do: 'wait', tell: warning('ProvisioningFailed', `storageclass.storage.k8s.io "${className}" not found`) };
  }
  const { provisioner } = storageClass;
  if (provisioner.startsWith('kubernetes.io/')) {
    return { do: 'wait', tell: warning('ProvisioningFailed', `no volume plugin matched name: ${provisioner}`) };
  }
  if (storageProvisionerAnnotations.every((key) => claim.metadata.annotations?.[key] === provisioner)) return { do: 'wait' };
  return {
    do: 'askProvisioner',
    provisioner,
    tell: normal(
      'ExternalProvisioning',
      `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    ),
  };
}

export type VolumePhase = 'Available' | 'Bound' | 'Released' | 'Failed';

export type VolumePlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'setPhase'; readonly phase: VolumePhase; readonly message?: string; readonly tell?: Told }
  /** The claim seems to be gone: to be made sure of before anything is given up. */
  | { readonly do: 'release' }
  /** The claim has another volume: this one is free again. `whole`: nobody but the binder had set it aside. */
  | { readonly do: 'unbind'; readonly whole: boolean }
  | { readonly do: 'wakeClaim'; readonly tell?: Told };

const phaseOf = (volume: Volume, phase: VolumePhase): VolumePlan =>
  volume.status?.phase === phase ? { do: 'nothing' } : { do: 'setPhase', phase };

/** `claim` is the one that the volume's claimRef names, as the cache has it; of another uid it is another claim. */
export function planVolume(volume: Volume, claim: Claim | undefined): VolumePlan {
  const ref = volume.spec?.claimRef;
  if (!ref?.uid) return phaseOf(volume, 'Available');
  if (!claim || claim.metadata.uid !== ref.uid) return planUnclaimed(volume);
  const bound = claim.spec?.volumeName;
  if (bound === volume.metadata.name) return phaseOf(volume, 'Bound');
  if (!bound) {
    const same = (claim.spec?.volumeMode ?? 'Filesystem') === (volume.spec?.volumeMode ?? 'Filesystem');
    if (same) return { do: 'wakeClaim' };
    const name = `${claim.metadata.namespace}/${claim.metadata.name}`;
    const text = `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${name}" due to incompatible volumeMode.`;
    return { do: 'wakeClaim', tell: warning('VolumeMismatch', text) };
  }
  const made = volume.metadata.annotations?.[provisionedByAnnotation] !== undefined;
  if (made && volume.spec?.persistentVolumeReclaimPolicy === 'Delete') return planUnclaimed(volume);
  return { do: 'unbind', whole: volume.metadata.annotations?.[boundByControllerAnnotation] !== undefined };
}

/** What was claimed holds somebody's data: nobody else gets it. Whoever made it removes it, if its policy says so. */
function planUnclaimed(volume: Volume): VolumePlan {
  const phase = volume.status?.phase;
  if (phase === 'Failed') return { do: 'nothing' };
  if (phase !== 'Released') return { do: 'release' };
  const fail = (reason: string, message: string): VolumePlan => ({
    do: 'setPhase',
    phase: 'Failed',
    message,
    tell: warning(reason, message),
  });
  switch (volume.spec?.persistentVolumeReclaimPolicy) {
    case 'Delete':
      if (volume.metadata.annotations?.[provisionedByAnnotation] !== undefined) return { do: 'nothing' };
      return fail(
        'VolumeFailedDelete',
        `error getting deleter volume plugin for volume "${volume.metadata.name}": no deletable volume plugin matched`,
      );
    case 'Recycle':
      return fail('VolumeFailedRecycle', 'No recyclable volume plugin matched');
    default:
      return { do: 'nothing' };
  }
}
