// CronJob: jobs by the clock.
import { validateNonNegative } from '../apps/counts.ts';
import { workloadColumns } from '../apps/workload-columns.ts';
import { setPodTemplateDefaults } from '../core/pod-defaults.ts';
import { podSpecWarnings } from '../core/pod-warnings.ts';
import type { V1CronJob, V1CronJobSpec, V1JobSpec } from '../generated/types.gen.ts';
import type { Column, KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, none } from '../meta/columns.ts';
import { booleanCell, keepStatus } from '../meta/endpoint-rules.ts';
import { validateChoice } from '../meta/field-checks.ts';
import { type FieldError, invalidValue, notSupported, required } from '../meta/field-error.ts';
import type { Draft } from '../meta/object.ts';
import { humanAge } from '../meta/time.ts';
import { cronProblem } from './cron-schedule.ts';
import { nameWarnings } from './job.ts';
import { validateJobSpec } from './job-spec.ts';
import { setPodFailurePolicyDefaults } from './pod-failure-policy.ts';

/** The controller adds 11 characters to make the names of its jobs, which are labels of 63. */
const nameMax = 52;
const concurrencyPolicies = ['Allow', 'Forbid', 'Replace'];

function setDefaults(draft: Draft<V1CronJob>): void {
  const spec = draft.spec;
  if (spec === undefined) return;
  if ((spec.concurrencyPolicy ?? '') === '') spec.concurrencyPolicy = 'Allow';
  spec.suspend ??= false;
  spec.successfulJobsHistoryLimit ??= 3;
  spec.failedJobsHistoryLimit ??= 1;
  spec.jobTemplate ??= {};
  spec.jobTemplate.metadata ??= {};
  const job = spec.jobTemplate.spec;
  if (job === undefined) return;
  job.template ??= {};
  setPodTemplateDefaults(job.template);
  setPodFailurePolicyDefaults(job);
}

/** Whether there is such a zone, only its user can tell: the zones are the machine's. */
function validateTimeZone(zone: string | undefined, path: string, errors: FieldError[]): void {
  if (zone === undefined) return;
  if (zone === '') errors.push(invalidValue(path, zone, 'timeZone must be nil or non-empty string'));
  else if (zone.toLowerCase() === 'local') {
    errors.push(invalidValue(path, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'));
  } else if (!/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/.test(zone)) errors.push(invalidValue(path, zone, `unknown time zone ${zone}`));
}

function validateSchedule(spec: Partial<V1CronJobSpec>, old: V1CronJob | undefined, errors: FieldError[]): void {
  const { schedule = '' } = spec;
  if (schedule === '') return void errors.push(required('spec.schedule'));
  if (schedule.includes('TZ')) {
    // Schedules that were stored with a zone in them stay valid.
    if (old?.spec?.schedule === schedule) return;
    const detail = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';
    return void errors.push(invalidValue('spec.schedule', schedule, detail));
  }
  const problem = cronProblem(schedule);
  if (problem !== undefined) errors.push(invalidValue('spec.schedule', schedule, problem));
}

function validate(cron: V1CronJob, old?: V1CronJob): FieldError[] {
  const errors: FieldError[] = [];
  const spec: Partial<V1CronJobSpec> = cron.spec ?? {};
  const name = cron.metadata?.name ?? '';
  if (old === undefined && name.length > nameMax) {
    errors.push(invalidValue('metadata.name', name, `must be no more than ${nameMax} characters`));
  }
  validateSchedule(spec, old, errors);
  if (spec.startingDeadlineSeconds !== undefined) {
    validateNonNegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds', errors);
  }
  validateTimeZone(spec.timeZone, 'spec.timeZone', errors);
  validateChoice(spec.concurrencyPolicy, concurrencyPolicies, 'spec.concurrencyPolicy', errors);
  const job = spec.jobTemplate?.spec ?? ({} as V1JobSpec);
  const path = 'spec.jobTemplate.spec';
  validateJobSpec(job, path, errors);
  if (job.selector !== undefined) errors.push(invalidValue(`${path}.selector`, job.selector, '`selector` will be auto-generated'));
  if (job.manualSelector === true) errors.push(notSupported(`${path}.manualSelector`, job.manualSelector, ['nil', 'false']));
  validateNonNegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit', errors);
  validateNonNegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit', errors);
  return errors;
}

/** The columns of its jobs. */
const templateColumns = workloadColumns.map(
  (column): Column<V1CronJob> => ({ ...column, cell: ({ spec }, nowMs) => column.cell({ spec: spec?.jobTemplate?.spec }, nowMs) }),
);

export const cronjobs: KindDefinition<V1CronJob> = {
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  resource: 'cronjobs',
  singular: 'cronjob',
  shortNames: ['cj'],
  categories: ['all'],
  namespaced: true,
  schema: 'V1CronJob',
  hasGeneration: true,
  columns: [
    nameColumn,
    { name: 'Schedule', type: 'string', cell: ({ spec }) => spec?.schedule ?? '' },
    { name: 'Timezone', type: 'string', cell: ({ spec }) => spec?.timeZone ?? none },
    { name: 'Suspend', type: 'boolean', cell: ({ spec }) => booleanCell(spec?.suspend) },
    { name: 'Active', type: 'integer', cell: ({ status }) => status?.active?.length ?? 0 },
    {
      name: 'Last Schedule',
      type: 'string',
      cell: ({ status }, nowMs) => (status?.lastScheduleTime === undefined ? none : humanAge(status.lastScheduleTime, nowMs)),
    },
    ageColumn,
    ...templateColumns,
  ],
  setDefaults,
  prepareCreate: (draft) => {
    draft.status = {};
  },
  validateCreate: (cron) => validate(cron),
  update: { prepare: keepStatus, validate },
  status: {},
  warnings: (cron, old) => [
    ...(old === undefined ? nameWarnings(cron.metadata?.name ?? '') : []),
    ...(cron.spec?.schedule?.includes('TZ') ? ['cannot use TZ or CRON_TZ in spec.schedule, use timeZone field instead'] : []),
    ...podSpecWarnings(cron.spec?.jobTemplate?.spec?.template?.spec, 'spec.jobTemplate.spec.template.spec'),
  ],
};
