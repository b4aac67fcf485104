// What becomes of an object, by its owners, dependents and finalizers.
import { expect, test } from 'vitest';
import type { KubeObject } from '../../api/mod.ts';
import { type OwnerState, planCollection, type Step } from './plan.ts';

const object = (finalizers: string[] = [], leaving = false): KubeObject => ({
  metadata: { name: 'o', uid: 'o', finalizers, ...(leaving ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
});
const owner = (uid: string, state: OwnerState) => ({ reference: { apiVersion: 'v1', kind: 'X', name: uid, uid }, state });
const dependent = (blockOwnerDeletion: boolean, finalizers: string[] = [], leaving = false): KubeObject => ({
  metadata: {
    name: 'd',
    uid: 'd',
    finalizers,
    ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'o', uid: 'o', blockOwnerDeletion }],
    ...(leaving ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
  },
});

test.each<[string, KubeObject, ReturnType<typeof owner>[], KubeObject[], Step]>([
  ['nobody owns it', object(), [], [], { do: 'nothing' }],
  ['its owner lives', object(), [owner('a', 'solid')], [], { do: 'nothing' }],
  ['its owner is gone', object(), [owner('a', 'absent')], [], { do: 'delete', policy: 'Background' }],
  ['all owners are gone', object(), [owner('a', 'absent'), owner('b', 'absent')], [], { do: 'delete', policy: 'Background' }],
  ['one of two owners is gone', object(), [owner('a', 'absent'), owner('b', 'solid')], [], { do: 'dropReferences', uids: ['a'] }],
  ['one owner waits, one lives', object(), [owner('a', 'waiting'), owner('b', 'solid')], [], { do: 'dropReferences', uids: ['a'] }],
  ['its owner waits for it', object(), [owner('a', 'waiting')], [], { do: 'delete', policy: 'Background' }],
  ['its owner waits, it has dependents', object(), [owner('a', 'waiting')], [dependent(true)], { do: 'delete', policy: 'Foreground' }],
  [
    'a circle of foreground deletions',
    object(),
    [owner('a', 'waiting')],
    [dependent(true, ['foregroundDeletion'], true)],
    { do: 'unblockAndDelete' },
  ],
  ['gone owner, own orphan finalizer', object(['orphan']), [owner('a', 'absent')], [], { do: 'delete', policy: 'Orphan' }],
  [
    'gone owner, own foreground finalizer',
    object(['foregroundDeletion']),
    [owner('a', 'absent')],
    [],
    { do: 'delete', policy: 'Foreground' },
  ],
  ['is going away by itself', object([], true), [owner('a', 'absent')], [], { do: 'nothing' }],
  ['waits for a blocking dependent', object(['foregroundDeletion'], true), [], [dependent(true)], { do: 'waitForDependents' }],
  [
    'does not wait for others',
    object(['foregroundDeletion'], true),
    [],
    [dependent(false)],
    { do: 'removeFinalizer', finalizer: 'foregroundDeletion' },
  ],
  ['lets its dependents go', object(['orphan'], true), [], [dependent(true)], { do: 'orphanDependents' }],
  ['a foreign finalizer is not its business', object(['x/y'], true), [], [dependent(true)], { do: 'nothing' }],
])('%s', (_, it, owners, dependents, step) => {
  expect(planCollection({ object: it, owners, dependents })).toEqual(step);
});
