// Checks of the counts that workloads' specs and statuses carry.
import { type FieldError, invalidValue } from '../meta/field-error.ts';
import { nonNegativeProblem } from '../meta/names.ts';

export function validateNonNegative(value: number | undefined, path: string, errors: FieldError[]): void {
  if ((value ?? 0) < 0) errors.push(invalidValue(path, value, nonNegativeProblem));
}

/** The replica counts of a status: none negative, no part greater than the whole. */
export function validateReplicaCounts(status: Readonly<Record<string, unknown>>, parts: readonly string[], errors: FieldError[]): void {
  const count = (field: string): number => Number(status[field] ?? 0);
  for (const field of ['replicas', ...parts, 'observedGeneration']) validateNonNegative(count(field), `status.${field}`, errors);
  for (const part of parts) {
    if (count(part) > count('replicas')) errors.push(invalidValue(`status.${part}`, count(part), 'cannot be greater than status.replicas'));
  }
  if (count('availableReplicas') > count('readyReplicas')) {
    errors.push(invalidValue('status.availableReplicas', count('availableReplicas'), 'cannot be greater than readyReplicas'));
  }
}
