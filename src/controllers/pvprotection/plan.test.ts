import { describe, expect, test } from 'vitest';
import type { V1PersistentVolumeClaim, V1Pod, V1PodStatus, V1Volume } from '../../api/mod.ts';
import { podUsesClaim, protectionChange } from './plan.ts';

const claim: V1PersistentVolumeClaim = {
  metadata: {
    name: 'web-data',
    namespace: 'ns',
    ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'p1', controller: true }],
  },
};
const named: V1Volume = { name: 'data', persistentVolumeClaim: { claimName: 'web-data' } };
const ephemeral: V1Volume = { name: 'data', ephemeral: {} };
const pod = (volume: V1Volume, more: { nodeName?: string; status?: V1PodStatus; uid?: string; graceSeconds?: number } = {}): V1Pod => {
  const { nodeName = 'n1', status, uid = 'p1', graceSeconds } = more;
  const leaving = graceSeconds === undefined ? {} : { deletionTimestamp: 'now', deletionGracePeriodSeconds: graceSeconds };
  return { metadata: { name: 'web', namespace: 'ns', uid, ...leaving }, spec: { containers: [], nodeName, volumes: [volume] }, status };
};

describe('podUsesClaim()', () => {
  test.each<[string, V1Pod, boolean]>([
    ['runs', pod(named), true],
    ['has no node', pod(named, { nodeName: '' }), false],
    ['has ended', pod(named, { status: { phase: 'Succeeded' } }), true],
    ['uses another', pod({ name: 'data', persistentVolumeClaim: { claimName: 'other' } }), false],
    ['has it as its ephemeral volume', pod(ephemeral), true],
    ['has it as its ephemeral volume, and has ended', pod(ephemeral, { status: { phase: 'Failed' } }), false],
    ['has it as its ephemeral volume, and is killed', pod(ephemeral, { graceSeconds: 0 }), false],
    ['has it as its ephemeral volume, and is being stopped', pod(ephemeral, { graceSeconds: 30 }), true],
    ['has an ephemeral volume of that name, and is not its owner', pod(ephemeral, { uid: 'p2' }), false],
  ])('a pod that %s', (_what, of, want) => {
    expect(podUsesClaim(of, claim)).toBe(want);
  });
});

describe('protectionChange()', () => {
  const finalizer = 'f';
  const leaving = { metadata: { deletionTimestamp: 'now', finalizers: ['x', finalizer] } };
  test.each([
    ['new', { metadata: {} }, false, { finalizers: [finalizer], without: false }],
    ['protected', { metadata: { finalizers: [finalizer] } }, false, undefined],
    ['leaving and in use', leaving, true, undefined],
    ['leaving', leaving, false, { finalizers: ['x'], without: true }],
    ['leaving, and held by others', { metadata: { deletionTimestamp: 'now', finalizers: ['x'] } }, false, undefined],
  ])('%s', (_what, object, inUse, want) => {
    expect(protectionChange(object, { finalizer, inUse })).toEqual(want);
  });
});
