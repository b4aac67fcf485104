import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { V2HPAScalingRules } from '../../api/mod.ts';
import { changed, normalize, type Past, pastOf, type Wish } from './behavior.ts';

const nowMs = 10_000_000;
const at = (agoSeconds: number) => nowMs - agoSeconds * 1000;
const nothing: Past = { recommendations: [], changes: [] };
const wish = (of: Partial<Wish>): Wish => ({
  current: 10,
  desired: 10,
  min: 1,
  max: 100,
  behavior: undefined,
  past: nothing,
  nowMs,
  ...of,
});
const recommended = (...of: readonly (readonly [ago: number, replicas: number])[]): Past => ({
  recommendations: of.map(([ago, replicas]) => ({ atMs: at(ago), replicas })),
  changes: [],
});

describe('without a behaviour', () => {
  test.each<[string, Partial<Wish>, number, string, string]>([
    ['as wanted', { desired: 15 }, 15, 'ReadyForNewScale', 'DesiredWithinRange'],
    ['at most doubled', { desired: 50 }, 20, 'ReadyForNewScale', 'ScaleUpLimit'],
    ['but four in any case', { current: 1, desired: 50 }, 4, 'ReadyForNewScale', 'ScaleUpLimit'],
    ['no more than the maximum', { desired: 50, max: 12 }, 12, 'ReadyForNewScale', 'TooManyReplicas'],
    ['no less than the minimum', { desired: 1, min: 3 }, 3, 'ReadyForNewScale', 'TooFewReplicas'],
    [
      'down only when five minutes have wanted it',
      { desired: 2, past: recommended([299, 7], [100, 4]) },
      7,
      'ScaleDownStabilized',
      'DesiredWithinRange',
    ],
    ['what is older is forgotten', { desired: 2, past: recommended([301, 7], [100, 4]) }, 4, 'ScaleDownStabilized', 'DesiredWithinRange'],
    ['up at once', { desired: 12, past: recommended([10, 3]) }, 12, 'ReadyForNewScale', 'DesiredWithinRange'],
  ])('%s', (_, of, replicas, able, limited) => {
    expect(normalize(wish(of))).toMatchObject({
      replicas,
      able: { reason: able },
      limited: { reason: limited, status: limited === 'DesiredWithinRange' ? 'False' : 'True' },
    });
  });
});

const up = (more: V2HPAScalingRules): V2HPAScalingRules => ({ stabilizationWindowSeconds: 0, selectPolicy: 'Max', ...more });
const pods = (value: number, periodSeconds = 60) => ({ type: 'Pods', value, periodSeconds });
const percent = (value: number, periodSeconds = 60) => ({ type: 'Percent', value, periodSeconds });
const both = (rules: V2HPAScalingRules) => ({
  scaleUp: up(rules),
  scaleDown: { stabilizationWindowSeconds: 0, selectPolicy: 'Max', ...rules },
});

describe('with policies', () => {
  test.each<[string, V2HPAScalingRules, Partial<Wish>, number, string]>([
    ['so many pods', { policies: [pods(4)] }, { desired: 50 }, 14, 'ScaleUpLimit'],
    ['so many percent, rounded up', { policies: [percent(15)] }, { desired: 50 }, 12, 'ScaleUpLimit'],
    ['the one that gives most', { policies: [pods(4), percent(100)] }, { desired: 50 }, 20, 'ScaleUpLimit'],
    ['the one that gives least', { policies: [pods(4), percent(100)], selectPolicy: 'Min' }, { desired: 50 }, 14, 'ScaleUpLimit'],
    ['not at all', { policies: [pods(4)], selectPolicy: 'Disabled' }, { desired: 50 }, 10, 'ScaleUpLimit'],
    ['the maximum binds first', { policies: [pods(90)] }, { desired: 200 }, 100, 'TooManyReplicas'],
    ['down so many pods', { policies: [pods(4)] }, { desired: 1 }, 6, 'ScaleDownLimit'],
    ['down so many percent, rounded down', { policies: [percent(15)] }, { desired: 1 }, 8, 'ScaleDownLimit'],
    ['down the one that takes most', { policies: [pods(4), percent(50)] }, { desired: 1 }, 5, 'ScaleDownLimit'],
    ['down the one that takes least', { policies: [pods(4), percent(50)], selectPolicy: 'Min' }, { desired: 1 }, 6, 'ScaleDownLimit'],
    ['down not at all', { policies: [pods(4)], selectPolicy: 'Disabled' }, { desired: 1 }, 10, 'ScaleDownLimit'],
    ['the minimum binds first', { policies: [pods(50)] }, { desired: 1, min: 3 }, 3, 'TooFewReplicas'],
  ])('%s', (_, rules, of, replicas, reason) => {
    expect(normalize(wish({ behavior: both(rules), ...of }))).toMatchObject({ replicas, limited: { reason, status: 'True' } });
  });

  test.each([
    ['what was added in the period counts', 30, 10],
    ['what was added before does not', 61, 14],
  ])('%s', (_, ago, wanted) => {
    const past = { recommendations: [], changes: [{ atMs: at(ago), by: 4 }] };
    expect(normalize(wish({ behavior: both({ policies: [pods(4)] }), desired: 50, past })).replicas).toBe(wanted);
  });

  test('what was taken away in the period may come back', () => {
    const past = { recommendations: [], changes: [{ atMs: at(30), by: -3 }] };
    expect(normalize(wish({ behavior: both({ policies: [pods(4)] }), desired: 50, past })).replicas).toBe(17);
  });
});

describe('with windows', () => {
  const windows = (seconds: number, downSeconds?: number) => ({
    scaleUp: up({ stabilizationWindowSeconds: seconds, policies: [percent(1000)] }),
    scaleDown: {
      selectPolicy: 'Max',
      policies: [percent(100)],
      ...(downSeconds === undefined ? {} : { stabilizationWindowSeconds: downSeconds }),
    },
  });
  test.each<[string, Partial<Wish>, number, string]>([
    [
      'up to the lowest that was wanted',
      { behavior: windows(120), desired: 30, past: recommended([100, 15], [50, 20]) },
      15,
      'ScaleUpStabilized',
    ],
    ['never down on the way up', { behavior: windows(120), desired: 30, past: recommended([100, 5]) }, 10, 'ScaleUpStabilized'],
    [
      'down to the highest that was wanted',
      { behavior: windows(0, 120), desired: 2, past: recommended([100, 8]) },
      8,
      'ScaleDownStabilized',
    ],
    [
      'down after five minutes where nothing is said',
      { behavior: windows(0), desired: 2, past: recommended([290, 8]) },
      8,
      'ScaleDownStabilized',
    ],
    ['without a window at once', { behavior: windows(0, 0), desired: 2, past: recommended([1, 8]) }, 2, 'ReadyForNewScale'],
  ])('%s', (_, of, replicas, reason) => {
    expect(normalize(wish(of))).toMatchObject({ replicas, able: { reason } });
  });
});

test('the past is bounded by the windows and the periods', () => {
  const behavior = both({ stabilizationWindowSeconds: 60, policies: [pods(1, 30)] });
  let past = pastOf(10, 0);
  for (let i = 1; i < 1000; i++) {
    past = normalize(wish({ behavior, past, nowMs: i * 15_000 })).past;
    past = changed(past, { atMs: i * 15_000, by: 1 }, behavior);
  }
  expect(past.recommendations.length).toBeLessThanOrEqual(5);
  expect(past.changes.length).toBeLessThanOrEqual(3);
});

test('law: within the bounds, and never against the way that is wanted', () => {
  const rules = fc.record({
    stabilizationWindowSeconds: fc.nat(600),
    selectPolicy: fc.constantFrom('Max', 'Min', 'Disabled'),
    policies: fc.array(
      fc.record({
        type: fc.constantFrom('Pods', 'Percent'),
        value: fc.integer({ min: 1, max: 200 }),
        periodSeconds: fc.integer({ min: 1, max: 1800 }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  });
  const ages = fc.array(fc.record({ atMs: fc.integer({ min: nowMs - 900_000, max: nowMs }), replicas: fc.nat(100) }), { maxLength: 5 });
  const changes = fc.array(fc.record({ atMs: fc.integer({ min: nowMs - 900_000, max: nowMs }), by: fc.integer({ min: -20, max: 20 }) }), {
    maxLength: 5,
  });
  const anything = fc.record({
    current: fc.integer({ min: 1, max: 100 }),
    desired: fc.nat(300),
    min: fc.integer({ min: 1, max: 10 }),
    behavior: fc.option(fc.record({ scaleUp: rules, scaleDown: rules }), { nil: undefined }),
    past: fc.record({ recommendations: ages, changes }),
  });
  fc.assert(
    fc.property(anything, (of) => {
      const { current, desired, min } = { ...of, min: Math.min(of.min, of.current) };
      const { replicas } = normalize(wish({ ...of, min }));
      expect(replicas).toBeGreaterThanOrEqual(min);
      expect(replicas).toBeLessThanOrEqual(100);
      if (of.behavior && desired >= current) expect(replicas).toBeGreaterThanOrEqual(current);
      if (of.behavior && desired <= current) expect(replicas).toBeLessThanOrEqual(current);
    }),
    { numRuns: 300 },
  );
});
