// Who adopts and releases whom; slow starts; what makes a pod available; the pace of large services.
import { describe, expect, test } from 'vitest';
import { controllerReference, type KubeObject, type V1ReplicaSet } from '../../api/mod.ts';
import { VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { createPacer } from '../endpointslice/service-pods.ts';
import { claim } from './ownership.ts';
import { availableInMs, isActive, isTerminating } from './pods.ts';
import { replicaSetType } from './resource-types.ts';
import { slowStart } from './slow-start.ts';
import { podOf } from './world.fake.ts';

describe('claim', () => {
  const owner: V1ReplicaSet = { metadata: { name: 'o', uid: 'o' } };
  const other: V1ReplicaSet = { metadata: { name: 'x', uid: 'x' } };
  const object = (name: string, app: string, by?: V1ReplicaSet, leaving = false): KubeObject => ({
    metadata: {
      name,
      labels: { app },
      ...(by ? { ownerReferences: [controllerReference(replicaSetType, by)] } : {}),
      ...(leaving ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
  });
  const all = [
    object('own', 'web', owner),
    object('own-other-label', 'db', owner),
    object('orphan', 'web'),
    object('orphan-other-label', 'db'),
    object('orphan-leaving', 'web', undefined, true),
    object('foreign', 'web', other),
  ];
  const names = (list: readonly KubeObject[]) => list.map(({ metadata }) => metadata?.name);
  const matches = (labels: Readonly<Record<string, string>> | undefined) => labels?.app === 'web';

  test('keeps its own, adopts matching orphans, releases what matches no longer, leaves the rest', () => {
    const { keep, adopt, release } = claim(owner, all, matches);
    expect([names(keep), names(adopt), names(release)]).toEqual([['own'], ['orphan'], ['own-other-label']]);
  });

  test('an owner that is going away neither adopts nor releases', () => {
    const leaving = { ...owner, metadata: { ...owner.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    const { keep, adopt, release } = claim(leaving, all, matches);
    expect([names(keep), names(adopt), names(release)]).toEqual([['own'], [], []]);
  });
});

describe('slowStart', () => {
  test.each([
    [0, 0, 0, false],
    [1, 1, 1, false],
    [10, 10, 4, false],
    [7, 7, 4, false],
  ])('%i without failures: %i started, at most %i at once', async (count, started, most, failed) => {
    let active = 0;
    let peak = 0;
    const result = await slowStart(count, async () => {
      peak = Math.max(peak, ++active);
      await Promise.resolve();
      active--;
    });
    expect([result.started, peak, result.error !== undefined]).toEqual([started, most, failed]);
  });

  test.each([
    [0, 1],
    [1, 3],
    [3, 7],
    [9, 15],
  ])('stops after the batch in which number %i fails', async (failing, started) => {
    const result = await slowStart(100, async (index) => {
      if (index === failing) throw new Error('no');
    });
    expect(result.started).toBe(started);
    expect(result.error).toBeInstanceOf(Error);
  });
});

describe('pods', () => {
  const nowMs = Date.UTC(2026, 0, 1, 0, 1);
  const ready = (lastTransitionTime?: string) =>
    podOf('p', { status: { conditions: [{ type: 'Ready', status: 'True', ...(lastTransitionTime ? { lastTransitionTime } : {}) }] } });
  test.each([
    ['not ready', podOf('p'), 0, undefined],
    ['ready is enough', ready(), 0, 0],
    ['ready since never', ready(), 10, undefined],
    ['ready for a while', ready('2026-01-01T00:00:00Z'), 90, 30_000],
    ['ready for long enough', ready('2026-01-01T00:00:00Z'), 60, 0],
  ])('available: %s', (_, pod, minReadySeconds, expected) => expect(availableInMs(pod, minReadySeconds, nowMs)).toBe(expected));

  test.each([
    ['Running', false, true, false],
    ['Running', true, false, true],
    ['Failed', true, false, false],
    ['Succeeded', false, false, false],
  ])('%s, going away %s: active %s, terminating %s', (phase, leaving, active, terminating) => {
    const pod = podOf('p', { metadata: leaving ? { deletionTimestamp: 'x' } : {}, status: { phase } });
    expect([isActive(pod), isTerminating(pod)]).toEqual([active, terminating]);
  });
});

test('small services are followed at once, large ones at most once a second', async () => {
  const clock = new VirtualClock({ settle: turn });
  const pacer = createPacer(clock);
  pacer.ran('small', 100);
  pacer.ran('large', 400);
  pacer.ran('huge', 50_000);
  expect(['small', 'large', 'huge'].map(pacer.waitMs)).toEqual([0, 400, 1_000]);
  await clock.advance(400);
  expect(pacer.waitMs('large')).toBe(0);
  pacer.forget('huge');
  expect(pacer.waitMs('huge')).toBe(0);
});
