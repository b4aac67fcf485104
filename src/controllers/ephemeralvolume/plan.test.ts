import { expect, test } from 'vitest';
import type { V1PersistentVolumeClaim } from '../../api/mod.ts';
import { podOf } from '../runtime/world.fake.ts';
import { planEphemeralClaims } from './plan.ts';

const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const pod = podOf('web', {
  spec: {
    containers: [],
    volumes: [
      { name: 'scratch', ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec } } },
      { name: 'data', persistentVolumeClaim: { claimName: 'kept' } },
    ],
  },
});
const none = () => undefined;

test('each ephemeral volume gets a claim that the pod owns', () => {
  const { create, problems } = planEphemeralClaims(pod, none);
  expect(problems).toEqual([]);
  expect(create).toEqual([
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: 'web-scratch',
        namespace: 'default',
        labels: { a: 'b' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'uid-web', controller: true, blockOwnerDeletion: true }],
      },
      spec,
    },
  ]);
});

test('a claim that is there is left alone; another’s is a problem', () => {
  const own = planEphemeralClaims(pod, none).create[0];
  expect(planEphemeralClaims(pod, () => own)).toEqual({ create: [], problems: [] });
  const others: V1PersistentVolumeClaim = { metadata: { name: 'web-scratch', namespace: 'default' } };
  expect(planEphemeralClaims(pod, () => others)).toEqual({
    create: [],
    problems: ['PVC default/web-scratch was not created for pod default/web (pod is not owner)'],
  });
});

test('a pod that is going away gets nothing', () => {
  const leaving = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  expect(planEphemeralClaims(leaving, none)).toEqual({ create: [], problems: [] });
});
