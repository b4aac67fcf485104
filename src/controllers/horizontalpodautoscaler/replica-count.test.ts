import { describe, expect, test } from 'vitest';
import type { V1Pod } from '../../api/mod.ts';
import { countByAverage, countByShare, countByUtilization, countByValue, type PodsInput, type PodValue } from './replica-count.ts';

const nowMs = Date.UTC(2026, 0, 1, 1);
const at = (agoSeconds: number) => new Date(nowMs - agoSeconds * 1000).toISOString();

interface Of {
  readonly phase?: string;
  readonly ready?: 'True' | 'False';
  /** Seconds ago. */
  readonly started?: number;
  readonly changed?: number;
  readonly deleted?: boolean;
  readonly request?: string | undefined;
}

function aPod(name: string, of: Of = {}): V1Pod {
  const { phase = 'Running', ready = 'True', started = 3600, changed = 3500 } = of;
  const requests = 'request' in of ? (of.request === undefined ? {} : { cpu: of.request }) : { cpu: '1' };
  return {
    metadata: { name, ...(of.deleted ? { deletionTimestamp: at(1) } : {}) },
    spec: { containers: [{ name: 'app', image: 'i', resources: { requests } }] },
    status: { phase, startTime: at(started), conditions: [{ type: 'Ready', status: ready, lastTransitionTime: at(changed) }] },
  };
}

const value = (milli: number): PodValue => ({ milli, atMs: nowMs, windowMs: 10_000 });

/** Pods `a`, `b`, ... with these uses of cpu in thousandths; undefined is one that is not measured. */
function input(uses: readonly (number | undefined)[], pods: readonly Of[] = [], current = uses.length): PodsInput {
  const names = uses.map((_, i) => String.fromCharCode(97 + i));
  const measured = names.flatMap((name, i) => (uses[i] === undefined ? [] : [[name, value(uses[i])] as const]));
  const tolerance = { up: 0.1, down: 0.1 };
  return { pods: names.map((name, i) => aPod(name, pods[i])), values: new Map(measured), currentReplicas: current, tolerance, nowMs };
}

const by50 = (of: PodsInput) => countByUtilization(of, { resource: 'cpu', targetPercent: 50 });

describe('percent of the request', () => {
  test.each<[string, readonly (number | undefined)[], readonly Of[], number]>([
    ['at the target nothing changes', [500, 500], [], 2],
    ['within the tolerance nothing changes', [540, 550], [], 2],
    ['beyond it the count is in proportion', [600, 600], [], 3],
    ['half the load is half the pods', [250, 250, 250, 250], [], 2],
    ['nothing used is no pod at all: the least is for others to say', [0, 0], [], 0],
    ['pods that go away or have failed do not count', [100, 100, 900], [{ deleted: true }, { phase: 'Failed' }], 2],
    ['up, a pending pod counts as idle', [1000, undefined], [{}, { phase: 'Pending' }], 2],
    [
      'up, many pending pods may turn it round, and then nothing is done',
      [600, undefined, undefined],
      [{}, { phase: 'Pending' }, { phase: 'Pending' }],
      3,
    ],
    ['down, a pending pod does not count', [200, 200, undefined], [{}, {}, { phase: 'Pending' }], 1],
    ['up, a pod nobody measured counts as idle', [1000, 1000, undefined], [], 4],
    ['down, it counts as busy with all it asked for', [100, 100, 100, undefined], [], 3],
    ['a pod that is not ready in its first minutes counts as idle', [1000, 1000], [{}, { ready: 'False', started: 60, changed: 50 }], 2],
    ['one that got ready before its measurement counts', [1000, 1000], [{}, { started: 60, changed: 30 }], 4],
    ['one measured while it started does not', [1000, 1000], [{}, { started: 60, changed: 5 }], 2],
    ['one that has never been ready counts as idle', [1000, 1000], [{}, { ready: 'False', started: 3600, changed: 3580 }], 2],
    ['one that was ready once counts', [1000, 1000], [{}, { ready: 'False', started: 3600, changed: 60 }], 4],
  ])('%s', (_, uses, pods, wanted) => expect(by50(input(uses, pods)).replicas).toBe(wanted));

  test('tells what it found', () => {
    expect(by50(input([250, 350]))).toEqual({ replicas: 2, utilization: 30, averageMilli: 300 });
  });

  test('each direction has its own tolerance', () => {
    expect(by50({ ...input([600, 600]), tolerance: { up: 0.3, down: 0 } }).replicas).toBe(2);
    expect(by50({ ...input([490, 490, 490, 490]), tolerance: { up: 0.3, down: 0.01 } }).replicas).toBe(4);
    expect(by50({ ...input([370, 370, 370, 370]), tolerance: { up: 0.3, down: 0.01 } }).replicas).toBe(3);
  });

  test.each<[string, PodsInput, string]>([
    ['no pods', input([]), 'no pods returned by selector while calculating replica count'],
    ['no measurements', input([undefined]), 'did not receive metrics for any ready pods'],
    ['no request', input([1], [{ request: undefined }]), 'missing request for cpu in container app of Pod a'],
    ['requests of nothing', input([1], [{ request: '0' }]), 'no metrics returned matched known pods'],
  ])('%s', (_, of, message) => expect(() => by50(of)).toThrow(message));

  test('one container alone, a sidecar too; or what the whole pod asks for', () => {
    const sidecar = { name: 'side', image: 'i', restartPolicy: 'Always', resources: { requests: { cpu: '3' } } };
    const pods = input([800]).pods.map((pod) => ({
      ...pod,
      spec: { ...pod.spec, initContainers: [sidecar, { name: 'init', image: 'i' }] },
    })) as V1Pod[];
    const of = { ...input([800]), pods };
    const percent = (one: PodsInput, container?: string) =>
      countByUtilization(one, { resource: 'cpu', container, targetPercent: 50 }).utilization;
    expect(percent(of)).toBe(20);
    expect(percent(of, 'app')).toBe(80);
    expect(percent(of, 'side')).toBe(26);
    const whole = pods.map((pod) => ({ ...pod, spec: { ...pod.spec, resources: { requests: { cpu: '8' } } } })) as V1Pod[];
    expect(percent({ ...of, pods: whole })).toBe(10);
  });
});

describe('so much a pod', () => {
  const by100 = (of: PodsInput) => countByAverage(of, { targetMilli: 100_000 });
  test.each<[string, readonly (number | undefined)[], readonly Of[], number]>([
    ['in proportion', [150_000, 250_000], [], 4],
    ['down', [20_000, 20_000, 20_000], [], 1],
    ['down, one that is unknown counts as at its target', [20_000, undefined], [], 2],
    ['up, it counts as nothing', [300_000, undefined], [], 3],
    ['readiness does not matter for what is not cpu', [300_000, 100_000], [{}, { ready: 'False', started: 60, changed: 50 }], 4],
  ])('%s', (_, uses, pods, wanted) => expect(by100(input(uses, pods)).replicas).toBe(wanted));
});

test.each([
  ['twice the target is twice the ready pods', 200, 3, 6],
  ['within the tolerance nothing changes', 105, 3, 3],
  ['from none, as many as the value is of the target', 250, 0, 3],
])('a value of something else: %s', (_, milli, currentReplicas, wanted) => {
  const { pods, tolerance } = input([1, 1, 1]);
  expect(countByValue({ pods, currentReplicas, tolerance }, { milli, targetMilli: 100 })).toBe(wanted);
});

test('only pods that are ready are in proportion to a value', () => {
  const { pods, tolerance } = input([1, 1], [{}, { ready: 'False' }]);
  expect(countByValue({ pods, currentReplicas: 2, tolerance }, { milli: 300, targetMilli: 100 })).toBe(3);
});

test.each([
  ['each pod has its share', 1000, 2, { replicas: 10, averageMilli: 500 }],
  ['within the tolerance nothing changes', 1050, 10, { replicas: 10, averageMilli: 105 }],
  ['from none', 1000, 0, { replicas: 10, averageMilli: 1000 }],
])('a share of a value: %s', (_, milli, replicas, wanted) => {
  expect(countByShare({ milli, targetMilli: 100 }, replicas, { up: 0.1, down: 0.1 })).toEqual(wanted);
});
