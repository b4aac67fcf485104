// What a CronJob does at an instant.
import { describe, expect, test } from 'vitest';
import type { V1CronJobSpec, V1CronJobStatus, V1ObjectReference } from '../../api/mod.ts';
import { type CronJob, type Job, jobAt, planCron, planHistory } from './plan.ts';

const at = (time: string) => Date.parse(`2026-01-01T${time}Z`);

const cronOf = (spec: Partial<V1CronJobSpec> = {}, status: V1CronJobStatus = {}): CronJob => ({
  metadata: { name: 'c', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:30Z' },
  spec: { schedule: '*/5 * * * *', concurrencyPolicy: 'Allow', jobTemplate: { metadata: { labels: { a: 'b' } } }, ...spec },
  status,
});
const active = (name: string): V1CronJobStatus => ({ active: [{ name, uid: name } as V1ObjectReference] });

describe('planCron()', () => {
  test.each<[string, CronJob, string, object]>([
    ['waits for its first time', cronOf(), '00:01:00', { do: 'wait', ms: 240_100, notes: [] }],
    ['starts when it has come', cronOf(), '00:05:00', { do: 'start', atMs: at('00:05:00'), replace: false, againMs: 300_100, notes: [] }],
    ['does not start twice', cronOf({}, { lastScheduleTime: '2026-01-01T00:05:00Z' }), '00:05:10', { do: 'wait', ms: 290_100 }],
    [
      'starts the latest of those that were missed',
      cronOf(),
      '00:17:00',
      { do: 'start', atMs: at('00:15:00'), againMs: 180_100, notes: [] },
    ],
    [
      'tells of very many',
      cronOf({ schedule: '* * * * *' }),
      '02:00:00',
      {
        do: 'start',
        atMs: at('02:00:00'),
        notes: [
          {
            type: 'Warning',
            reason: 'TooManyMissedTimes',
            message: 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
          },
        ],
      },
    ],
    [
      'counts only those within its deadline',
      cronOf({ schedule: '* * * * *', startingDeadlineSeconds: 90 }),
      '02:00:00',
      { do: 'start', notes: [] },
    ],
    ['lets a time pass that is too long ago', cronOf({ startingDeadlineSeconds: 60 }), '00:07:00', { do: 'wait', ms: 180_100, notes: [] }],
    ['rests while suspended', cronOf({ suspend: true }), '00:05:00', { do: 'rest', notes: [] }],
    [
      'does not start beside another that it forbids',
      cronOf({ concurrencyPolicy: 'Forbid' }, active('c-1')),
      '00:05:00',
      { do: 'wait', ms: 300_100, notes: [{ type: 'Normal', reason: 'JobAlreadyActive' }] },
    ],
    ['replaces', cronOf({ concurrencyPolicy: 'Replace' }, active('c-1')), '00:05:00', { do: 'start', replace: true }],
    ['knows its own job by its name', cronOf({}, active(`c-${at('00:05:00') / 60_000}`)), '00:05:01', { do: 'wait' }],
    [
      'tells of a schedule that never fires',
      cronOf({ schedule: '0 0 31 2 *' }),
      '00:05:00',
      {
        do: 'rest',
        notes: [
          {
            reason: 'InvalidSchedule',
            message: 'invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second',
          },
        ],
      },
    ],
    [
      'tells of a schedule that cannot be read',
      cronOf({ schedule: 'x * * * *' }),
      '00:05:00',
      {
        do: 'rest',
        notes: [{ reason: 'UnparseableSchedule', message: expect.stringContaining('unparseable schedule: "x * * * *" : failed to parse') }],
      },
    ],
    [
      'tells of a zone that is unknown',
      cronOf({ timeZone: 'Mars/Olympus' }),
      '00:05:00',
      { do: 'rest', notes: [{ reason: 'UnknownTimeZone', message: 'invalid timeZone: "Mars/Olympus": unknown time zone Mars/Olympus' }] },
    ],
  ])('%s', (_, cron, now, wanted) => expect(planCron(cron, at(now))).toMatchObject(wanted));
});

test('the job of a time', () => {
  expect(jobAt(cronOf({ timeZone: 'Europe/Berlin' }), at('00:05:00'))).toMatchObject({
    metadata: {
      name: `c-${at('00:05:00') / 60_000}`,
      labels: { a: 'b' },
      annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T01:05:00+01:00' },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: 'c', uid: 'u', controller: true, blockOwnerDeletion: true }],
    },
  });
});

test('the oldest jobs beyond the limits go', () => {
  const job = (name: string, type: string, startTime: string) =>
    ({ metadata: { name }, status: { startTime, conditions: [{ type, status: 'True' }] } }) as unknown as Job;
  const jobs = [
    job('b', 'Complete', '2026-01-01T00:02:00Z'),
    job('a', 'Complete', '2026-01-01T00:01:00Z'),
    job('f', 'Failed', '2026-01-01T00:01:00Z'),
    job('r', 'Suspended', '2026-01-01T00:00:00Z'),
  ];
  const names = (spec: Partial<V1CronJobSpec>) => planHistory(cronOf(spec), jobs).map(({ metadata }) => metadata.name);
  expect(names({ successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0 })).toEqual(['a', 'f']);
  expect(names({ successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 })).toEqual([]);
  expect(names({})).toEqual([]);
});
