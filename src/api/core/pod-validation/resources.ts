// Validation of requests and limits.
import type { V1ResourceRequirements } from '../../generated/types.gen.ts';
import { type FieldError, invalidValue, required } from '../../meta/field-error.ts';
import { qualifiedNameProblems } from '../../meta/names.ts';
import { compareQuantities, isNegativeQuantity, parseQuantity, type Quantity, quantityProblem } from '../../meta/quantity.ts';
import { addProblems } from '../../meta/validate-metadata.ts';

const standardResources = new Set(['cpu', 'memory', 'ephemeral-storage']);
const hugePagesPrefix = 'hugepages-';

/** May more be limited than is there? Not of huge pages and of devices: there a request is a promise. */
const mayOvercommit = (name: string): boolean =>
  !name.startsWith(hugePagesPrefix) && (!name.includes('/') || /(^|\.)kubernetes\.io\//.test(name));

function validateResourceName(name: string, path: string, errors: FieldError[]): void {
  const problems = qualifiedNameProblems(name);
  addProblems(errors, path, name, problems);
  if (problems.length > 0) return;
  if (!name.includes('/')) {
    if (!standardResources.has(name) && !name.startsWith(hugePagesPrefix)) {
      errors.push(invalidValue(path, name, 'must be a standard resource for containers'));
    }
  } else if (mayOvercommit(name) || name.startsWith('requests.')) {
    errors.push(invalidValue(path, name, "doesn't follow extended resource name standard"));
  }
}

/** The quantity of a resource, when it is one. */
function validateAmount(name: string, text: string, path: string, errors: FieldError[]): Quantity | undefined {
  const problem = quantityProblem(text);
  if (problem !== undefined) {
    errors.push(invalidValue(path, text, problem));
    return undefined;
  }
  const quantity = parseQuantity(text);
  if (isNegativeQuantity(quantity)) errors.push(invalidValue(path, text, 'must be greater than or equal to 0'));
  if (!mayOvercommit(name) && quantity.scale < 0) errors.push(invalidValue(path, text, 'must be an integer'));
  return quantity;
}

export function validateResources(resources: V1ResourceRequirements | undefined, path: string, errors: FieldError[]): void {
  if (resources === undefined) return;
  const limits = new Map<string, Quantity>();
  for (const [name, text] of Object.entries(resources.limits ?? {})) {
    const at = `${path}.limits[${name}]`;
    validateResourceName(name, at, errors);
    const quantity = validateAmount(name, text, at, errors);
    if (quantity !== undefined) limits.set(name, quantity);
  }
  for (const [name, text] of Object.entries(resources.requests ?? {})) {
    const at = `${path}.requests[${name}]`;
    validateResourceName(name, at, errors);
    const quantity = validateAmount(name, text, at, errors);
    if (quantity === undefined) continue;
    const limit = limits.get(name);
    const limitText = resources.limits?.[name];
    if (limit === undefined) {
      if (!mayOvercommit(name)) errors.push(required(`${path}.limits`, 'Limit must be set for non overcommitable resources'));
      continue;
    }
    const order = compareQuantities(quantity, limit);
    if (order !== 0 && !mayOvercommit(name)) {
      errors.push(invalidValue(`${path}.requests`, text, `must be equal to ${name} limit of ${limitText}`));
    } else if (order > 0) {
      errors.push(invalidValue(`${path}.requests`, text, `must be less than or equal to ${name} limit of ${limitText}`));
    }
  }
}
