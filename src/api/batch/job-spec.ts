// The spec of a Job, alone or as a CronJob's template: validation.
import { validateNonNegative } from '../apps/counts.ts';
import { validatePodTemplate } from '../core/pod-template.ts';
import type { V1JobSpec } from '../generated/types.gen.ts';
import { validateDomainPrefixedPath, validateOptionalChoice } from '../meta/field-checks.ts';
import { type FieldError, invalidValue, notSupported, required, tooLong } from '../meta/field-error.ts';
import { validatePodFailurePolicy, validateSuccessPolicy } from './pod-failure-policy.ts';

const parallelismMax = 100_000;
const manyCompletions = 100_000;
const failedIndexesMax = 100_000;
const perIndexMax = 10_000;
const managedByMax = 63;

const counts = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;

/** What holds of every job spec, before the server has given it a selector. */
export function validateJobSpec(spec: V1JobSpec, path: string, errors: FieldError[]): void {
  for (const field of counts) if (spec[field] !== undefined) validateNonNegative(spec[field], `${path}.${field}`, errors);
  validateFailedIndexes(spec, path, errors);
  if (spec.managedBy !== undefined) {
    validateDomainPrefixedPath(spec.managedBy, `${path}.managedBy`, errors);
    if (spec.managedBy.length > managedByMax) errors.push(tooLong(`${path}.managedBy`, managedByMax));
  }
  validateOptionalChoice(spec.completionMode, ['Indexed', 'NonIndexed'], `${path}.completionMode`, errors);
  if (spec.completionMode === 'Indexed') validateIndexed(spec, path, errors);
  else validateNonIndexed(spec, path, errors);
  if (spec.podFailurePolicy !== undefined) validatePodFailurePolicy(spec, `${path}.podFailurePolicy`, errors);
  if (spec.successPolicy !== undefined) {
    if (spec.completionMode !== 'Indexed') {
      errors.push(invalidValue(`${path}.successPolicy`, spec.successPolicy, 'requires indexed completion mode'));
    } else validateSuccessPolicy(spec, `${path}.successPolicy`, errors);
  }
  validateReplacementPolicy(spec, path, errors);
  validatePodTemplate(spec.template ?? {}, `${path}.template`, errors);
  validateRestartPolicy(spec, `${path}.template.spec.restartPolicy`, errors);
}

function validateFailedIndexes(spec: V1JobSpec, path: string, errors: FieldError[]): void {
  const { maxFailedIndexes: max, completions } = spec;
  if (max === undefined) return;
  const at = `${path}.maxFailedIndexes`;
  if (completions !== undefined && max > completions) errors.push(invalidValue(at, max, 'must be less than or equal to completions'));
  if (max > failedIndexesMax) errors.push(invalidValue(at, max, `must be less than or equal to ${failedIndexesMax}`));
  if (spec.backoffLimitPerIndex === undefined) errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
}

function validateIndexed(spec: V1JobSpec, path: string, errors: FieldError[]): void {
  const { completions, parallelism = 0, maxFailedIndexes: max } = spec;
  if (completions === undefined) errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
  if (parallelism > parallelismMax) {
    const detail = `must be less than or equal to ${parallelismMax} when completion mode is Indexed`;
    errors.push(invalidValue(`${path}.parallelism`, parallelism, detail));
  }
  if (completions === undefined || completions <= manyCompletions || spec.backoffLimitPerIndex === undefined) return;
  const detail = `must be less than or equal to ${perIndexMax} when completions are above ${manyCompletions} and used with backoff limit per index`;
  if (max === undefined) {
    errors.push(
      required(
        `${path}.maxFailedIndexes`,
        `must be specified when completions are above ${manyCompletions} and used with backoff limit per index`,
      ),
    );
  } else if (max > perIndexMax) errors.push(invalidValue(`${path}.maxFailedIndexes`, max, detail));
  if (parallelism > perIndexMax) errors.push(invalidValue(`${path}.parallelism`, parallelism, detail));
}

function validateNonIndexed(spec: V1JobSpec, path: string, errors: FieldError[]): void {
  for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
    if (spec[field] !== undefined) errors.push(invalidValue(`${path}.${field}`, spec[field], 'requires indexed completion mode'));
  }
}

function validateReplacementPolicy(spec: V1JobSpec, path: string, errors: FieldError[]): void {
  const policy = spec.podReplacementPolicy;
  if (policy === undefined) return;
  // With a failure policy a pod counts only when it has come to its end.
  const choices = spec.podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  validateOptionalChoice(policy, choices, `${path}.podReplacementPolicy`, errors);
}

function validateRestartPolicy(spec: V1JobSpec, path: string, errors: FieldError[]): void {
  const policy = spec.template?.spec?.restartPolicy ?? '';
  if (policy === '' || policy === 'Always') errors.push(required(path, 'valid values: "OnFailure", "Never"'));
  else if (policy !== 'OnFailure' && policy !== 'Never') errors.push(notSupported(path, policy, ['OnFailure', 'Never']));
  else if (spec.podFailurePolicy !== undefined && policy !== 'Never') {
    errors.push(invalidValue(path, policy, 'only "Never" is supported when podFailurePolicy is specified'));
  }
}
