import { describe, expect, test } from 'vitest';
import type { V1PodStatus } from '../../api/mod.ts';
import { podOf } from '../runtime/world.fake.ts';
import { type Claim, claimFor, claimMadeFor, entriesToFill, planClaim } from './plan.ts';

const entry = { name: 'gpu', resourceClaimTemplateName: 'one' };
const pod = (status: V1PodStatus = {}) => podOf('web', { spec: { containers: [], resourceClaims: [entry] }, status });
const template = { spec: { metadata: { labels: { a: 'b' } }, spec: { devices: {} } } };

test.each([
  ['new', pod(), ['gpu']],
  ['filled', pod({ resourceClaimStatuses: [{ name: 'gpu', resourceClaimName: 'web-gpu-x' }] }), []],
  ['ended', pod({ phase: 'Failed' }), []],
])('entries of a pod that is %s', (_what, of, want) => {
  expect(entriesToFill(of).map((one) => one.name)).toEqual(want);
});

test('a claim is the pod’s own, and is found again by its annotation', () => {
  const made = claimFor(pod(), entry, template);
  expect(made.metadata).toMatchObject({
    generateName: 'web-gpu-',
    namespace: 'default',
    labels: { a: 'b' },
    annotations: { 'resource.kubernetes.io/pod-claim-name': 'gpu' },
    ownerReferences: [{ kind: 'Pod', name: 'web', uid: 'uid-web', controller: true, blockOwnerDeletion: true }],
  });
  expect(claimMadeFor(pod(), entry, [made as Claim])).toBe(made);
  expect(claimMadeFor(podOf('other'), entry, [made as Claim])).toBeUndefined();
});

describe('planClaim()', () => {
  const finalizer = 'resource.kubernetes.io/delete-protection';
  const consumer = (uid: string) => ({ resource: 'pods', name: uid, uid });
  const allocation = { devices: { results: [] } };
  const claim = (reserved: readonly string[], more: object = {}): Claim =>
    ({
      metadata: { name: 'c', uid: 'c', finalizers: [finalizer], ...more },
      spec: {},
      status: { allocation, ...(reserved.length > 0 ? { reservedFor: reserved.map(consumer) } : {}) },
    }) as unknown as Claim;
  const nothing = { status: undefined, dropFinalizer: false, remove: false };
  const going = { deletionTimestamp: '2026-01-01T00:00:00Z' };
  test.each([
    ['in use', claim(['a']), ['a'], false, nothing],
    ['of one user of two', claim(['a', 'b']), ['a'], false, { ...nothing, status: { allocation, reservedFor: [consumer('a')] } }],
    ['of its last user', claim(['a']), [], false, { status: {}, dropFinalizer: true, remove: false }],
    ['allocated, and nobody has come yet', claim([]), [], false, nothing],
    ['going, and in use', claim(['a'], going), ['a'], false, nothing],
    ['going', claim([], going), [], false, { status: {}, dropFinalizer: true, remove: false }],
    ['whose pod is done', claim(['a']), [], true, { status: {}, dropFinalizer: true, remove: true }],
  ])('%s', (_what, of, users, ownerDone, want) => {
    expect(planClaim(of, { users: users.map(consumer), ownerDone })).toEqual(want);
  });
});
