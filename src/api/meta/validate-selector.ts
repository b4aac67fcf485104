// Validation of LabelSelector objects.
import type { V1LabelSelector, V1LabelSelectorRequirement } from '../generated/types.gen.ts';
import { type FieldError, forbiddenField, invalidValue, required } from './field-error.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';
import { addProblems, validateLabels } from './validate-metadata.ts';

type Requirement = Pick<V1LabelSelectorRequirement, 'key' | 'operator' | 'values'>;

/** Of objects with labels. Nodes' labels can be compared as numbers, too: `numbers`. */
export function validateRequirement(requirement: Requirement, path: string, errors: FieldError[], numbers?: 'numbers'): void {
  const { key = '', operator = '', values = [] } = requirement;
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0)
      errors.push(forbiddenField(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  } else if (numbers && (operator === 'Gt' || operator === 'Lt')) {
    if (values.length !== 1) errors.push(required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
  } else {
    errors.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'));
  }
  addProblems(errors, `${path}.key`, key, qualifiedNameProblems(key));
  values.forEach((value, i) => {
    addProblems(errors, `${path}.values[${i}]`, value, labelValueProblems(value));
  });
}

export function validateLabelSelector(selector: V1LabelSelector | undefined, path: string, errors: FieldError[]): void {
  if (selector === undefined) return;
  validateLabels(selector.matchLabels, `${path}.matchLabels`, errors);
  selector.matchExpressions?.forEach((requirement, i) => {
    validateRequirement(requirement, `${path}.matchExpressions[${i}]`, errors);
  });
}

export const isEmptySelector = (selector: V1LabelSelector): boolean =>
  Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;
