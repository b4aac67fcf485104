import { describe, expect, test } from 'vitest';
import {
  type Draft,
  type KubeObject,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  type V1PersistentVolumeClaim,
  type V1StorageClass,
} from '../../api/mod.ts';
import type { AdmissionAttributes } from './chain.ts';
import { defaultStorageClass, persistentVolumeClaimResize, storageObjectInUseProtection } from './storage.ts';

const attributes = (more: object = {}): AdmissionAttributes =>
  ({
    operation: 'CREATE',
    kind: persistentvolumeclaims,
    namespace: 'ns',
    name: 'data',
    subresource: undefined,
    ...more,
  }) as AdmissionAttributes;
const storageClass = (name: string, isDefault: boolean, day = 1): V1StorageClass => ({
  metadata: {
    name,
    creationTimestamp: `2026-01-0${day}T00:00:00Z`,
    annotations: { 'storageclass.kubernetes.io/is-default-class': String(isDefault) },
  },
  provisioner: 'p',
  allowVolumeExpansion: name === 'elastic',
});
const lookup = (...classes: V1StorageClass[]) => ({
  get: (name: string) => classes.find((each) => each.metadata?.name === name),
  all: () => classes,
});

describe('DefaultStorageClass', () => {
  const admit = (claim: V1PersistentVolumeClaim, ...classes: V1StorageClass[]): string | undefined => {
    const draft = structuredClone(claim) as Draft<V1PersistentVolumeClaim>;
    defaultStorageClass(lookup(...classes)).mutate?.(attributes(), draft);
    return draft.spec?.storageClassName;
  };
  const old = { 'volume.beta.kubernetes.io/storage-class': 'old' };
  test.each<[string, V1PersistentVolumeClaim, V1StorageClass[], string | undefined]>([
    ['the default', { spec: {} }, [storageClass('a', false), storageClass('b', true)], 'b'],
    ['of several the newest', { spec: {} }, [storageClass('a', true, 2), storageClass('b', true, 3), storageClass('c', true, 1)], 'b'],
    ['of equals the first by name', { spec: {} }, [storageClass('b', true), storageClass('a', true)], 'a'],
    ['none where there is no default', { spec: {} }, [storageClass('a', false)], undefined],
    ['what it says', { spec: { storageClassName: 'x' } }, [storageClass('a', true)], 'x'],
    ['none when it wants none', { spec: { storageClassName: '' } }, [storageClass('a', true)], ''],
    ['none besides the one of the old annotation', { metadata: { annotations: old }, spec: {} }, [storageClass('a', true)], undefined],
  ])('a claim gets %s', (_what, claim, classes, want) => {
    expect(admit(claim, ...classes)).toBe(want);
  });
});

test('claims and volumes are protected from the first moment, and nothing else', () => {
  const admit = (more: object): readonly string[] | undefined => {
    const draft: Draft<KubeObject> = { metadata: { finalizers: ['x'] } };
    storageObjectInUseProtection.mutate?.(attributes(more), draft);
    return draft.metadata?.finalizers;
  };
  expect(admit({})).toEqual(['x', 'kubernetes.io/pvc-protection']);
  expect(admit({ kind: persistentvolumes })).toEqual(['x', 'kubernetes.io/pv-protection']);
  expect(admit({ kind: pods })).toEqual(['x']);
  expect(admit({ operation: 'UPDATE' })).toEqual(['x']);
  expect(admit({ subresource: 'status' })).toEqual(['x']);
});

describe('PersistentVolumeClaimResize', () => {
  const claim = (storage: string, className = 'elastic', phase = 'Bound'): V1PersistentVolumeClaim => ({
    spec: { storageClassName: className, resources: { requests: { storage } } },
    status: { phase },
  });
  const check = (next: V1PersistentVolumeClaim, old: V1PersistentVolumeClaim) => () =>
    persistentVolumeClaimResize(lookup(storageClass('elastic', true), storageClass('stiff', false))).validate?.(
      attributes({ operation: 'UPDATE', old }),
      next,
    );
  test.each<[string, V1PersistentVolumeClaim, V1PersistentVolumeClaim, string | undefined]>([
    ['grows', claim('2Gi'), claim('1Gi'), undefined],
    ['is the same amount, written otherwise', claim('1024Mi', 'stiff'), claim('1Gi', 'stiff'), undefined],
    [
      'grows before it is bound',
      claim('2Gi', 'elastic', 'Pending'),
      claim('1Gi', 'elastic', 'Pending'),
      'Only bound persistent volume claims can be expanded',
    ],
    [
      'grows in a class that does not allow it',
      claim('2Gi', 'stiff'),
      claim('1Gi', 'stiff'),
      'the storageclass that provisions the pvc must support resize',
    ],
    ['grows in a class that is not there', claim('2Gi', 'gone'), claim('1Gi', 'gone'), 'only dynamically provisioned pvc can be resized'],
  ])('a claim that %s', (_what, next, old, refusal) => {
    if (refusal === undefined) expect(check(next, old)).not.toThrow();
    else expect(check(next, old)).toThrow(refusal);
  });
});
