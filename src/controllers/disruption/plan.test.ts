import { describe, expect, test } from 'vitest';
import { formatTime, type V1Pod, type V1PodDisruptionBudget } from '../../api/mod.ts';
import { planBudget } from './plan.ts';

const nowMs = Date.UTC(2026, 0, 1);
const nowTime = formatTime(nowMs);
const pod = (name: string, ready = true, more: object = {}): V1Pod => ({
  metadata: { name, ...more },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});
const pods = (healthy: number, unhealthy = 0) =>
  [...Array(healthy).keys()].map((i) => pod(`h${i}`)).concat([...Array(unhealthy).keys()].map((i) => pod(`u${i}`, false)));
const budget = (spec: V1PodDisruptionBudget['spec'], disruptedPods?: Record<string, string>): V1PodDisruptionBudget => ({
  metadata: { name: 'b', generation: 3 },
  spec,
  status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, ...(disruptedPods ? { disruptedPods } : {}) },
});

describe('planBudget()', () => {
  test.each([
    {
      what: 'at least two of three',
      spec: { minAvailable: 2 },
      pods: pods(3),
      scale: 3,
      want: { disruptionsAllowed: 1, currentHealthy: 3, desiredHealthy: 2, expectedPods: 3 },
    },
    {
      what: 'more than there are',
      spec: { minAvailable: 5 },
      pods: pods(3),
      scale: 3,
      want: { disruptionsAllowed: 0, currentHealthy: 3, desiredHealthy: 5, expectedPods: 3 },
    },
    {
      what: 'half, rounded up',
      spec: { minAvailable: '50%' },
      pods: pods(5),
      scale: 5,
      want: { disruptionsAllowed: 2, currentHealthy: 5, desiredHealthy: 3, expectedPods: 5 },
    },
    {
      what: 'one may be missing',
      spec: { maxUnavailable: 1 },
      pods: pods(3),
      scale: 3,
      want: { disruptionsAllowed: 1, currentHealthy: 3, desiredHealthy: 2, expectedPods: 3 },
    },
    {
      what: 'one is missing already',
      spec: { maxUnavailable: 1 },
      pods: pods(2, 1),
      scale: 3,
      want: { disruptionsAllowed: 0, currentHealthy: 2, desiredHealthy: 2, expectedPods: 3 },
    },
    {
      what: 'a share of what the controller wants, not of what is there',
      spec: { maxUnavailable: '30%' },
      pods: pods(4),
      scale: 10,
      want: { disruptionsAllowed: 0, currentHealthy: 4, desiredHealthy: 7, expectedPods: 10 },
    },
    {
      what: 'no pods at all',
      spec: { maxUnavailable: 1 },
      pods: [],
      scale: 0,
      want: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
    },
    {
      what: 'a pod that is going does not count',
      spec: { minAvailable: 1 },
      pods: [...pods(1), pod('x', true, { deletionTimestamp: nowTime })],
      scale: 2,
      want: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 2 },
    },
  ])('$what', ({ spec, pods: all, scale, want }) => {
    const plan = planBudget({ budget: budget(spec), pods: all, expectedScale: scale, nowMs, nowTime });
    expect(plan?.status).toMatchObject({ ...want, observedGeneration: 3 });
    expect(plan?.status.conditions).toEqual([
      expect.objectContaining({ type: 'DisruptionAllowed', status: want.disruptionsAllowed > 0 ? 'True' : 'False' }),
    ]);
  });

  test('an eviction that was allowed counts as gone until it has run out', () => {
    const at = (agoMs: number) =>
      planBudget({
        budget: budget({ minAvailable: 1 }, { h0: formatTime(nowMs - agoMs) }),
        pods: pods(3),
        expectedScale: 3,
        nowMs,
        nowTime,
      });
    expect(at(60_000)).toMatchObject({ status: { currentHealthy: 2, disruptionsAllowed: 1 }, againMs: 60_000 });
    expect(at(120_000)).toMatchObject({ status: { currentHealthy: 3, disruptionsAllowed: 2 }, againMs: undefined });
  });

  test('a share of an unknown number is not guessed', () => {
    expect(planBudget({ budget: budget({ maxUnavailable: 1 }), pods: pods(1), expectedScale: undefined, nowMs, nowTime })).toBeUndefined();
  });
});
