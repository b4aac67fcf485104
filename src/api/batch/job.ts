// Job: pods that run to their end, a number of times.
import { validateNonNegative } from '../apps/counts.ts';
import { workloadColumns } from '../apps/workload-columns.ts';
import { setPodTemplateDefaults } from '../core/pod-defaults.ts';
import { podSpecWarnings } from '../core/pod-warnings.ts';
import type { V1Job, V1JobSpec, V1PodTemplateSpec } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { isConditionTrue } from '../meta/conditions.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { validateUnchanged } from '../meta/field-checks.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';
import { dnsLabelProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { matchesLabels, selectorOf } from '../meta/selectors.ts';
import { hasReason } from '../meta/status.ts';
import { humanDuration, timeMs } from '../meta/time.ts';
import { validateLabelSelector } from '../meta/validate-selector.ts';
import { validateJobSpec } from './job-spec.ts';
import { setPodFailurePolicyDefaults } from './pod-failure-policy.ts';

const uidLabel = 'batch.kubernetes.io/controller-uid';
const nameLabel = 'batch.kubernetes.io/job-name';
/** The same labels, by their old names. */
const oldUidLabel = 'controller-uid';
const oldNameLabel = 'job-name';
const backoffLimit = 6;
const noBackoffLimit = 2 ** 31 - 1;

function setDefaults(draft: Draft<V1Job>): void {
  const spec = draft.spec;
  if (spec === undefined) return;
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? backoffLimit : noBackoffLimit;
  spec.template ??= {};
  setPodTemplateDefaults(spec.template);
  const labels = spec.template.metadata?.labels;
  // One and the same map: the labels that the server gives the template become the job's, too.
  if (labels !== undefined && Object.keys(draft.metadata?.labels ?? {}).length === 0) draft.metadata = { ...draft.metadata, labels };
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  setPodFailurePolicyDefaults(spec);
}

/** The labels by which a job finds its own pods and no others. A value that is already there stays, and is judged by validation. */
function generateSelector(draft: Draft<V1Job>): void {
  const spec = draft.spec;
  if (spec === undefined || spec.manualSelector === true) return;
  const { uid = '', name = '' } = draft.metadata ?? {};
  const own: Readonly<Record<string, string>> = { [uidLabel]: uid, [nameLabel]: name, [oldUidLabel]: uid, [oldNameLabel]: name };
  spec.template ??= {};
  spec.template.metadata ??= {};
  spec.template.metadata.labels ??= {};
  for (const [key, value] of Object.entries(own)) spec.template.metadata.labels[key] ??= value;
  spec.selector ??= {};
  spec.selector.matchLabels ??= {};
  spec.selector.matchLabels[uidLabel] ??= uid;
  if (Object.keys(draft.metadata?.labels ?? {}).length === 0) {
    draft.metadata = { ...draft.metadata, labels: { ...spec.template.metadata.labels } };
  }
}

function validateGenerated(job: V1Job, errors: FieldError[]): void {
  const { spec } = job;
  if (spec?.manualSelector === true || spec?.selector === undefined) return;
  const { uid = '', name = '' } = job.metadata ?? {};
  if (uid === '') errors.push(required('metadata.uid'));
  const labels = spec.template?.metadata?.labels;
  const expected = { [oldUidLabel]: uid, [oldNameLabel]: name, [uidLabel]: uid, [nameLabel]: name };
  for (const [key, value] of Object.entries(expected)) {
    const path = `spec.template.metadata.labels[${key}]`;
    if (labels?.[key] === undefined) errors.push(required(path, `must be '${value}'`));
    else if (labels[key] !== value) errors.push(invalidValue(path, labels, `must be '${value}'`));
  }
  if (!selects(spec, expected)) errors.push(invalidValue('spec.selector', spec.selector, '`selector` not auto-generated'));
}

/** Whether the selector is well-formed and selects; a malformed one is named elsewhere. */
function selects(spec: V1JobSpec, labels: Readonly<Record<string, string>> | undefined): boolean {
  try {
    return matchesLabels(selectorOf(spec.selector), labels);
  } catch (error) {
    if (hasReason(error, 'BadRequest')) return true;
    throw error;
  }
}

function validate(job: V1Job): FieldError[] {
  const errors: FieldError[] = [];
  const spec = job.spec ?? ({} as V1JobSpec);
  validateGenerated(job, errors);
  validateJobSpec(spec, 'spec', errors);
  if (spec.selector === undefined) errors.push(required('spec.selector'));
  else validateLabelSelector(spec.selector, 'spec.selector', errors);
  const labels = spec.template?.metadata?.labels;
  if (!selects(spec, labels))
    errors.push(invalidValue('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
  return errors;
}

const schedulingFields = ['nodeSelector', 'tolerations', 'schedulingGates'] as const;

/** The template without what decides where its pods run: that may change until the job first starts. */
function withoutScheduling(template: V1PodTemplateSpec): object {
  const spec: Record<string, unknown> = { ...template.spec };
  for (const field of schedulingFields) delete spec[field];
  const { nodeAffinity: _, ...affinity } = template.spec?.affinity ?? {};
  return { spec: { ...spec, affinity }, metadata: { ...template.metadata, labels: undefined, annotations: undefined } };
}

const unchangeable = ['selector', 'completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const;

function validateUpdate(next: V1Job, old: V1Job): FieldError[] {
  const errors = validate(next);
  const spec = next.spec ?? ({} as V1JobSpec);
  const before = old.spec ?? ({} as V1JobSpec);
  if (spec.completionMode !== 'Indexed') validateUnchanged(spec.completions, before.completions, 'spec.completions', errors);
  else if (
    spec.completions !== before.completions &&
    (spec.completions !== spec.parallelism || before.completions !== before.parallelism)
  ) {
    errors.push(invalidValue('spec.completions', spec.completions, 'can only be modified in tandem with spec.parallelism'));
  }
  const mayMove = before.suspend === true && old.status?.startTime === undefined;
  const [template, standing] = [spec.template ?? {}, before.template ?? {}];
  if (mayMove) validateUnchanged(withoutScheduling(template), withoutScheduling(standing), 'spec.template', errors);
  else validateUnchanged(template, standing, 'spec.template', errors);
  for (const field of unchangeable) validateUnchanged(spec[field], before[field], `spec.${field}`, errors);
  return errors;
}

function validateStatus(next: V1Job): FieldError[] {
  const errors: FieldError[] = [];
  const status = next.status ?? {};
  for (const field of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const) {
    validateNonNegative(status[field], `status.${field}`, errors);
  }
  const complete = isConditionTrue(status.conditions, 'Complete');
  const failed = isConditionTrue(status.conditions, 'Failed');
  if (complete && failed)
    errors.push(invalidValue('status.conditions', status.conditions, 'cannot set Complete=True and Failed=True conditions'));
  if (status.completionTime !== undefined && !complete) {
    errors.push(
      invalidValue('status.completionTime', status.completionTime, 'cannot set completionTime when there is no Complete=True condition'),
    );
  }
  if ((complete || failed) && (status.active ?? 0) > 0) {
    errors.push(invalidValue('status.active', status.active, 'active>0 is invalid for finished job'));
  }
  return errors;
}

const states: readonly (readonly [condition: string, shown: string])[] = [
  ['Suspended', 'Suspended'],
  ['FailureTarget', 'FailureTarget'],
  ['SuccessCriteriaMet', 'SuccessCriteriaMet'],
];

function statusCell({ metadata, status }: V1Job): string {
  const conditions = status?.conditions;
  if (isConditionTrue(conditions, 'Complete')) return 'Complete';
  if (isConditionTrue(conditions, 'Failed')) return 'Failed';
  if (metadata?.deletionTimestamp !== undefined) return 'Terminating';
  return states.find(([condition]) => isConditionTrue(conditions, condition))?.[1] ?? 'Running';
}

function completionsCell({ spec, status }: V1Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationCell({ status }: V1Job, nowMs: number): string {
  if (status?.startTime === undefined) return '';
  return humanDuration(timeMs(status.completionTime, nowMs) - timeMs(status.startTime));
}

/** A name that is no DNS label makes strange hosts. */
export function nameWarnings(name: string): string[] {
  const problems = dnsLabelProblems(name);
  if (problems.length === 0) return [];
  const surprising = 'this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended';
  return [`metadata.name: ${surprising}: [${problems.join(' ')}]`];
}

export const jobs: KindDefinition<V1Job> = {
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  resource: 'jobs',
  singular: 'job',
  categories: ['all'],
  namespaced: true,
  schema: 'V1Job',
  hasGeneration: true,
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', description: 'Status of the job.', cell: statusCell },
    { name: 'Completions', type: 'string', cell: completionsCell },
    { name: 'Duration', type: 'string', description: 'Time required to complete the job.', cell: durationCell },
    ageColumn,
    ...workloadColumns,
  ],
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  setDefaults,
  prepareCreate: (draft) => {
    generateSelector(draft);
    draft.status = {};
  },
  validateCreate: validate,
  update: { prepare: keepStatus, validate: validateUpdate },
  status: { validate: validateStatus },
  warnings: (job, old) => [
    ...(old === undefined ? nameWarnings(job.metadata?.name ?? '') : []),
    ...podSpecWarnings(job.spec?.template?.spec, 'spec.template.spec'),
  ],
  // As in the days before garbage collection.
  defaultPropagation: 'orphan',
  deleteWarning:
    'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
};
