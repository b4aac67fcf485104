import { describe, expect, test } from 'vitest';
import type { Persisted, V1Node, V1PersistentVolume, V1PersistentVolumeClaim, V1PersistentVolumeClaimSpec } from '../../api/mod.ts';
import { nodeOf } from '../runtime/world.fake.ts';
import {
  directoryFinalizer,
  localPathProvisioner,
  nodeAnnotation,
  type ProvisionWorld,
  planProvision,
  planReclaim,
  planResize,
} from './plan.ts';

type Claim = Persisted<V1PersistentVolumeClaim>;
type Volume = Persisted<V1PersistentVolume>;
const ref = { kind: 'PersistentVolumeClaim', namespace: 'ns', name: 'data', uid: 'c1' };
const asked = { 'volume.kubernetes.io/storage-provisioner': localPathProvisioner };
const selected = (name: string) => ({ ...asked, 'volume.kubernetes.io/selected-node': name });
const claim = (annotations: Record<string, string>, spec: Partial<V1PersistentVolumeClaimSpec> = {}): Claim =>
  ({
    metadata: { name: 'data', namespace: 'ns', uid: 'c1', annotations },
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'local', resources: { requests: { storage: '1Gi' } }, ...spec },
  }) as unknown as Claim;
const node = (name: string, more: Partial<V1Node> = {}): Persisted<V1Node> =>
  nodeOf(name, { status: { conditions: [{ type: 'Ready', status: 'True' }] }, ...more });
const storageClass = { metadata: { name: 'local' }, provisioner: localPathProvisioner, volumeBindingMode: 'WaitForFirstConsumer' };
const immediate = { ...storageClass, volumeBindingMode: 'Immediate' };
const world: ProvisionWorld = {
  storageClass,
  nodes: [node('b'), node('a'), node('a0', { spec: { unschedulable: true } })],
  serves: (name: string) => name === 'a',
  pathOf: (name: string) => `/volumes/${name}`,
};

describe('planProvision()', () => {
  test('a directory on the node that was chosen, reached from there alone', () => {
    expect(planProvision(claim(selected('a')), ref, world)).toMatchObject({
      do: 'provision',
      path: '/volumes/pvc-c1',
      volume: {
        metadata: {
          name: 'pvc-c1',
          annotations: { 'pv.kubernetes.io/provisioned-by': localPathProvisioner, [nodeAnnotation]: 'a' },
          finalizers: [directoryFinalizer],
        },
        spec: {
          capacity: { storage: '1Gi' },
          persistentVolumeReclaimPolicy: 'Delete',
          storageClassName: 'local',
          claimRef: ref,
          local: { path: '/volumes/pvc-c1' },
          nodeAffinity: {
            required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['a'] }] }] },
          },
        },
      },
    });
  });
  test('a class that retains: nothing to wait for when the volume goes', () => {
    const plan = planProvision(claim(selected('a')), ref, { ...world, storageClass: { ...storageClass, reclaimPolicy: 'Retain' } });
    expect(plan).toMatchObject({ do: 'provision', volume: { spec: { persistentVolumeReclaimPolicy: 'Retain' } } });
    expect(plan.do === 'provision' && plan.volume.metadata?.finalizers).toBeUndefined();
  });
  test.each<[string, Claim, Partial<ProvisionWorld>, object]>([
    ['nobody was chosen yet', claim(asked), {}, { do: 'nothing' }],
    ['another node was chosen', claim(selected('b')), {}, { do: 'nothing' }],
    ['the node is gone', claim(selected('a')), { nodes: [] }, { do: 'nothing' }],
    ['another provisioner was asked', claim({ 'volume.kubernetes.io/storage-provisioner': 'other' }), {}, { do: 'nothing' }],
    ['it has a volume', claim(selected('a'), { volumeName: 'v' }), {}, { do: 'nothing' }],
    ['the class does not wait: the first node that is ready', claim(asked), { storageClass: immediate }, { do: 'provision' }],
    [
      'the class does not wait: that node is another’s',
      claim(asked),
      { storageClass: immediate, serves: (name) => name === 'b' },
      { do: 'nothing' },
    ],
    ['it wants a block device', claim(selected('a'), { volumeMode: 'Block' }), {}, { do: 'refuse' }],
    ['it wants to choose', claim(selected('a'), { selector: {} }), {}, { do: 'refuse', why: 'claim.Spec.Selector is not supported' }],
  ])('%s', (_what, of, around, want) => {
    expect(planProvision(of, ref, { ...world, ...around })).toMatchObject(want);
  });
});

interface Shape {
  readonly phase: string;
  readonly policy?: string;
  readonly leaving?: boolean;
  readonly path?: string;
  readonly on?: string;
  readonly by?: string;
}
const volume = ({
  phase,
  policy = 'Delete',
  leaving = false,
  path = '/volumes/pvc-c1',
  on = 'a',
  by = localPathProvisioner,
}: Shape): Volume =>
  ({
    metadata: {
      name: 'pvc-c1',
      uid: 'v1',
      annotations: { 'pv.kubernetes.io/provisioned-by': by, [nodeAnnotation]: on },
      finalizers: [directoryFinalizer],
      ...(leaving ? { deletionTimestamp: 'now' } : {}),
    },
    spec: { capacity: { storage: '1Gi' }, persistentVolumeReclaimPolicy: policy, claimRef: ref, local: { path } },
    status: { phase },
  }) as unknown as Volume;

describe('planReclaim()', () => {
  const remove = { do: 'remove', path: '/volumes/pvc-c1' };
  test.each<[string, Shape, object]>([
    ['bound', { phase: 'Bound' }, { do: 'nothing' }],
    ['released', { phase: 'Released' }, remove],
    ['released, and deleted', { phase: 'Released', leaving: true }, remove],
    ['never bound, and deleted', { phase: 'Available', leaving: true }, remove],
    ['deleted while it is bound', { phase: 'Bound', leaving: true }, { do: 'nothing' }],
    ['released, to be kept', { phase: 'Released', policy: 'Retain' }, { do: 'nothing' }],
    ['deleted, its data to be kept', { phase: 'Released', policy: 'Retain', leaving: true }, { do: 'letGo' }],
    ['of another node', { phase: 'Released', on: 'b' }, { do: 'nothing' }],
    ['of another provisioner', { phase: 'Released', by: 'other' }, { do: 'nothing' }],
    ['forged: a path that was not made here', { phase: 'Released', path: '/etc' }, { do: 'refuse' }],
  ])('%s', (_what, shape, want) => {
    expect(planReclaim(volume(shape), world)).toMatchObject(want);
  });
});

describe('planResize()', () => {
  const bound = (wanted: string, known: string): Claim => ({
    ...claim({}, { volumeName: 'pvc-c1', resources: { requests: { storage: wanted } } }),
    status: { phase: 'Bound', capacity: { storage: known } },
  });
  const of = volume({ phase: 'Bound' });
  test('notes the new size on both', () => {
    expect(planResize(bound('2Gi', '1Gi'), of, world.serves)).toMatchObject({
      volume: { spec: { capacity: { storage: '2Gi' } } },
      claim: { status: { capacity: { storage: '2Gi' } } },
    });
  });
  test('ends what was begun', () => {
    const grown: Volume = { ...of, spec: { ...of.spec, capacity: { storage: '2Gi' } } };
    expect(planResize(bound('2Gi', '1Gi'), grown, world.serves)).toMatchObject({
      volume: undefined,
      claim: { status: { capacity: { storage: '2Gi' } } },
    });
  });
  test.each<[string, Claim, Volume | undefined]>([
    ['as large as it is', bound('1Gi', '1Gi'), of],
    ['without its volume', bound('2Gi', '1Gi'), undefined],
    ['another’s volume', bound('2Gi', '1Gi'), volume({ phase: 'Bound', by: 'other' })],
    ['another node’s volume', bound('2Gi', '1Gi'), volume({ phase: 'Bound', on: 'b' })],
  ])('nothing to do: %s', (_what, wanted, its) => {
    expect(planResize(wanted, its, world.serves)).toBeUndefined();
  });
});
