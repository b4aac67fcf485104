// Validation of LabelSelector objects.
import type { V1LabelSelector, V1LabelSelectorRequirement } from '../generated/types.gen.ts';
import { type FieldError, forbiddenField, invalidValue, required } from './field-error.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';
import { addProblems, validateLabels } from './validate-metadata.ts';

function validateRequirement(requirement: V1LabelSelectorRequirement, path: string, errors: FieldError[]): void {
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.push(forbiddenField(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      }
      break;
    default:
      errors.push(invalidValue(`${path}.operator`, requirement.operator ?? '', 'not a valid selector operator'));
  }
  const key = requirement.key ?? '';
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
