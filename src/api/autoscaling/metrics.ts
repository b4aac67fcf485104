// The metrics that an autoscaler goes by: validation.
import type { V2MetricIdentifier, V2MetricSpec, V2MetricTarget } from '../generated/types.gen.ts';
import { validateName, validateQuantity } from '../meta/field-checks.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts';
import { pathSegmentProblems } from '../meta/names.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { validateLabelSelector } from '../meta/validate-selector.ts';

const sources = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;
const sourceTypes = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
const targetTypes = ['AverageValue', 'Utilization', 'Value'];

interface ObjectReference {
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
}

export function validateReference(reference: ObjectReference | undefined, path: string, errors: FieldError[]): void {
  validateName(reference?.kind, pathSegmentProblems, `${path}.kind`, errors);
  validateName(reference?.name, pathSegmentProblems, `${path}.name`, errors);
}

export function validateMetrics(
  metrics: readonly V2MetricSpec[] | undefined,
  minReplicas: number | undefined,
  path: string,
  errors: FieldError[],
): void {
  let outside = false;
  metrics?.forEach((metric, i) => {
    validateMetric(metric, `${path}[${i}]`, errors);
    outside ||= metric.type === 'Object' || metric.type === 'External';
  });
  if (minReplicas === 0 && !outside) {
    errors.push(forbiddenField(path, 'must specify at least one Object or External metric to support scaling to zero replicas'));
  }
}

function validateMetric(metric: V2MetricSpec, path: string, errors: FieldError[]): void {
  const type = metric.type ?? '';
  if (type === '') errors.push(required(`${path}.type`, 'must specify a metric source type'));
  if (!sourceTypes.includes(type)) errors.push(notSupported(`${path}.type`, type, sourceTypes));
  const given = sources.filter((source) => metric[source] !== undefined);
  if (given[0] !== undefined) validateSource(metric, given[0], `${path}.${given[0]}`, errors);
  const expected = type === '' ? '' : type.charAt(0).toLowerCase() + type.slice(1);
  if (!given.some((source) => source === expected)) {
    errors.push(required(`${path}.${expected}`, 'must populate information for the given metric source'));
  }
  if (given.length === 1) return;
  for (const source of given) {
    if (source !== expected) errors.push(forbiddenField(`${path}.${source}`, 'must populate the given metric source only'));
  }
}

function validateSource(metric: V2MetricSpec, source: (typeof sources)[number], path: string, errors: FieldError[]): void {
  switch (source) {
    case 'object':
      validateReference(metric.object?.describedObject, `${path}.describedObject`, errors);
      validateIdentifier(metric.object?.metric, `${path}.metric`, errors);
      validateTarget(metric.object?.target, `${path}.target`, errors);
      return void validateOneOf(
        metric.object?.target,
        ['value', 'averageValue'],
        path,
        'must set either a target value or averageValue',
        errors,
      );
    case 'external':
      validateIdentifier(metric.external?.metric, `${path}.metric`, errors);
      validateTarget(metric.external?.target, `${path}.target`, errors);
      validateOneOf(
        metric.external?.target,
        ['value', 'averageValue'],
        path,
        'must set either a target value for metric or a per-pod target',
        errors,
      );
      if (metric.external?.target?.value !== undefined && metric.external.target.averageValue !== undefined) {
        const detail = 'may not set both a target value for metric and a per-pod target';
        errors.push(forbiddenField(`${path}.target.value`, detail));
      }
      return;
    case 'pods':
      validateIdentifier(metric.pods?.metric, `${path}.metric`, errors);
      validateTarget(metric.pods?.target, `${path}.target`, errors);
      return void validateOneOf(metric.pods?.target, ['averageValue'], path, 'must specify a positive target averageValue', errors);
    default:
      return void validateResource(metric, source, path, errors);
  }
}

function validateResource(metric: V2MetricSpec, source: 'resource' | 'containerResource', path: string, errors: FieldError[]): void {
  const { name = '', target } = metric[source] ?? {};
  if (source === 'containerResource' && !metric.containerResource?.container) {
    errors.push(required(`${path}.container`, 'must specify a container'));
  }
  if (name === '') errors.push(required(`${path}.name`, 'must specify a resource name'));
  validateTarget(target, `${path}.target`, errors);
  const wants = 'must set either a target raw value or a target utilization';
  if (target?.averageUtilization === undefined && target?.averageValue === undefined) {
    errors.push(required(`${path}.target.averageUtilization`, wants));
  }
  if (target?.averageUtilization !== undefined && target.averageValue !== undefined) {
    errors.push(forbiddenField(`${path}.target.averageValue`, 'may not set both a target raw value and a target utilization'));
  }
}

function validateOneOf(
  target: V2MetricTarget | undefined,
  fields: readonly ('value' | 'averageValue')[],
  path: string,
  detail: string,
  errors: FieldError[],
): void {
  if (fields.every((field) => target?.[field] === undefined)) errors.push(required(`${path}.target.averageValue`, detail));
}

function validateTarget(target: V2MetricTarget | undefined, path: string, errors: FieldError[]): void {
  const { type = '', value, averageValue, averageUtilization } = target ?? {};
  if (type === '') errors.push(required(`${path}.type`, 'must specify a metric target type'));
  else if (!targetTypes.includes(type)) {
    errors.push(invalidValue(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  for (const [field, amount] of [
    ['value', value],
    ['averageValue', averageValue],
  ] as const) {
    if (amount === undefined) continue;
    const problems: FieldError[] = [];
    validateQuantity(amount, `${path}.${field}`, problems, 'positive');
    if (problems.length > 0) errors.push(invalidValue(`${path}.${field}`, amount, 'must be positive'));
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(invalidValue(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  }
}

function validateIdentifier(metric: V2MetricIdentifier | undefined, path: string, errors: FieldError[]): void {
  const name = metric?.name ?? '';
  if (name === '') errors.push(required(`${path}.name`, 'must specify a metric name'));
  else addProblems(errors, `${path}.name`, name, pathSegmentProblems(name));
  validateLabelSelector(metric?.selector, `${path}.selector`, errors);
}
