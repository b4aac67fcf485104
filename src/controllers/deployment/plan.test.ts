// The arithmetic of rollouts: what moves next, and that no step breaks the promised limits.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { V1DeploymentSpec } from '../../api/mod.ts';
import { newSetSize, planCleanup, planRecreate, planRolling, planScale, type Scaling } from './plan.ts';
import { type Deployment, limitsOf, type ReplicaSet, sizeAnnotations, specReplicas } from './replica-sets.ts';

function deployment(replicas: number, strategy: V1DeploymentSpec['strategy'] = {}, more: Partial<V1DeploymentSpec> = {}): Deployment {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'd', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: {}, strategy, ...more },
  };
}

const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({
  type: 'RollingUpdate',
  rollingUpdate: { maxSurge, maxUnavailable },
});

interface SetTraits {
  readonly available?: number;
  readonly of?: Deployment;
  readonly age?: number;
  readonly revision?: number;
}

function set(name: string, replicas: number, traits: SetTraits = {}): ReplicaSet {
  const { available = replicas, of, age = 0, revision } = traits;
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      resourceVersion: '1',
      creationTimestamp: new Date(Date.UTC(2026, 0, 1) - age * 1000).toISOString(),
      annotations: { ...(of ? sizeAnnotations(of) : {}), ...(revision ? { 'deployment.kubernetes.io/revision': String(revision) } : {}) },
    },
    spec: { replicas, selector: {} },
    status: { replicas, availableReplicas: available, readyReplicas: available },
  };
}

const said = (scalings: readonly Scaling[]) => scalings.map((one) => `${one.set.metadata.name}=${one.replicas}`).join(' ');

describe('limitsOf', () => {
  test.each([
    [10, '25%', '25%', 3, 2],
    [1, '25%', '25%', 1, 0],
    [10, 0, 0, 0, 1],
    [3, 0, '10%', 0, 1],
    [2, 1, 5, 1, 2],
    [0, '25%', '25%', 0, 0],
  ])('%i replicas, surge %s, unavailable %s', (replicas, surge, unavailable, maxSurge, maxUnavailable) => {
    expect(limitsOf(deployment(replicas, rolling(surge, unavailable)))).toEqual({ maxSurge, maxUnavailable });
  });
});

test.each([
  ['within the surge', 10, rolling(3, 2), [10], 0, 3],
  ['at the surge', 10, rolling(3, 2), [10], 3, 3],
  ['never above its own size', 10, rolling(3, 2), [2], 9, 10],
  ['recreate: all at once', 10, { type: 'Recreate' }, [], 0, 10],
])('newSetSize: %s', (_, replicas, strategy, old, current, expected) => {
  const sets = old.map((size, i) => set(`old${i}`, size));
  expect(newSetSize(deployment(replicas, strategy), sets, current)).toBe(expected);
});

describe('planRolling', () => {
  const d = deployment(10, rolling(3, 2));
  test.each([
    ['grows the new set first', set('new', 0), [set('old', 10)], 'new=3'],
    ['shrinks the new set when it is too large', set('new', 12), [], 'new=10'],
    ['then shrinks old ones by what may be unavailable', set('new', 3, { available: 0 }), [set('old', 10)], 'old=8'],
    ['old pods that do not serve go first', set('new', 3, { available: 0 }), [set('old', 10, { available: 8 })], 'old=8'],
    ['waits while nothing may go', set('new', 5, { available: 0 }), [set('old', 8)], ''],
    ['of several, the oldest first', set('new', 10), [set('b', 1, { age: 5 }), set('a', 2, { age: 9 })], 'a=0 b=0'],
    ['rests when all is done', set('new', 10), [set('old', 0)], ''],
  ])('%s', (_, current, old, expected) => {
    expect(said(planRolling(d, { current, old }))).toBe(expected);
  });

  test('every rollout ends, and never breaks its limits on the way, whatever pods do', () => {
    const size = fc.integer({ min: 0, max: 12 });
    fc.assert(
      fc.property(size, size, size, fc.array(size, { maxLength: 3 }), fc.array(fc.nat(3), { minLength: 10, maxLength: 10 }), (...drawn) => {
        const [replicas, surge, unavailable, oldSizes, moods] = drawn;
        const wanted = deployment(replicas, rolling(surge, unavailable));
        const { maxSurge } = limitsOf(wanted);
        let current = set('new', 0);
        let old = oldSizes.map((n, i) => set(`old${i}`, n, { age: i + 1 }));
        const total = () => old.reduce((sum, one) => sum + specReplicas(one), specReplicas(current));
        const most = Math.max(total(), replicas + maxSurge);
        for (let step = 0; step < 400; step++) {
          const scalings = planRolling(wanted, { current, old });
          const apply = (one: ReplicaSet): ReplicaSet => {
            const to = scalings.find((scaling) => scaling.set === one)?.replicas ?? specReplicas(one);
            const was = one.status?.availableReplicas ?? 0;
            // Pods come up one by one, now and then not at all; after some time they all do.
            const up = step < 100 && moods[step % moods.length] === 0 ? 0 : 1;
            return set(one.metadata.name, to, { available: Math.min(to, was + up), age: Number(one.metadata.name.slice(3)) + 1 || 0 });
          };
          current = apply(current);
          old = old.map(apply);
          if (total() > most) return false;
        }
        return specReplicas(current) === replicas && old.every((one) => specReplicas(one) === 0);
      }),
      { numRuns: 200 },
    );
  });
});

describe('planScale', () => {
  const before = deployment(10, rolling(2, 2));
  const up = deployment(20, rolling(2, 2));
  test.each([
    ['one set takes it all', up, set('new', 10, { of: before }), [set('old', 0)], 'new=20'],
    ['without any pods, the new set', up, set('new', 0, { of: before }), [set('old', 0)], 'new=20'],
    ['without a new set, the latest', up, undefined, [set('a', 0, { age: 9 }), set('b', 0, { age: 1 })], 'b=20'],
    ['old ones go when the new one has its size', up, set('new', 20, { of: up }), [set('old', 2)], 'old=0'],
    ['in a rollout all grow in proportion', up, set('new', 6, { of: before }), [set('old', 6, { of: before, age: 9 })], 'new=11 old=11'],
    [
      'and shrink in proportion',
      deployment(4, rolling(2, 2)),
      set('new', 6, { of: before }),
      [set('old', 6, { of: before, age: 9 })],
      'old=3 new=3',
    ],
    ['to nothing', deployment(0, rolling(2, 2)), set('new', 6, { of: before }), [set('old', 6, { of: before, age: 9 })], 'old=0 new=0'],
  ])('%s', (_, d, current, old, expected) => {
    expect(said(planScale(d, { current, old }))).toBe(expected);
  });

  test('in a rollout the sizes add up to the new limit exactly', () => {
    const sizesDrawn = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), sizesDrawn, (to, sizes) => {
        const d = deployment(to, rolling('25%', '25%'));
        // The limit before was all that there is now.
        const old = deployment(
          sizes.reduce((sum, n) => sum + n, 0),
          rolling(0, 1),
        );
        const [current, ...rest] = sizes.map((n, i) => set(`s${i}`, n, { of: old, available: 0, age: i }));
        const scalings = planScale(d, { current, old: rest });
        const total = scalings.reduce((sum, one) => sum + one.replicas, 0);
        return scalings.every((one) => one.replicas >= 0) && total === to + limitsOf(d).maxSurge;
      }),
    );
  });
});

test.each([
  ['old ones with pods shrink first', [set('old', 2)], 1, 'scaleDownOld'],
  ['then their pods must be gone', [set('old', 0)], 1, 'waitForOldPods'],
  ['then the new one comes', [set('old', 0)], 0, 'scaleUpNew'],
])('planRecreate: %s', (_, old, pods, step) => {
  expect(planRecreate({ current: undefined, old }, () => Array(pods).fill({})).do).toBe(step);
});

describe('planCleanup', () => {
  const names = (sets: readonly ReplicaSet[]) => sets.map((one) => one.metadata.name);
  const d = (revisionHistoryLimit: number) => deployment(1, {}, { revisionHistoryLimit });
  const old = [set('c', 0, { revision: 10 }), set('a', 0, { revision: 2 }), set('b', 0, { revision: 9 })];
  test('keeps the newest revisions, by number', () => {
    expect(names(planCleanup(d(1), old))).toEqual(['a', 'b']);
    expect(names(planCleanup(d(3), old))).toEqual([]);
    expect(names(planCleanup(d(0), old))).toEqual(['a', 'b', 'c']);
  });
  test('never one that still has pods', () => {
    expect(names(planCleanup(d(0), [set('busy', 1, { revision: 1 }), ...old]))).toEqual(['a', 'b', 'c']);
  });
});
