import { describe, expect, test } from 'vitest';
import type { V1PersistentVolumeClaimSpec, V1PersistentVolumeSpec, V1StorageClass } from '../../api/mod.ts';
import { type Claim, type ClaimWorld, planClaim, planVolume, type Volume, type VolumePhase } from './plan.ts';

interface ClaimShape {
  readonly spec?: Partial<V1PersistentVolumeClaimSpec>;
  readonly annotations?: Record<string, string>;
  readonly phase?: string;
  readonly uid?: string;
  readonly deletionTimestamp?: string;
}
const claim = ({ spec, annotations = {}, phase = 'Pending', uid = 'c1', deletionTimestamp }: ClaimShape = {}): Claim =>
  ({
    metadata: { name: 'data', namespace: 'ns', uid, annotations, ...(deletionTimestamp ? { deletionTimestamp } : {}) },
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'fast', resources: { requests: { storage: '5Gi' } }, ...spec },
    status: { phase },
  }) as unknown as Claim;
interface VolumeShape {
  readonly spec?: Partial<V1PersistentVolumeSpec>;
  readonly annotations?: Record<string, string>;
  readonly phase?: VolumePhase | 'Pending';
}
const volume = (name: string, { spec, annotations = {}, phase = 'Available' }: VolumeShape = {}): Volume =>
  ({
    metadata: { name, uid: name, annotations },
    spec: { accessModes: ['ReadWriteOnce', 'ReadWriteMany'], storageClassName: 'fast', capacity: { storage: '5Gi' }, ...spec },
    status: { phase },
  }) as unknown as Volume;
const refOf = (uid?: string) => ({ namespace: 'ns', name: 'data', ...(uid ? { uid } : {}) });
const fast: V1StorageClass = { metadata: { name: 'fast' }, provisioner: 'example.com/fast', volumeBindingMode: 'Immediate' };
const late: V1StorageClass = { ...fast, volumeBindingMode: 'WaitForFirstConsumer' };
const world = (volumes: readonly Volume[] = [], more: Partial<ClaimWorld> = {}): ClaimWorld => ({
  volume: (name) => volumes.find((each) => each.metadata.name === name),
  candidates: volumes,
  storageClass: fast,
  defaultClass: undefined,
  hasNode: (name) => name === 'n1',
  waitingPods: [],
  ...more,
});
const completed = { 'pv.kubernetes.io/bind-completed': 'yes' };
const provisioner = {
  'volume.kubernetes.io/storage-provisioner': 'example.com/fast',
  'volume.beta.kubernetes.io/storage-provisioner': 'example.com/fast',
};
const made = { 'pv.kubernetes.io/provisioned-by': 'example.com/fast' };

describe('planClaim()', () => {
  const small = volume('small', { spec: { capacity: { storage: '1Gi' } } });
  const fits = volume('fits');
  const large = volume('large', { spec: { capacity: { storage: '50Gi' } } });
  test.each<[string, Claim, ClaimWorld, object]>([
    ['the smallest volume that does', claim(), world([large, fits, small]), { do: 'bind', volume: fits }],
    ['of equals the first by name', claim(), world([volume('b'), volume('a')]), { do: 'bind', volume: { metadata: { name: 'a' } } }],
    [
      'a volume that is set aside, though a smaller one is free',
      claim(),
      world([fits, volume('mine', { spec: { claimRef: refOf(), capacity: { storage: '9Gi' } } })]),
      { do: 'bind', volume: { metadata: { name: 'mine' } } },
    ],
    ['none that is too small', claim(), world([small]), { do: 'askProvisioner', provisioner: 'example.com/fast' }],
    ['none of another class', claim(), world([volume('v', { spec: { storageClassName: 'slow' } })]), { do: 'askProvisioner' }],
    ['none of another mode', claim(), world([volume('v', { spec: { volumeMode: 'Block' } })]), { do: 'askProvisioner' }],
    ['none without the access mode', claim({ spec: { accessModes: ['ReadOnlyMany'] } }), world([fits]), { do: 'askProvisioner' }],
    ['none that was used before', claim(), world([volume('v', { phase: 'Released' })]), { do: 'askProvisioner' }],
    [
      'none that the selector leaves out',
      claim({ spec: { selector: { matchLabels: { a: 'b' } } } }),
      world([fits]),
      { do: 'askProvisioner' },
    ],
    ['nothing when the provisioner was asked already', claim({ annotations: provisioner }), world(), { do: 'wait' }],
    [
      'a class that is not there',
      claim(),
      world([], { storageClass: undefined }),
      { do: 'wait', tell: { reason: 'ProvisioningFailed', message: 'storageclass.storage.k8s.io "fast" not found' } },
    ],
    [
      'a class whose volumes are made by hand',
      claim(),
      world([], { storageClass: { ...fast, provisioner: 'kubernetes.io/no-provisioner' } }),
      { do: 'wait', tell: { message: 'no volume plugin matched name: kubernetes.io/no-provisioner' } },
    ],
    [
      'no class and no volume',
      claim({ spec: { storageClassName: '' } }),
      world([], { storageClass: undefined, defaultClass: fast }),
      {
        do: 'wait',
        tell: {
          type: 'Normal',
          reason: 'FailedBinding',
          message: 'no persistent volumes available for this claim and no storage class is set',
        },
      },
    ],
    [
      'no class is said: the default, as soon as there is one',
      claim({ spec: { storageClassName: undefined } }),
      world([], { storageClass: undefined, defaultClass: fast }),
      { do: 'setClass', className: 'fast' },
    ],
    [
      'waits for its pod, whatever is free',
      claim(),
      world([fits], { storageClass: late }),
      { do: 'wait', tell: { reason: 'WaitForFirstConsumer' } },
    ],
    [
      'waits for a pod that is there',
      claim(),
      world([], { storageClass: late, waitingPods: ['b', 'a'] }),
      { do: 'wait', tell: { reason: 'WaitForPodScheduled', message: 'waiting for pods a,b to be scheduled' } },
    ],
    [
      'the scheduler has chosen the node',
      claim({ annotations: { 'volume.kubernetes.io/selected-node': 'n1' } }),
      world([], { storageClass: late }),
      { do: 'askProvisioner' },
    ],
    [
      'the node that the scheduler has chosen is gone',
      claim({ annotations: { 'volume.kubernetes.io/selected-node': 'n2' } }),
      world([], { storageClass: late }),
      { do: 'unselectNode' },
    ],
    [
      'the scheduler has chosen the volume',
      claim(),
      world([fits, volume('chosen', { spec: { claimRef: refOf('c1') } })], { storageClass: late }),
      { do: 'bind', volume: { metadata: { name: 'chosen' } } },
    ],
    ['is going away', claim({ deletionTimestamp: 'now' }), world([fits]), { do: 'nothing' }],
  ])('%s', (_what, of, around, want) => {
    expect(planClaim(of, around)).toMatchObject(want);
  });

  test.each<[string, Claim, ClaimWorld, object]>([
    ['is not there yet', claim({ spec: { volumeName: 'v' } }), world(), { do: 'wait' }],
    ['fits', claim({ spec: { volumeName: 'v' } }), world([volume('v')]), { do: 'bind' }],
    [
      'is another claim’s',
      claim({ spec: { volumeName: 'v' } }),
      world([volume('v', { spec: { claimRef: { namespace: 'ns', name: 'other' } } })]),
      { do: 'wait', tell: { reason: 'FailedBinding', message: 'volume "v" already bound to a different claim.' } },
    ],
    [
      'was for a claim of that name that is gone',
      claim({ spec: { volumeName: 'v' } }),
      world([volume('v', { spec: { claimRef: refOf('c0') } })]),
      { do: 'wait', tell: { reason: 'FailedBinding' } },
    ],
    [
      'is too small',
      claim({ spec: { volumeName: 'v' } }),
      world([volume('v', { spec: { capacity: { storage: '1Gi' } } })]),
      { do: 'wait', tell: { reason: 'VolumeMismatch', message: 'Cannot bind to requested volume "v": requested PV is too small' } },
    ],
    [
      'has another class',
      claim({ spec: { volumeName: 'v' } }),
      world([volume('v', { spec: { storageClassName: 'slow' } })]),
      { do: 'wait', tell: { message: 'Cannot bind to requested volume "v": storageClassName does not match' } },
    ],
  ])('the volume that a claim names %s', (_what, of, around, want) => {
    expect(planClaim(of, around)).toMatchObject(want);
  });

  const bound = (more: ClaimShape = {}) =>
    claim({ annotations: completed, phase: 'Bound', ...more, spec: { volumeName: 'v', ...more.spec } });
  test.each<[string, Claim, ClaimWorld, object]>([
    ['is all right', bound(), world([volume('v', { spec: { claimRef: refOf('c1') } })]), { do: 'nothing' }],
    ['has not said so yet', bound({ phase: 'Pending' }), world([volume('v', { spec: { claimRef: refOf('c1') } })]), { do: 'bind' }],
    ['has a volume that forgot it', bound(), world([volume('v')]), { do: 'bind' }],
    [
      'has lost its volume',
      bound(),
      world(),
      { do: 'lose', tell: { reason: 'ClaimLost', message: 'Bound claim has lost its PersistentVolume. Data on the volume is lost!' } },
    ],
    ['has lost its volume’s name', bound({ spec: { volumeName: '' } }), world(), { do: 'lose', tell: { reason: 'ClaimLost' } }],
    [
      'shares its volume',
      bound(),
      world([volume('v', { spec: { claimRef: refOf('c2') } })]),
      { do: 'lose', tell: { reason: 'ClaimMisbound' } },
    ],
  ])('a bound claim that %s', (_what, of, around, want) => {
    expect(planClaim(of, around)).toMatchObject(want);
  });
});

describe('planVolume()', () => {
  const mine = (more: VolumeShape = {}) => volume('v', { phase: 'Bound', ...more, spec: { claimRef: refOf('c1'), ...more.spec } });
  const boundTo = (volumeName: string) => claim({ spec: { volumeName } });
  test.each<[string, Volume, Claim | undefined, object]>([
    ['new', volume('v', { phase: 'Pending' }), undefined, { do: 'setPhase', phase: 'Available' }],
    ['free', volume('v'), undefined, { do: 'nothing' }],
    ['set aside by name', volume('v', { phase: 'Pending', spec: { claimRef: refOf() } }), claim(), { do: 'setPhase', phase: 'Available' }],
    ['bound', mine({ phase: 'Available' }), boundTo('v'), { do: 'setPhase', phase: 'Bound' }],
    ['bound and known as such', mine(), boundTo('v'), { do: 'nothing' }],
    ['for a claim that does not know yet', mine(), claim(), { do: 'wakeClaim' }],
    [
      'for a claim of another mode',
      mine(),
      claim({ spec: { volumeMode: 'Block' } }),
      {
        do: 'wakeClaim',
        tell: { message: 'Cannot bind PersistentVolume to requested PersistentVolumeClaim "ns/data" due to incompatible volumeMode.' },
      },
    ],
    ['of a claim that is gone', mine(), undefined, { do: 'release' }],
    ['of a claim that is another now', mine(), claim({ uid: 'c2', spec: { volumeName: 'v' } }), { do: 'release' }],
    ['released, to be kept', mine({ phase: 'Released' }), undefined, { do: 'nothing' }],
    [
      'released, to be deleted by whoever made it',
      mine({ phase: 'Released', annotations: made, spec: { persistentVolumeReclaimPolicy: 'Delete' } }),
      undefined,
      { do: 'nothing' },
    ],
    [
      'released, to be deleted by nobody',
      mine({ phase: 'Released', spec: { persistentVolumeReclaimPolicy: 'Delete' } }),
      undefined,
      {
        do: 'setPhase',
        phase: 'Failed',
        tell: {
          reason: 'VolumeFailedDelete',
          message: 'error getting deleter volume plugin for volume "v": no deletable volume plugin matched',
        },
      },
    ],
    [
      'released, to be recycled',
      mine({ phase: 'Released', spec: { persistentVolumeReclaimPolicy: 'Recycle' } }),
      undefined,
      { do: 'setPhase', phase: 'Failed', tell: { reason: 'VolumeFailedRecycle' } },
    ],
    ['failed', mine({ phase: 'Failed' }), undefined, { do: 'nothing' }],
    ['set aside by hand for a claim that took another', mine(), boundTo('w'), { do: 'unbind', whole: false }],
    [
      'chosen for a claim that took another',
      mine({ annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } }),
      boundTo('w'),
      { do: 'unbind', whole: true },
    ],
    [
      'made for a claim that took another',
      mine({ annotations: made, spec: { persistentVolumeReclaimPolicy: 'Delete' } }),
      boundTo('w'),
      { do: 'release' },
    ],
  ])('%s', (_what, of, its, want) => {
    expect(planVolume(of, its)).toMatchObject(want);
  });
});
