import { describe, expect, test } from 'vitest';
import type { V1CSIDriver, V1CSIDriverSpec, V1PersistentVolumeSpec, V1Pod } from '../../api/mod.ts';
import type { NodeCapability } from './messages.ts';
import { capabilityOf, groupIsOurs, modeProblem, podAttributes, secretRefOf, type WantedVolume } from './request.ts';

const pod: V1Pod = {
  metadata: { name: 'web', namespace: 'ns', uid: 'u1' },
  spec: { containers: [], serviceAccountName: 'sa', securityContext: { fsGroup: 7 } },
};
const persistent = (spec: V1PersistentVolumeSpec = {}, readOnly = false): WantedVolume => ({
  pod,
  name: 'pv',
  readOnly,
  from: {
    is: 'persistent',
    claim: {},
    volume: { spec: { accessModes: ['ReadWriteOnce'], csi: { driver: 'd', volumeHandle: 'h', fsType: 'ext4' }, ...spec } },
  },
});
const inline: WantedVolume = {
  pod,
  name: 'v',
  readOnly: false,
  from: { is: 'inline', source: { driver: 'd', fsType: 'xfs', nodePublishSecretRef: { name: 'key' } } },
};
const can = (...names: NodeCapability[]) => new Set(names);
const driver = (spec: V1CSIDriverSpec): V1CSIDriver => ({ metadata: { name: 'd' }, spec });

describe('capabilityOf()', () => {
  test.each<[string, WantedVolume, ReadonlySet<NodeCapability>, object]>([
    [
      'a file system',
      persistent({ mountOptions: ['noatime'] }),
      can(),
      { mount: { fsType: 'ext4', mountFlags: ['noatime'] }, accessMode: { mode: 1 } },
    ],
    ['a device', persistent({ volumeMode: 'Block' }), can('mountGroup'), { block: {}, accessMode: { mode: 1 } }],
    ['many readers', persistent({ accessModes: ['ReadOnlyMany'] }), can(), { accessMode: { mode: 3 } }],
    ['many writers', persistent({ accessModes: ['ReadWriteMany'] }), can(), { accessMode: { mode: 5 } }],
    ['one pod, of a driver that does not tell', persistent({ accessModes: ['ReadWriteOncePod'] }), can(), { accessMode: { mode: 1 } }],
    ['one pod', persistent({ accessModes: ['ReadWriteOncePod'] }), can('singleNodeMultiWriter'), { accessMode: { mode: 6 } }],
    ['one node', persistent(), can('singleNodeMultiWriter'), { accessMode: { mode: 7 } }],
    ['the group is the driver’s work', persistent(), can('mountGroup'), { mount: { volumeMountGroup: '7' } }],
    ['of the pod’s own', inline, can(), { mount: { fsType: 'xfs' }, accessMode: { mode: 1 } }],
  ])('%s', (_what, wanted, has, want) => {
    expect(capabilityOf(wanted, has)).toMatchObject(want);
  });
});

describe('groupIsOurs()', () => {
  const byType = persistent();
  const noType = persistent({ csi: { driver: 'd', volumeHandle: 'h' } });
  const many = persistent({ accessModes: ['ReadWriteMany'] });
  test.each<[string, WantedVolume, V1CSIDriver | undefined, ReadonlySet<NodeCapability>, boolean]>([
    ['by default, with a type, for one node', byType, undefined, can(), true],
    ['by default, without a type', noType, undefined, can(), false],
    ['by default, for many nodes', many, undefined, can(), false],
    ['File: always', many, driver({ fsGroupPolicy: 'File' }), can(), true],
    ['None: never', byType, driver({ fsGroupPolicy: 'None' }), can(), false],
    ['the driver does it', byType, driver({ fsGroupPolicy: 'File' }), can('mountGroup'), false],
    ['read-only', persistent({}, true), driver({ fsGroupPolicy: 'File' }), can(), false],
    ['a device', persistent({ volumeMode: 'Block' }), driver({ fsGroupPolicy: 'File' }), can(), false],
    ['no group', { ...byType, pod: { spec: { containers: [] } } }, undefined, can(), false],
    ['of the pod’s own, by default', inline, undefined, can(), false],
  ])('%s', (_what, wanted, object, has, want) => {
    expect(groupIsOurs(wanted, object, has)).toBe(want);
  });
});

test('a driver is told of the pod only if it wants to be', () => {
  expect(podAttributes(inline, driver({}))).toEqual({});
  expect(podAttributes(inline, undefined)).toEqual({});
  expect(podAttributes(inline, driver({ podInfoOnMount: true }))).toEqual({
    'csi.storage.k8s.io/pod.name': 'web',
    'csi.storage.k8s.io/pod.namespace': 'ns',
    'csi.storage.k8s.io/pod.uid': 'u1',
    'csi.storage.k8s.io/serviceAccount.name': 'sa',
    'csi.storage.k8s.io/ephemeral': 'true',
  });
});

test.each<[V1CSIDriver | undefined, 'Persistent' | 'Ephemeral', string | undefined]>([
  [undefined, 'Persistent', undefined],
  [undefined, 'Ephemeral', 'volume mode "Ephemeral" not supported by driver d (no CSIDriver object)'],
  [driver({}), 'Ephemeral', 'volume mode "Ephemeral" not supported by driver d (only supports ["Persistent"])'],
  [
    driver({ volumeLifecycleModes: ['Ephemeral'] }),
    'Persistent',
    'volume mode "Persistent" not supported by driver d (only supports ["Ephemeral"])',
  ],
  [driver({ volumeLifecycleModes: ['Persistent', 'Ephemeral'] }), 'Ephemeral', undefined],
])('modes: %j for %s', (object, mode, want) => {
  expect(modeProblem('d', object, mode)).toBe(want);
});

test('secrets: of a volume wherever it says, of a pod’s own from its namespace', () => {
  const of = persistent({ csi: { driver: 'd', volumeHandle: 'h', nodeStageSecretRef: { name: 's', namespace: 'x' } } });
  expect(secretRefOf(of, 'nodeStageSecretRef')).toEqual({ namespace: 'x', name: 's' });
  expect(secretRefOf(of, 'nodePublishSecretRef')).toBeUndefined();
  expect(secretRefOf(inline, 'nodePublishSecretRef')).toEqual({ namespace: 'ns', name: 'key' });
  expect(secretRefOf(inline, 'nodeStageSecretRef')).toBeUndefined();
});
