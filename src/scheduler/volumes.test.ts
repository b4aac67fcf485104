import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type {
  KubeObject,
  V1CSIDriver,
  V1CSINode,
  V1CSIStorageCapacity,
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1PersistentVolumeClaimSpec,
  V1PersistentVolumeSpec,
  V1Pod,
  V1StorageClass,
  V1Volume,
} from '../api/mod.ts';
import { SeededRandom, VirtualClock } from '../base/mod.ts';
import type { Client } from '../client/mod.ts';
import { SchedulerCache } from './cache.ts';
import { decide, fitMessage } from './decide.ts';
import type { CycleState } from './framework.ts';
import { createPromised, volumeBinding } from './plugins/volume-binding.ts';
import { nodeVolumeLimits } from './plugins/volume-limits.ts';
import { volumeRestrictions } from './plugins/volume-restrictions.ts';
import { volumeZone } from './plugins/volume-zone.ts';
import { makeInformers, makeNode, makePod } from './testing.fake.ts';
import { type VolumeCaches, volumeCaches } from './volumes.ts';

const zone = (name: string) => ({ labels: { 'topology.kubernetes.io/zone': name } });
const nodes = [makeNode('n1', zone('east')), makeNode('n2', zone('west'))];
/** A driver that tells how much it has left, by zone. */
const sparing: V1CSIDriver = { kind: 'CSIDriver', metadata: { name: 'example.com/made' }, spec: { storageCapacity: true } };
const left = (zoneName: string, more: Partial<V1CSIStorageCapacity>): V1CSIStorageCapacity => ({
  kind: 'CSIStorageCapacity',
  metadata: { name: zoneName, namespace: 'storage' },
  storageClassName: 'made',
  nodeTopology: { matchLabels: { 'topology.kubernetes.io/zone': zoneName } },
  ...more,
});
const onNode = (name: string): V1PersistentVolumeSpec => ({
  nodeAffinity: {
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] }] },
  },
});
const volume = (name: string, spec: V1PersistentVolumeSpec = {}, labels: Record<string, string> = {}): V1PersistentVolume => ({
  kind: 'PersistentVolume',
  metadata: { name, labels },
  spec: { capacity: { storage: '5Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'late', ...spec },
  status: { phase: 'Available' },
});
const claim = (
  name: string,
  spec: V1PersistentVolumeClaimSpec = {},
  annotations: Record<string, string> = {},
): V1PersistentVolumeClaim => ({
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace: 'default', uid: `uid-${name}`, annotations },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'late', resources: { requests: { storage: '1Gi' } }, ...spec },
  status: { phase: 'Pending' },
});
const bound = (name: string, volumeName: string, spec: V1PersistentVolumeClaimSpec = {}) =>
  claim(name, { volumeName, ...spec }, { 'pv.kubernetes.io/bind-completed': 'yes' });
const late: V1StorageClass = {
  kind: 'StorageClass',
  metadata: { name: 'late' },
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
};
const made: V1StorageClass = { ...late, metadata: { name: 'made' }, provisioner: 'example.com/made' };
const eastern: V1StorageClass = {
  ...made,
  metadata: { name: 'eastern' },
  allowedTopologies: [{ matchLabelExpressions: [{ key: 'topology.kubernetes.io/zone', values: ['east'] }] }],
};
const atOnce: V1StorageClass = { ...made, metadata: { name: 'at-once' }, volumeBindingMode: 'Immediate' };
const classes = [late, made, eastern, atOnce];

const pluginsOf = (caches: VolumeCaches) =>
  [
    volumeRestrictions(caches),
    nodeVolumeLimits(caches),
    volumeBinding({
      caches,
      client: {} as Client,
      clock: new VirtualClock({ settle: async () => {} }),
      promised: createPromised(),
      bindTimeoutSeconds: 600,
    }),
    volumeZone(caches),
  ].map((plugin) => ({ plugin, weight: 0 }));
const uses = (...names: string[]): V1Volume[] => names.map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
const user = (name: string, ...claims: string[]): V1Pod => makePod(name, { volumes: uses(...claims) });

/** Where the pod goes, or what is said. */
function placeOf(pod: V1Pod, objects: readonly KubeObject[], placed: readonly V1Pod[] = []): string {
  const plugins = pluginsOf(volumeCaches(makeInformers([...classes, ...nodes, ...objects])));
  const snapshot = new SchedulerCache();
  for (const node of nodes) snapshot.setNode(node);
  for (const each of placed) snapshot.setPod(each);
  const decision = decide(pod, new Map(), { plugins, snapshot, random: new SeededRandom(1), startAt: 0 });
  if (decision.is === 'none') return fitMessage(decision.why).replace('0/2 nodes are available: ', '');
  return decision.is === 'node' ? decision.name : String(decision.error);
}

describe('a pod with claims', () => {
  const away = { ...claim('c'), metadata: { ...claim('c').metadata, deletionTimestamp: 'now' } };
  test.each<[string, readonly KubeObject[], string]>([
    ['that is not there', [], 'persistentvolumeclaim "c" not found.'],
    ['that is going away', [away], 'persistentvolumeclaim "c" is being deleted.'],
    [
      'that is lost',
      [{ ...bound('c', 'v'), status: { phase: 'Lost' } } as V1PersistentVolumeClaim],
      'persistentvolumeclaim "c" bound to non-existent persistentvolume "v".',
    ],
    ['that the binder has to bind', [claim('c', { storageClassName: 'at-once' })], 'pod has unbound immediate PersistentVolumeClaims.'],
    [
      'that names a volume and has not got it',
      [claim('c', { volumeName: 'v' }), volume('v')],
      'pod has unbound immediate PersistentVolumeClaims.',
    ],
    ['bound on one node', [bound('c', 'v'), volume('v', onNode('n2'))], 'n2'],
    ['bound where no node is', [bound('c', 'v'), volume('v', onNode('n3'))], "2 node(s) didn't match PersistentVolume's node affinity."],
    ['bound to what is gone', [bound('c', 'v')], '2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).'],
    ['that can have a volume on one node', [claim('c'), volume('v', onNode('n1'))], 'n1'],
    [
      'that asks for too much',
      [claim('c', { resources: { requests: { storage: '9Gi' } } }), volume('v')],
      "2 node(s) didn't find available persistent volumes to bind.",
    ],
    ['whose volume can be made in one zone', [claim('c', { storageClassName: 'eastern' })], 'n1'],
    ['whose node was chosen before', [claim('c', { storageClassName: 'made' }, { 'volume.kubernetes.io/selected-node': 'n2' })], 'n2'],
    [
      'whose driver has room in one zone',
      [claim('c', { storageClassName: 'made' }), sparing, left('east', { capacity: '500Mi' }), left('west', { capacity: '2Gi' })],
      'n2',
    ],
    [
      'whose driver makes no volume so large',
      [claim('c', { storageClassName: 'made' }), sparing, left('west', { capacity: '2Gi', maximumVolumeSize: '500Mi' })],
      '2 node(s) did not have enough free storage.',
    ],
    [
      'whose driver tells of another class, and of no place',
      [
        claim('c', { storageClassName: 'made' }),
        sparing,
        left('west', { capacity: '2Gi', storageClassName: 'other' }),
        left('east', { capacity: '2Gi', nodeTopology: undefined }),
      ],
      '2 node(s) did not have enough free storage.',
    ],
    ['of a class that is not there', [claim('c', { storageClassName: 'x' })], 'pod has unbound immediate PersistentVolumeClaims.'],
    ['whose volume is in one zone', [bound('c', 'v'), volume('v', {}, { 'topology.kubernetes.io/zone': 'west' })], 'n2'],
    ['whose volume is in several', [bound('c', 'v'), volume('v', {}, { 'topology.kubernetes.io/zone': 'north__west' })], 'n2'],
    [
      'whose volume is in none of the zones',
      [bound('c', 'v'), volume('v', {}, { 'topology.kubernetes.io/zone': 'x' })],
      '2 node(s) had no available volume zone.',
    ],
  ])('%s', (_what, objects, want) => {
    expect(placeOf(user('p', 'c'), objects)).toBe(want);
  });

  test('an ephemeral volume: waits for its claim, and takes no other', () => {
    const pod = makePod('p', { volumes: [{ name: 'e', ephemeral: {} }] });
    expect(placeOf(pod, [])).toBe('waiting for ephemeral volume controller to create the persistentvolumeclaim "p-e".');
    expect(placeOf(pod, [claim('p-e')])).toBe('PVC default/p-e was not created for pod default/p (pod is not owner).');
  });

  test('two claims, two volumes: on one node only both', () => {
    const volumes = [volume('a', onNode('n1')), volume('b', onNode('n2')), volume('c', { ...onNode('n2'), capacity: { storage: '50Gi' } })];
    const large = claim('large', { resources: { requests: { storage: '20Gi' } } });
    expect(placeOf(user('p', 'large', 'small'), [claim('small'), large, ...volumes])).toBe('n2');
  });
});

test('a claim for one pod: nowhere while another has it, also not on the same node', () => {
  const alone = bound('c', 'v', { accessModes: ['ReadWriteOncePod'] });
  const other = makePod('other', { volumes: uses('c'), nodeName: 'n1' });
  expect(placeOf(user('p', 'c'), [alone, volume('v')], [other])).toBe(
    '2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.',
  );
  expect(placeOf(user('p', 'c'), [alone, volume('v')])).toMatch(/^n[12]$/);
});

test('a node has only so many volumes of a driver, each counted once', () => {
  const limit = (name: string, count: number): V1CSINode => ({
    kind: 'CSINode',
    metadata: { name },
    spec: { drivers: [{ name: 'd', nodeID: name, allocatable: { count } }] },
  });
  const csi = (name: string) => volume(name, { csi: { driver: 'd', volumeHandle: name } });
  const objects = [limit('n1', 1), limit('n2', 1), csi('v1'), csi('v2'), bound('c1', 'v1'), bound('c2', 'v2')];
  const there = ['n1', 'n2'].map((nodeName) => makePod(`on-${nodeName}`, { volumes: uses('c1'), nodeName }));
  expect(placeOf(user('p', 'c2'), objects, there)).toBe('2 node(s) exceed max volume count.');
  expect(placeOf(user('p', 'c1'), objects, there)).toMatch(/^n[12]$/);
  expect(placeOf(user('p', 'c2'), objects, there.slice(0, 1))).toBe('n2');
});

test('whatever pods reserve at one time, no volume is promised twice, and what is given back can be had again', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('n1', 'n2'), { maxLength: 6 }), fc.integer({ min: 1, max: 8 }), fc.nat(), (at, pods, undone) => {
      const volumes = at.map((name, i) => volume(`v${i}`, onNode(name)));
      const claims = Array.from({ length: pods }, (_, i) => claim(`c${i}`));
      const caches = volumeCaches(makeInformers([...classes, ...nodes, ...volumes, ...claims]));
      const binding = volumeBinding({
        caches,
        client: {} as Client,
        clock: new VirtualClock({ settle: async () => {} }),
        promised: createPromised(),
        bindTimeoutSeconds: 600,
      });
      const snapshot = new SchedulerCache();
      for (const node of nodes) snapshot.setNode(node);
      const reserve = (i: number): CycleState | undefined => {
        const state: CycleState = new Map();
        const pod = user(`p${i}`, `c${i}`);
        binding.preFilter?.(state, pod, snapshot);
        const node = snapshot.nodes.find((each) => binding.filter?.(state, pod, each).is === 'success');
        return node && binding.reserve?.(state, pod, node.name).is === 'success' ? state : undefined;
      };
      const states = claims.map((_, i) => reserve(i));
      expect(states.filter(Boolean)).toHaveLength(Math.min(pods, at.length));
      const again = undone % pods;
      const state = states[again];
      if (!state) return;
      binding.unreserve?.(state, user(`p${again}`, `c${again}`), 'n1');
      expect(reserve(again)).toBeDefined();
    }),
  );
});
