// What a Job makes of failed pods, and when it is done early: podFailurePolicy and successPolicy.
import type { V1JobSpec, V1PodFailurePolicyRule, V1SuccessPolicyRule } from '../generated/types.gen.ts';
import { validateChoice } from '../meta/field-checks.ts';
import { duplicate, type FieldError, invalidValue, notSupported, required, tooLong, tooMany } from '../meta/field-error.ts';
import { qualifiedNameProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { addProblems } from '../meta/validate-metadata.ts';

const rulesMax = 20;
const patternsMax = 20;
const exitCodesMax = 255;
const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const conditionStatuses = ['False', 'True', 'Unknown'];

export function setPodFailurePolicyDefaults(spec: Draft<V1JobSpec> | undefined): void {
  for (const rule of spec?.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) if ((pattern.status ?? '') === '') pattern.status = 'True';
  }
}

function containerNames(spec: V1JobSpec): Set<string> {
  const pod = spec.template?.spec;
  return new Set([...(pod?.containers ?? []), ...(pod?.initContainers ?? [])].map(({ name }) => name));
}

export function validatePodFailurePolicy(spec: V1JobSpec, path: string, errors: FieldError[]): void {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const at = `${path}.rules`;
  if (rules.length > rulesMax) errors.push(tooMany(at, rules.length, rulesMax));
  const names = containerNames(spec);
  rules.forEach((rule, i) => {
    validateRule(rule, spec, names, `${at}[${i}]`, errors);
  });
}

function validateRule(rule: V1PodFailurePolicyRule, spec: V1JobSpec, names: ReadonlySet<string>, path: string, errors: FieldError[]): void {
  const { action = '', onExitCodes, onPodConditions = [] } = rule;
  if (action === '') errors.push(required(`${path}.action`, `valid values: ${actions.map((each) => JSON.stringify(each)).join(', ')}`));
  else if (action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined) {
      errors.push(invalidValue(`${path}.action`, action, 'requires the backoffLimitPerIndex to be set'));
    }
  } else if (!actions.includes(action)) errors.push(notSupported(`${path}.action`, action, actions));
  if (onExitCodes !== undefined) validateExitCodes(rule, names, `${path}.onExitCodes`, errors);
  if (onPodConditions.length > patternsMax) errors.push(tooMany(`${path}.onPodConditions`, onPodConditions.length, patternsMax));
  onPodConditions.forEach(({ type = '', status }, i) => {
    const at = `${path}.onPodConditions[${i}]`;
    addProblems(errors, `${at}.type`, type, qualifiedNameProblems(type));
    if ((status ?? '') === '') errors.push(required(`${at}.status`));
    else validateChoice(status, conditionStatuses, `${at}.status`, errors);
  });
  if (onExitCodes !== undefined && onPodConditions.length > 0) {
    errors.push(invalidValue(path, '', 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (onExitCodes === undefined && onPodConditions.length === 0) {
    errors.push(invalidValue(path, '', 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
}

function validateExitCodes({ onExitCodes }: V1PodFailurePolicyRule, names: ReadonlySet<string>, path: string, errors: FieldError[]): void {
  const { operator = '', values = [], containerName } = onExitCodes ?? {};
  if (operator === '') errors.push(required(`${path}.operator`, 'valid values: "In", "NotIn"'));
  else validateChoice(operator, ['In', 'NotIn'], `${path}.operator`, errors);
  if (containerName !== undefined && !names.has(containerName)) {
    errors.push(
      invalidValue(`${path}.containerName`, containerName, 'must be one of the container or initContainer names in the pod template'),
    );
  }
  const at = `${path}.values`;
  if (values.length === 0) errors.push(invalidValue(at, values, 'at least one value is required'));
  else if (values.length > exitCodesMax) errors.push(tooMany(at, values.length, exitCodesMax));
  const seen = new Set<number>();
  let ordered = true;
  values.forEach((value, i) => {
    if (operator === 'In' && value === 0) errors.push(invalidValue(`${at}[${i}]`, value, 'must not be 0 for the In operator'));
    if (seen.has(value)) errors.push(duplicate(`${at}[${i}]`, value));
    ordered &&= i === 0 || value >= (values[i - 1] ?? value);
    seen.add(value);
  });
  if (!ordered) errors.push(invalidValue(at, values, 'must be ordered'));
}

const succeededIndexesMax = 64 * 1024;

export function validateSuccessPolicy(spec: V1JobSpec, path: string, errors: FieldError[]): void {
  const rules = spec.successPolicy?.rules ?? [];
  if (rules.length === 0)
    return void errors.push(required(`${path}.rules`, 'at least one rules must be specified when the successPolicy is specified'));
  if (rules.length > rulesMax) errors.push(tooMany(`${path}.rules`, rules.length, rulesMax));
  rules.forEach((rule, i) => {
    validateSuccessRule(rule, spec.completions, `${path}.rules[${i}]`, errors);
  });
}

function validateSuccessRule(rule: V1SuccessPolicyRule, completions: number | undefined, path: string, errors: FieldError[]): void {
  const { succeededCount: count, succeededIndexes: indexes } = rule;
  if (count === undefined && indexes === undefined) {
    return void errors.push(required(path, 'at least one of succeededCount or succeededIndexes must be specified'));
  }
  let total: number | undefined;
  if (indexes !== undefined) {
    if (indexes.length > succeededIndexesMax) errors.push(tooLong(`${path}.succeededIndexes`, succeededIndexesMax));
    const found = completions === undefined ? undefined : countIndexes(indexes, completions);
    if (typeof found === 'string') {
      errors.push(invalidValue(`${path}.succeededIndexes`, indexes, `error parsing succeededIndexes: ${found}`));
    } else total = found;
  }
  if (count === undefined) return;
  if (count < 0) errors.push(invalidValue(`${path}.succeededCount`, count, 'must be greater than or equal to 0'));
  if (completions !== undefined && count > completions) {
    errors.push(
      invalidValue(`${path}.succeededCount`, count, `must be less than or equal to ${completions} (the number of specified completions)`),
    );
  }
  if (total !== undefined && count > total) {
    const detail = `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`;
    errors.push(invalidValue(`${path}.succeededCount`, count, detail));
  }
}

/** How many indexes `1,3-5,7` names; or what is wrong with it. */
export function countIndexes(text: string, completions: number): number | string {
  if (text === '') return 0;
  let total = 0;
  let last = -1;
  for (const interval of text.split(',')) {
    const [lowText = '', highText = lowText, ...more] = interval.split('-');
    if (more.length > 0)
      return `the fragment "${interval}" violates the requirement that an index interval can have at most two parts separated by '-'`;
    const ends = [lowText, highText].map(Number);
    for (const [i, end] of [lowText, highText].entries()) {
      if (!/^[0-9]+$/.test(end)) return `cannot convert string to integer for index: "${end}"`;
      if ((ends[i] ?? 0) >= completions) return `too large index: "${end}"`;
    }
    const [low = 0, high = 0] = ends;
    if (low > high) return `non-increasing order, previous: ${low}, current: ${high}`;
    if (low <= last) return `non-increasing order, previous: ${last}, current: ${low}`;
    total += high - low + 1;
    last = high;
  }
  return total;
}
