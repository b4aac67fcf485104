import { expect, test } from 'vitest';
import type { V2HorizontalPodAutoscaler } from '../../api/mod.ts';
import { pastOf } from './behavior.ts';
import { combine, planByMetrics, planWithoutMetrics, toleranceOf } from './plan.ts';
import type { Proposal } from './proposal.ts';

const autoscaler = (more: object = {}): V2HorizontalPodAutoscaler => ({
  spec: { minReplicas: 2, maxReplicas: 8, scaleTargetRef: { kind: 'Deployment', name: 'web' }, ...more },
});

test.each([
  ['a target that was scaled to nothing is left alone', 0, { do: 'stay', conditions: [{ reason: 'ScalingDisabled', status: 'False' }] }],
  ['too many', 9, { do: 'scale', replicas: 8, reason: 'Current number of replicas above Spec.MaxReplicas' }],
  ['too few', 1, { do: 'scale', replicas: 2, reason: 'Current number of replicas below Spec.MinReplicas' }],
])('%s', (_, current, wanted) => expect(planWithoutMetrics(autoscaler(), current)).toMatchObject(wanted));

test.each([2, 5, 8])('the metrics decide at %i', (current) => expect(planWithoutMetrics(autoscaler(), current)).toBeUndefined());

const valid = (replicas: number, metric: string): Proposal => ({ is: 'valid', replicas, metric, status: { type: 'Resource' } });
const invalid: Proposal = { is: 'invalid', reason: 'FailedGetPodsMetric', message: 'unable to get metric qps' };

test('the metric that wants most is followed', () => {
  expect(combine([valid(3, 'a'), valid(7, 'b'), valid(7, 'c')], 5)).toMatchObject({
    ...{ is: 'known', replicas: 7, metric: 'b' },
    condition: {
      type: 'ScalingActive',
      status: 'True',
      reason: 'ValidMetricFound',
      message: 'the HPA was able to successfully calculate a replica count from b',
    },
  });
});

test.each([
  ['all are unknown', [invalid, invalid], 'invalid metrics (2 invalid out of 2), first error is: unable to get metric qps'],
  [
    'one is, and the others would take away',
    [valid(3, 'a'), invalid],
    'invalid metrics (1 invalid out of 2), first error is: unable to get metric qps',
  ],
])('nothing is done where %s', (_, proposals, problem) => {
  const combined = combine(proposals, 5);
  expect(combined).toMatchObject({
    ...{ is: 'unknown', problem },
    condition: {
      status: 'False',
      reason: 'FailedGetPodsMetric',
      message: 'the HPA was unable to compute the replica count: unable to get metric qps',
    },
  });
  expect(combined.statuses).toHaveLength(2);
});

test('going up needs no more than one that is known', () => {
  expect(combine([invalid, valid(6, 'a')], 5)).toMatchObject({ is: 'known', replicas: 6, statuses: [{ type: '' }, { type: 'Resource' }] });
});

const plan = (current: number, replicas: number) =>
  planByMetrics({
    autoscaler: autoscaler(),
    current,
    wanted: { replicas, metric: 'cpu resource' },
    past: pastOf(current, 0),
    nowMs: 1_000_000,
  });

test.each([
  ['up', 3, 5, { do: 'scale', replicas: 5, reason: 'cpu resource above target' }],
  ['up to the bound', 5, 50, { do: 'scale', replicas: 8, reason: 'cpu resource above target' }],
  ['down', 5, 3, { do: 'scale', replicas: 3, reason: 'All metrics below target' }],
  [
    'nowhere',
    5,
    5,
    {
      do: 'stay',
      conditions: [
        { type: 'AbleToScale', reason: 'ReadyForNewScale' },
        { type: 'ScalingLimited', status: 'False' },
      ],
    },
  ],
  ['at the bound already', 8, 50, { do: 'stay', conditions: [{}, { type: 'ScalingLimited', status: 'True', reason: 'TooManyReplicas' }] }],
])('%s', (_, current, replicas, step) => expect(plan(current, replicas).step).toMatchObject(step));

test('the tolerance of each direction', () => {
  expect(toleranceOf(autoscaler())).toEqual({ up: 0.1, down: 0.1 });
  expect(toleranceOf(autoscaler({ behavior: { scaleUp: { tolerance: '0' }, scaleDown: { tolerance: '50m' } } }))).toEqual({
    up: 0,
    down: 0.05,
  });
});
