// Indexes, back-off, the plan for pods and the count, as tables.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTime, type V1JobSpec, type V1JobStatus, type V1PodStatus } from '../../api/mod.ts';
import { podOf } from '../runtime/world.fake.ts';
import { creationInMs, noFailures, recordEnds } from './backoff.ts';
import { countCommon, countOf, firstFree, formatIndexes, hasIndex, indexesOf, parseIndexes, unite } from './indexes.ts';
import { completionOf, type JobInput, planPods, viewJob } from './plan.ts';
import { podOfJob } from './pod-template.ts';
import { indexAnnotation, type Job, type Pod, trackingFinalizer } from './pods.ts';
import { countReleased, finish, track, withSuspended } from './tracking.ts';

const nowMs = Date.UTC(2026, 0, 1, 1);
const nowTime = formatTime(nowMs);
const ago = (seconds: number) => formatTime(nowMs - seconds * 1000);

const jobOf = (spec: Partial<V1JobSpec> = {}, status: V1JobStatus = {}): Job => ({
  metadata: { name: 'j', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: ago(100) },
  spec: { parallelism: 2, completions: 4, backoffLimit: 6, template: {}, ...spec },
  status: { startTime: ago(100), ...status },
});
interface PodMore {
  readonly index?: number;
  readonly held?: boolean;
  readonly leaving?: boolean;
  readonly failures?: number;
  readonly status?: V1PodStatus;
}
const pod = (name: string, phase: string, { index, held = true, leaving, failures, status }: PodMore = {}): Pod =>
  podOf(name, {
    metadata: {
      ...podOf(name).metadata,
      ...(held ? { finalizers: [trackingFinalizer] } : {}),
      ...(leaving ? { deletionTimestamp: ago(1) } : {}),
      annotations: {
        ...(index === undefined ? {} : { [indexAnnotation]: String(index) }),
        ...(failures === undefined ? {} : { 'batch.kubernetes.io/job-index-failure-count': String(failures) }),
      },
    },
    status: { phase, ...status },
  });
const inputOf = (job: Job, pods: readonly Pod[] = [], more: Partial<JobInput> = {}): JobInput => ({
  job,
  pods,
  released: new Set(),
  failures: noFailures,
  nowMs,
  nowTime,
  ...more,
});
const ended = (seconds: number): PodMore => ({
  status: {
    containerStatuses: [
      {
        name: 'c',
        image: '',
        imageID: '',
        ready: false,
        restartCount: 0,
        state: { terminated: { exitCode: 1, finishedAt: ago(seconds) } },
      },
    ],
  },
});

describe('indexes', () => {
  test.each([
    [[], ''],
    [[3], '3'],
    [[1, 0], '0,1'],
    [[5, 3, 4, 9, 7], '3-5,7,9'],
  ])('%j are written %s', (numbers, text) => expect(formatIndexes(indexesOf(numbers))).toBe(text));

  test.each([
    ['', 10, ''],
    ['1,3-5', 10, '1,3-5'],
    ['1,3-9', 5, '1,3,4'],
    ['x,2,-', 10, '2'],
  ])('%s below %i is %s', (text, completions, wanted) => expect(formatIndexes(parseIndexes(text, completions))).toBe(wanted));

  test('they are sets', () => {
    const sets = fc.uniqueArray(fc.nat(40));
    fc.assert(
      fc.property(sets, sets, fc.nat(10), (a, b, count) => {
        const [left, right] = [indexesOf(a), indexesOf(b)];
        const both = unite(left, right);
        expect(countOf(both)).toBe(new Set([...a, ...b]).size);
        expect(countCommon(left, right)).toBe(a.filter((index) => b.includes(index)).length);
        for (let index = 0; index <= 41; index++) expect(hasIndex(left, index)).toBe(a.includes(index));
        expect(parseIndexes(formatIndexes(both), 41)).toEqual(both);
        const free = Array.from({ length: 41 }, (_, index) => index).filter((index) => !a.includes(index));
        expect(firstFree(left, count, 41)).toEqual(free.slice(0, count));
      }),
    );
  });
});

describe('back-off', () => {
  test.each([
    [0, 0],
    [1, 10_000],
    [2, 20_000],
    [4, 80_000],
    [7, 600_000],
    [40, 600_000],
  ])('after %i failures %i ms', (failures, ms) => expect(creationInMs({ failures, lastMs: nowMs }, nowMs)).toBe(ms));

  test('a success wipes out what failed before it', () => {
    const record = { failures: 3, lastMs: nowMs - 50_000 };
    expect(recordEnds(record, [], [pod('a', 'Failed', ended(5))])).toEqual({ failures: 4, lastMs: nowMs - 5_000 });
    expect(recordEnds(record, [pod('s', 'Succeeded', ended(10))], [])).toEqual(noFailures);
    const both = recordEnds(record, [pod('s', 'Succeeded', ended(10))], [pod('a', 'Failed', ended(20)), pod('b', 'Failed', ended(5))]);
    expect(both).toEqual({ failures: 1, lastMs: nowMs - 5_000 });
  });
});

describe('planPods()', () => {
  const plan = (input: JobInput) => planPods(viewJob(input));
  test.each<[string, JobInput, object]>([
    ['creates as many as may run', inputOf(jobOf()), { do: 'create', indexes: [undefined, undefined] }],
    ['creates no more than are missing', inputOf(jobOf({}, { succeeded: 3 })), { do: 'create', indexes: [undefined] }],
    ['is content', inputOf(jobOf(), [pod('a', 'Running'), pod('b', 'Running')]), { do: 'nothing' }],
    [
      'starts the next when one has ended',
      inputOf(jobOf(), [pod('a', 'Running'), pod('b', 'Succeeded')]),
      { do: 'create', indexes: [undefined] },
    ],
    ['waits after a failure', inputOf(jobOf(), [pod('a', 'Running'), pod('b', 'Failed', ended(4))]), { do: 'wait', ms: 6_000 }],
    [
      'takes away what is too much, the pending first',
      inputOf(jobOf({ parallelism: 1 }), [pod('a', 'Running'), pod('b', 'Pending')]),
      { do: 'delete', pods: [{ metadata: { name: 'b' } }] },
    ],
    [
      'takes all away when suspended',
      inputOf(jobOf({ suspend: true }), [pod('a', 'Running')]),
      { do: 'delete', pods: [{ metadata: { name: 'a' } }] },
    ],
    [
      'without completions runs on after a success',
      inputOf(jobOf({ completions: undefined }), [pod('a', 'Running'), pod('b', 'Succeeded')]),
      { do: 'nothing' },
    ],
    [
      'replaces one that goes',
      inputOf(jobOf(), [pod('a', 'Running'), pod('b', 'Running', { leaving: true, held: false })]),
      { do: 'create', indexes: [undefined] },
    ],
    [
      'waits for its end when only failed ones are replaced',
      inputOf(jobOf({ podReplacementPolicy: 'Failed' }), [pod('a', 'Running'), pod('b', 'Running', { leaving: true })]),
      { do: 'nothing' },
    ],
    [
      'takes the first free indexes',
      inputOf(jobOf({ completionMode: 'Indexed', parallelism: 3 }, { completedIndexes: '0' }), [pod('b', 'Running', { index: 2 })]),
      { do: 'create', indexes: [1, 3] },
    ],
    [
      'takes away a second pod of an index',
      inputOf(jobOf({ completionMode: 'Indexed' }), [pod('a', 'Running', { index: 1 }), pod('b', 'Pending', { index: 1 })]),
      { do: 'delete', pods: [{ metadata: { name: 'b' } }] },
    ],
    [
      'lets each index wait for itself',
      inputOf(jobOf({ completionMode: 'Indexed', backoffLimitPerIndex: 3 }), [pod('a', 'Failed', { index: 0, failures: 1, ...ended(5) })]),
      { do: 'create', indexes: [1], againMs: 15_000 },
    ],
  ])('%s', (_, input, wanted) => expect(plan(input)).toMatchObject(wanted));
});

describe('the end of a job', () => {
  test.each<[string, JobInput, string | undefined]>([
    ['none yet', inputOf(jobOf(), [pod('a', 'Running')]), undefined],
    ['too many failures', inputOf(jobOf({ backoffLimit: 0 }), [pod('a', 'Failed')]), 'BackoffLimitExceeded'],
    ['failures that were counted before', inputOf(jobOf({ backoffLimit: 1 }, { failed: 1 }), [pod('a', 'Failed')]), 'BackoffLimitExceeded'],
    [
      'a failure that is noted is counted once',
      inputOf(jobOf({ backoffLimit: 1 }, { uncountedTerminatedPods: { failed: ['uid-a'] } }), [pod('a', 'Failed')]),
      undefined,
    ],
    [
      'one that was released is counted once',
      inputOf(jobOf({ backoffLimit: 0 }), [pod('a', 'Failed', { held: true })], { released: new Set(['uid-a']) }),
      undefined,
    ],
    ['past its deadline', inputOf(jobOf({ activeDeadlineSeconds: 100 })), 'DeadlineExceeded'],
    ['suspended, it has none', inputOf(jobOf({ activeDeadlineSeconds: 100, suspend: true })), undefined],
    [
      'too many lost indexes',
      inputOf(jobOf({ completionMode: 'Indexed', backoffLimitPerIndex: 0, maxFailedIndexes: 0 }), [pod('a', 'Failed', { index: 0 })]),
      'MaxFailedIndexesExceeded',
    ],
    [
      'every index is done or lost',
      inputOf(jobOf({ completionMode: 'Indexed', backoffLimitPerIndex: 0 }, { completedIndexes: '1-3' }), [
        pod('a', 'Failed', { index: 0 }),
      ]),
      'FailedIndexes',
    ],
    [
      'restarts in place',
      inputOf(jobOf({ backoffLimit: 2, template: { spec: { restartPolicy: 'OnFailure', containers: [] } } }), [
        pod('a', 'Running', { status: { containerStatuses: [{ name: 'c', image: '', imageID: '', ready: true, restartCount: 2 }] } }),
      ]),
      'BackoffLimitExceeded',
    ],
  ])('%s', (_, input, reason) => expect(viewJob(input).ending?.reason).toBe(reason));

  test('complete when all have succeeded and none is active', () => {
    const view = viewJob(inputOf(jobOf({}, { succeeded: 4 })));
    expect(completionOf(view, 0)).toMatchObject({ type: 'SuccessCriteriaMet', reason: 'CompletionsReached' });
    expect(completionOf(view, 1)).toBeUndefined();
    expect(completionOf(viewJob(inputOf(jobOf({}, { succeeded: 3 }))), 0)).toBeUndefined();
  });
});

describe('counting', () => {
  const counts = { active: 0, ready: 0, terminating: 0 };
  test('notes first, numbers afterwards', () => {
    const view = viewJob(inputOf(jobOf({}, { succeeded: 1 }), [pod('a', 'Succeeded'), pod('b', 'Failed'), pod('c', 'Running')]));
    const { status, release, held, finished } = track(view, view.job.status ?? {}, undefined, counts);
    expect(status).toMatchObject({ succeeded: 1, failed: 0, uncountedTerminatedPods: { succeeded: ['uid-a'], failed: ['uid-b'] } });
    expect(release.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect(finished).toBeUndefined();
    expect(countReleased(status, held)).toMatchObject({ succeeded: 1, uncountedTerminatedPods: { succeeded: ['uid-a'] } });
    expect(countReleased(status, new Set(['uid-b']))).toMatchObject({
      succeeded: 2,
      failed: 0,
      uncountedTerminatedPods: { failed: ['uid-b'] },
    });
    expect(countReleased(status, new Set())).toMatchObject({ succeeded: 2, failed: 1, uncountedTerminatedPods: {} });
  });

  test('of a job that fails every pod that has not ended well has failed', () => {
    const view = viewJob(inputOf(jobOf({ activeDeadlineSeconds: 1 }), [pod('a', 'Succeeded'), pod('b', 'Running')]));
    const { status, finished } = track(view, view.job.status ?? {}, view.ending, counts);
    expect(status.uncountedTerminatedPods).toEqual({ succeeded: ['uid-a'], failed: ['uid-b'] });
    expect(status.conditions?.map(({ type }) => type)).toEqual(['FailureTarget']);
    expect(finished).toMatchObject({ type: 'Failed', reason: 'DeadlineExceeded' });
    expect(finish(status, finished)).toBeUndefined();
    const counted = countReleased(status, new Set());
    expect(finish({ ...counted, terminating: 1 }, finished)).toBeUndefined();
    expect(finish(counted, finished)?.conditions?.map(({ type }) => type)).toEqual(['FailureTarget', 'Failed']);
  });

  test('suspension is said when it begins and when it ends', () => {
    expect(withSuspended(jobOf(), {}, nowTime)).toEqual({ status: {}, change: undefined });
    const { status, change } = withSuspended(jobOf({ suspend: true }), {}, nowTime);
    expect([change, status.conditions?.[0]]).toMatchObject(['Suspended', { type: 'Suspended', status: 'True', reason: 'JobSuspended' }]);
    expect(withSuspended(jobOf({ suspend: true }), status, nowTime).change).toBeUndefined();
    expect(withSuspended(jobOf(), status, nowTime)).toMatchObject({
      change: 'Resumed',
      status: { startTime: nowTime, conditions: [{ status: 'False' }] },
    });
  });
});

test('the pod of an index takes over how often its index failed', () => {
  const job = jobOf({
    completionMode: 'Indexed',
    backoffLimitPerIndex: 3,
    template: { spec: { containers: [{ name: 'c', image: 'x' }] } },
  });
  const made = podOfJob(
    { ...job, metadata: { ...job.metadata, name: 'x'.repeat(60) } },
    12,
    pod('a', 'Failed', { index: 12, failures: 1 }),
  );
  expect(made.metadata?.generateName).toBe(`${'x'.repeat(54)}-12-`);
  expect(made.metadata?.annotations).toEqual({ [indexAnnotation]: '12', 'batch.kubernetes.io/job-index-failure-count': '2' });
  expect(made.metadata?.finalizers).toEqual([trackingFinalizer]);
});
