// How many pods a set wants, which go first, and what its status says.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Persisted, V1Pod, V1ReplicaSet } from '../../api/mod.ts';
import { podOf } from '../runtime/world.fake.ts';
import { nextAvailabilityMs, planReplicas, planStatus, rankForDeletion } from './plan.ts';

const nowMs = Date.UTC(2026, 0, 2);
const at = (secondsAgo: number) => new Date(nowMs - secondsAgo * 1000).toISOString().replace('.000Z', 'Z');

interface Traits {
  readonly node?: string;
  readonly phase?: string;
  readonly readyFor?: number;
  readonly cost?: string;
  readonly restarts?: number;
  readonly age?: number;
}

function pod(name: string, traits: Traits = {}): Persisted<V1Pod> {
  const { node = 'n1', phase = 'Running', readyFor, cost, restarts = 0, age = 3600 } = traits;
  return podOf(name, {
    metadata: {
      creationTimestamp: at(age),
      ...(cost === undefined ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
    },
    spec: { containers: [], ...(node === '' ? {} : { nodeName: node }) },
    status: {
      phase,
      conditions: readyFor === undefined ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: at(readyFor) }],
      containerStatuses: [{ name: 'c', image: '', imageID: '', ready: true, restartCount: restarts }],
    },
  });
}

describe('rankForDeletion: the first of the two goes first', () => {
  const ready = { readyFor: 1000 };
  test.each<[string, Traits, Traits]>([
    ['unassigned before assigned', { node: '' }, {}],
    ['pending before running', { phase: 'Pending' }, {}],
    ['pending before unknown', { phase: 'Pending' }, { phase: 'Unknown' }],
    ['not ready before ready', {}, ready],
    ['lower cost before higher', { ...ready, cost: '-5' }, { ...ready, cost: '3' }],
    ['a cost below zero before none', { ...ready, cost: '-1' }, ready],
    ['an invalid cost counts as none', { ...ready, cost: '-1' }, { ...ready, cost: 'cheap' }],
    ['ready for a shorter time first', { readyFor: 10 }, { readyFor: 1000 }],
    ['more restarts first', { ...ready, restarts: 3 }, ready],
    ['younger first', { ...ready, age: 100 }, { ...ready, age: 10_000 }],
    ['assignment weighs more than cost', { node: '', cost: '100' }, { cost: '-100' }],
  ])('%s', (_, first, second) => {
    for (const pods of [
      [pod('a', first), pod('b', second)],
      [pod('b', second), pod('a', first)],
    ]) {
      expect(rankForDeletion({ pods, related: () => pods, nowMs }).map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    }
  });

  test('a pod on the node with more siblings goes first, those of other sets counted', () => {
    const pods = [pod('a', { node: 'n1', ...ready }), pod('b', { node: 'n2', ...ready })];
    const related = [...pods, pod('other', { node: 'n2' })];
    expect(rankForDeletion({ pods, related: () => related, nowMs })[0]?.metadata.name).toBe('b');
  });
});

describe('planReplicas', () => {
  test.each([
    [3, 3, { do: 'nothing' }],
    [3, 1, { do: 'create', count: 2 }],
    [2000, 0, { do: 'create', count: 500 }],
    [0, 0, { do: 'nothing' }],
  ])('%i wanted, %i there', (replicas, count, expected) => {
    const pods = Array.from({ length: count }, (_, i) => pod(`p${i}`));
    expect(planReplicas({ replicas, pods, related: () => pods, nowMs })).toEqual(expected);
  });

  test('never deletes a ready pod while one that is not ready remains, and exactly as many as are too many', () => {
    const traits = fc.record({
      node: fc.constantFrom('', 'n1', 'n2'),
      readyFor: fc.option(fc.nat(5000), { nil: undefined }),
      age: fc.nat(9000),
    });
    fc.assert(
      fc.property(fc.array(traits, { maxLength: 20 }), fc.nat(25), (all, replicas) => {
        const pods = all.map((one, i) => pod(`p${i}`, one as Traits));
        const plan = planReplicas({ replicas, pods, related: () => pods, nowMs });
        if (pods.length <= replicas) return plan.do !== 'delete';
        if (plan.do !== 'delete') return false;
        const gone = new Set(plan.pods);
        const assignedReady = (one: V1Pod) => one.spec?.nodeName !== undefined && (one.status?.conditions?.length ?? 0) > 0;
        const kept = pods.filter((one) => !gone.has(one));
        const fair = !plan.pods.some(assignedReady) || kept.every(assignedReady);
        return gone.size === pods.length - replicas && fair;
      }),
    );
  });
});

describe('planStatus', () => {
  const set: V1ReplicaSet = {
    metadata: { generation: 4 },
    spec: { selector: {}, minReadySeconds: 30, template: { metadata: { labels: { app: 'x', tier: 'y' } } } },
  };
  const input = { set, terminating: 1, failure: undefined, nowMs, nowTime: at(0) };

  test('counts pods by what they are', () => {
    const labelled = { ...pod('a', { readyFor: 100 }), metadata: { ...pod('a').metadata, labels: { app: 'x', tier: 'y' } } };
    const pods = [labelled, pod('b', { readyFor: 10 }), pod('c')];
    expect(planStatus({ ...input, pods })).toEqual({
      replicas: 3,
      fullyLabeledReplicas: 1,
      readyReplicas: 2,
      availableReplicas: 1,
      terminatingReplicas: 1,
      observedGeneration: 4,
    });
    expect(nextAvailabilityMs(set, pods, nowMs)).toBe(20_000);
  });

  test('says ReplicaFailure once, keeps it while it lasts, and takes it away', () => {
    const failure = { reason: 'FailedCreate', message: 'quota' } as const;
    const first = planStatus({ ...input, pods: [], failure });
    expect(first.conditions).toEqual([{ type: 'ReplicaFailure', status: 'True', lastTransitionTime: at(0), ...failure }]);
    const failing = { ...set, status: first };
    const again = planStatus({ ...input, set: failing, pods: [], failure: { ...failure, message: 'other' }, nowTime: 'later' });
    expect(again.conditions).toEqual(first.conditions);
    expect(planStatus({ ...input, set: failing, pods: [] }).conditions).toBeUndefined();
  });
});
