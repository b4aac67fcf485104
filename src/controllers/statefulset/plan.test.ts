// The plan of a StatefulSet, its claims' owners and its status, as tables.
import { describe, expect, test } from 'vitest';
import type { V1StatefulSetSpec, V1StatefulSetStatus } from '../../api/mod.ts';
import { podOf } from '../runtime/world.fake.ts';
import { claimOwners, ordinalOf, type Pod, podAt, type StatefulSet } from './identity.ts';
import { type Action, planSet, planStatus, type SetInput } from './plan.ts';

const nowMs = Date.UTC(2026, 0, 1, 1);
const setOf = (spec: Partial<V1StatefulSetSpec> = {}, status?: V1StatefulSetStatus): StatefulSet => ({
  metadata: { name: 'db', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', generation: 2 },
  spec: { replicas: 3, selector: { matchLabels: { app: 'db' } }, template: {}, ...spec },
  ...(status ? { status } : {}),
});

type State = 'ready' | 'pending' | 'unready' | 'leaving' | 'failed' | 'done';
const phases: Readonly<Record<State, string>> = {
  ready: 'Running',
  pending: 'Pending',
  unready: 'Running',
  leaving: 'Running',
  failed: 'Failed',
  done: 'Succeeded',
};
function pod(ordinal: number, state: State = 'ready', revision = 'new'): Pod {
  const base = podOf(`db-${ordinal}`);
  const { metadata } = podAt(setOf(), ordinal, revision, {});
  const ready = state === 'ready' || state === 'leaving';
  return {
    ...base,
    metadata: {
      ...base.metadata,
      labels: metadata?.labels,
      ...(state === 'leaving' ? { deletionTimestamp: '2026-01-01T00:59:00Z' } : {}),
    },
    status: {
      phase: phases[state],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:59:30Z' }],
    },
  };
}
const inputOf = (pods: readonly Pod[], spec: Partial<V1StatefulSetSpec> = {}): SetInput => ({
  set: setOf(spec),
  pods,
  current: 'old',
  update: 'new',
  nowMs,
});
const say = (action: Action): string => {
  switch (action.do) {
    case 'create':
      return `create ${action.ordinal} ${action.revision}`;
    case 'delete':
      return `delete ${action.ordinal} ${action.why}`;
    case 'relabel':
      return `relabel ${action.pod.metadata.name}`;
  }
};

const parallel = { podManagementPolicy: 'Parallel' };
const partition = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } };
const twoAtATime = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } };

describe('planSet()', () => {
  test.each<[string, readonly Pod[], Partial<V1StatefulSetSpec>, readonly string[]]>([
    ['creates the first', [], {}, ['create 0 new']],
    ['creates all', [], parallel, ['create 0 new', 'create 1 new', 'create 2 new']],
    ['waits for the one before', [pod(0, 'pending')], {}, []],
    ['waits until it has been ready for long enough', [pod(0)], { minReadySeconds: 60 }, []],
    ['goes on when it has', [pod(0)], { minReadySeconds: 30 }, ['create 1 new']],
    ['waits for one that goes', [pod(0), pod(1, 'leaving')], {}, []],
    ['makes a failed one anew', [pod(0), pod(1, 'failed')], {}, ['delete 1 ended']],
    ['also one that ran to its end', [pod(0, 'done'), pod(1), pod(2)], {}, ['delete 0 ended']],
    [
      'makes those below the partition of the old revision',
      [],
      { ...parallel, ...partition },
      ['create 0 old', 'create 1 old', 'create 2 new'],
    ],
    ['with OnDelete makes new ones of the new', [], { updateStrategy: { type: 'OnDelete' } }, ['create 0 new']],
    ['scales down from the top', [pod(0), pod(1), pod(2)], { replicas: 1 }, ['delete 2 scaled']],
    ['one after another', [pod(0), pod(1), pod(2, 'leaving')], { replicas: 1 }, []],
    ['also while one below is unwell', [pod(0), pod(1, 'unready'), pod(2)], { replicas: 1 }, ['delete 2 scaled']],
    ['an unwell one waits for one below it', [pod(0), pod(1, 'unready'), pod(2, 'unready')], { replicas: 1 }, []],
    ['scales down all at once', [pod(0), pod(1), pod(2)], { ...parallel, replicas: 1 }, ['delete 2 scaled', 'delete 1 scaled']],
    ['begins elsewhere', [pod(0), pod(1), pod(2)], { replicas: 2, ordinals: { start: 1 } }, ['delete 0 scaled']],
    ['updates from the top', [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')], {}, ['delete 2 updated']],
    ['one at a time', [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'unready')], parallel, []],
    [
      'as many as may be unavailable',
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')],
      twoAtATime,
      ['delete 2 updated', 'delete 1 updated'],
    ],
    [
      'a share of them, rounded down',
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'ready', 'old')],
      { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '60%' } } },
      ['delete 2 updated'],
    ],
    ['down to the partition', [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2)], partition, []],
    ['not with OnDelete', [pod(0, 'ready', 'old'), pod(1), pod(2)], { updateStrategy: { type: 'OnDelete' } }, []],
    [
      'replaces a broken one at once',
      [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'unready', 'old')],
      parallel,
      ['delete 2 updated'],
    ],
    ['is content', [pod(0), pod(1), pod(2)], {}, []],
    [
      'gives labels back',
      [pod(0), { ...pod(1), metadata: { ...pod(1).metadata, labels: { 'controller-revision-hash': 'new' } } }, pod(2)],
      {},
      ['relabel db-1'],
    ],
  ])('%s', (_, pods, spec, wanted) => expect(planSet(inputOf(pods, spec)).map(say)).toEqual(wanted));
});

describe('planStatus()', () => {
  test('counts by revision while it is rolled out', () => {
    const status = planStatus(inputOf([pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'unready')]), undefined);
    expect(status).toEqual({
      replicas: 3,
      readyReplicas: 2,
      availableReplicas: 2,
      currentReplicas: 2,
      updatedReplicas: 1,
      currentRevision: 'old',
      updateRevision: 'new',
      collisionCount: 0,
      observedGeneration: 2,
    });
  });
  test('ends the rollout when all are new and ready', () => {
    expect(planStatus(inputOf([pod(0), pod(1), pod(2)]), 1)).toMatchObject({
      currentRevision: 'new',
      currentReplicas: 3,
      updatedReplicas: 3,
      collisionCount: 1,
    });
    expect(planStatus(inputOf([pod(0), pod(1), pod(2)], partition), 0)).toMatchObject({ currentRevision: 'old', updatedReplicas: 3 });
  });
});

test.each([
  ['db-0', 0],
  ['db-12', 12],
  ['db-01', undefined],
  ['db-', undefined],
  ['db-x', undefined],
  ['web-0', undefined],
])('the ordinal of %s is %s', (name, ordinal) => expect(ordinalOf(setOf(), { metadata: { name } })).toBe(ordinal));

test.each([
  ['Retain', 'Retain', 0, []],
  ['Delete', 'Retain', 0, ['StatefulSet']],
  ['Delete', 'Retain', 5, ['StatefulSet']],
  ['Retain', 'Delete', 0, []],
  ['Retain', 'Delete', 5, ['Pod']],
  ['Delete', 'Delete', 0, ['StatefulSet']],
  ['Delete', 'Delete', 5, ['Pod']],
])('deleted %s, scaled %s: a claim of ordinal %i is owned by %j', (whenDeleted, whenScaled, ordinal, kinds) => {
  const set = setOf({ persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled } });
  expect(claimOwners(set, ordinal, pod(ordinal)).map(({ kind }) => kind)).toEqual(kinds);
});
