import { describe, expect, test } from 'vitest';
import type { V1Pod, V1PodStatus } from '../../api/mod.ts';
import { containerHash } from '../container/config.ts';
import type { Observed } from './observed.ts';
import { aContainer, aPod, aRun, aSandbox, seen } from './plan.fake.ts';
import { containersOf } from './spec.ts';
import { podStatus } from './status.ts';
import type { StatusInput } from './status-input.ts';

function status(pod: V1Pod, observed: Observed, more: Partial<StatusInput> = {}): V1PodStatus {
  const running = observed.containers.filter((run) => run.state === 'running');
  return podStatus({
    recursiveReadOnly: false,
    pod,
    before: pod.status,
    state: { at: 'syncing' },
    observed,
    probes: new Map(running.map((run) => [run.id, { started: true, ready: true }])),
    failures: new Map(),
    busyStarts: new Set(),
    over: false,
    startTimeMs: 0,
    hostIPs: ['192.168.1.1'],
    hashes: new Map(containersOf(pod).map(({ spec }) => [spec.name, containerHash(spec)])),
    nowMs: 60_000,
    ...more,
  });
}
const condition = (of: V1PodStatus, type: string) => {
  const { status: value, reason, message } = of.conditions?.find((one) => one.type === type) ?? { status: 'absent' };
  return [value, reason, message].filter((part) => part !== undefined);
};
const finished = { state: { at: 'terminating', cause: { is: 'finished' }, sinceMs: 0, graceSeconds: 1 } as const, over: true };

test('a pod that has just come', () => {
  const made = status(aPod(), seen([]));
  expect(made).toMatchObject({ phase: 'Pending', startTime: '1970-01-01T00:00:00Z', hostIP: '192.168.1.1', observedGeneration: 1 });
  expect(made.podIP).toBeUndefined();
  expect(made.containerStatuses).toEqual([
    {
      name: 'app',
      image: 'img',
      imageID: '',
      ready: false,
      restartCount: 0,
      started: false,
      lastState: {},
      state: { waiting: { reason: 'ContainerCreating' } },
    },
  ]);
  expect(made.conditions?.map((one) => one.type)).toEqual([
    'PodReadyToStartContainers',
    'Initialized',
    'Ready',
    'ContainersReady',
    'PodScheduled',
  ]);
  expect(condition(made, 'PodReadyToStartContainers')).toEqual(['False']);
  expect(condition(made, 'Initialized')).toEqual(['True']);
  expect(condition(made, 'Ready')).toEqual(['False', 'ContainersNotReady', 'containers with unready status: [app]']);
});

test('a pod that runs', () => {
  const made = status(aPod(), seen([aSandbox()], [aRun('app', 'running')]));
  expect(made).toMatchObject({ phase: 'Running', podIP: '10.0.0.2', podIPs: [{ ip: '10.0.0.2' }], qosClass: 'BestEffort' });
  expect(made.containerStatuses?.[0]).toMatchObject({
    containerID: 'containerd://app-0',
    ready: true,
    started: true,
    state: { running: { startedAt: '1970-01-01T00:00:01Z' } },
  });
  for (const type of ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'])
    expect(condition(made, type)).toEqual(['True']);
});

describe('init containers', () => {
  const pod = aPod({ initContainers: [aContainer('i1'), aContainer('i2')] });
  test('name who is still to come', () => {
    const made = status(pod, seen([aSandbox()], [aRun('i1', 'running')]));
    expect(made.phase).toBe('Pending');
    expect(condition(made, 'Initialized')).toEqual(['False', 'ContainersNotInitialized', 'containers with incomplete status: [i1 i2]']);
    expect(made.initContainerStatuses?.map((one) => one.state?.waiting?.reason)).toEqual([undefined, 'PodInitializing']);
    expect(made.containerStatuses?.[0]?.state?.waiting?.reason).toBe('PodInitializing');
  });
  test('fail the pod that never restarts', () => {
    const once = aPod({ restartPolicy: 'Never', initContainers: [aContainer('i1')] });
    const made = status(once, seen([aSandbox()], [aRun('i1', 'exited', { exitCode: 1 })]), finished);
    expect(made.phase).toBe('Failed');
    expect(condition(made, 'Ready')).toEqual(['False', 'PodFailed']);
  });
});

describe('ends', () => {
  const job = aPod({ restartPolicy: 'Never' });
  test('well', () => {
    const made = status(job, seen([aSandbox(0, 'notReady')], [aRun('app', 'exited')]), finished);
    expect(made.phase).toBe('Succeeded');
    expect(condition(made, 'Ready')).toEqual(['False', 'PodCompleted']);
    expect(condition(made, 'Initialized')).toEqual(['True', 'PodCompleted']);
    expect(made.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 0,
      reason: 'Completed',
      containerID: 'containerd://app-0',
    });
  });
  test('badly, with the reason that the runtime gives and the last words', () => {
    const run = aRun('app', 'exited', { exitCode: 137, reason: 'OOMKilled', message: 'too much' });
    const made = status(job, seen([aSandbox(0, 'notReady')], [run]), finished);
    expect(made.phase).toBe('Failed');
    expect(made.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 137, reason: 'OOMKilled', message: 'too much' });
  });
  test('are not told before nothing runs', () => {
    const side = aPod({ restartPolicy: 'Never', initContainers: [aContainer('s', { restartPolicy: 'Always' })] });
    const made = status(side, seen([aSandbox()], [aRun('app', 'exited'), aRun('s', 'running')]), { ...finished, over: false });
    expect(made.phase).toBe('Running');
  });
  test('by the deadline', () => {
    const cause = { is: 'failed', reason: 'DeadlineExceeded', message: 'm' } as const;
    const made = status(aPod(), seen([aSandbox(0, 'notReady')], [aRun('app', 'exited', { exitCode: 143 })]), {
      state: { at: 'terminated', cause },
      over: true,
    });
    expect(made).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded', message: 'm' });
  });
  test('a deleted server that answered SIGTERM with its code has failed', () => {
    const state = { at: 'terminated', cause: { is: 'deleted' } } as const;
    expect(status(aPod(), seen([], [aRun('app', 'exited', { exitCode: 143 })]), { state, over: true }).phase).toBe('Failed');
    expect(status(aPod(), seen([], [aRun('app', 'exited')]), { state, over: true }).phase).toBe('Succeeded');
  });
  test('a container that was lost', () => {
    const before = {
      containerStatuses: [{ name: 'app', image: 'img', imageID: 'x', ready: true, restartCount: 2, containerID: 'containerd://y' }],
    };
    const made = status(aPod({}, { status: before }), seen([]), finished);
    expect(made.containerStatuses?.[0]).toMatchObject({
      restartCount: 2,
      state: { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown', containerID: 'containerd://y' } },
    });
  });
});

describe('waiting', () => {
  const reason = (made: V1PodStatus) => made.containerStatuses?.[0]?.state?.waiting;
  test('in a crash loop', () => {
    const runs = [aRun('app', 'exited', { attempt: 2, exitCode: 1, delayMs: 20_000, finishedAtMs: 55_000 })];
    const made = status(aPod(), seen([aSandbox()], runs));
    expect(reason(made)).toEqual({ reason: 'CrashLoopBackOff', message: 'back-off 20s restarting failed container=app pod=web_ns(u1)' });
    expect(made.phase).toBe('Running');
    expect(made.containerStatuses?.[0]).toMatchObject({ restartCount: 2, lastState: { terminated: { exitCode: 1, reason: 'Error' } } });
  });
  test('for an image', () => {
    const failures = new Map([['start/app', { reason: 'ImagePullBackOff', message: 'Back-off pulling image "img"', retryAtMs: 0 }]]);
    expect(reason(status(aPod(), seen([aSandbox()]), { failures }))).toEqual({
      reason: 'ImagePullBackOff',
      message: 'Back-off pulling image "img"',
    });
  });
});

test('a readiness gate holds readiness back until its condition is true', () => {
  const pod = aPod({ readinessGates: [{ conditionType: 'lb' }] });
  const observed = seen([aSandbox()], [aRun('app', 'running')]);
  const made = status(pod, observed);
  expect(condition(made, 'ContainersReady')).toEqual(['True']);
  expect(condition(made, 'Ready')).toEqual([
    'False',
    'ReadinessGatesNotReady',
    'corresponding condition of pod readiness gate "lb" does not exist.',
  ]);
  const open = { ...pod, status: { conditions: [{ type: 'lb', status: 'True' }] } };
  expect(condition(status(open, observed), 'Ready')).toEqual(['True']);
});

test('the time of a transition stays as long as the status does', () => {
  const observed = seen([aSandbox()], [aRun('app', 'running')]);
  const first = status(aPod(), observed, { nowMs: 10_000 });
  const second = status(aPod(), observed, { nowMs: 90_000, before: first });
  expect(second).toEqual(first);
});

test('a running container whose postStart hook is under way has not started', () => {
  const made = status(aPod(), seen([aSandbox()], [aRun('app', 'running')]), { busyStarts: new Set(['app']) });
  expect(made.containerStatuses?.[0]).toMatchObject({ started: false, ready: false });
});
