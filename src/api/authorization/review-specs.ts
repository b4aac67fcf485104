// Validation of access reviews: one question, about resources or about a path, and about someone.
import type { V1NonResourceAttributes, V1ResourceAttributes, V1SubjectAccessReviewSpec } from '../generated/types.gen.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';
import type { KubeObject } from '../meta/object.ts';

interface Question {
  readonly resourceAttributes?: V1ResourceAttributes | undefined;
  readonly nonResourceAttributes?: V1NonResourceAttributes | undefined;
}

/** `spec` of a SelfSubjectAccessReview, and what the others add to. */
export function validateQuestion(spec: Question | undefined): FieldError[] {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec ?? {};
  if (resource !== undefined && path !== undefined) {
    return [invalidValue('spec.nonResourceAttributes', path, 'cannot be specified in combination with resourceAttributes')];
  }
  if (resource === undefined && path === undefined) {
    return [invalidValue('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified')];
  }
  return resource === undefined ? [] : validateSelectors(resource);
}

function validateSelectors({ fieldSelector, labelSelector }: V1ResourceAttributes): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, selector] of Object.entries({ fieldSelector, labelSelector })) {
    if (selector === undefined) continue;
    const path = `spec.resourceAttributes.${name}`;
    const { rawSelector = '', requirements = [] } = selector;
    if (rawSelector !== '' && requirements.length > 0) {
      errors.push(invalidValue(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements'));
    }
    if (rawSelector === '' && requirements.length === 0)
      errors.push(required(`${path}.requirements`, `when ${path} is specified, requirements or rawSelector is required`));
  }
  return errors;
}

export function validateSubjectReview({ spec }: { readonly spec?: V1SubjectAccessReviewSpec | undefined }): FieldError[] {
  const errors = validateQuestion(spec);
  if (!spec?.user && (spec?.groups ?? []).length === 0) {
    errors.push(invalidValue('spec.user', spec?.user ?? '', 'at least one of user or group must be specified'));
  }
  return errors;
}

export function validateLocalReview(review: KubeObject & { readonly spec?: V1SubjectAccessReviewSpec | undefined }): FieldError[] {
  const errors = validateSubjectReview(review);
  const namespace = review.metadata?.namespace ?? '';
  const resource = review.spec?.resourceAttributes;
  if (resource !== undefined && (resource.namespace ?? '') !== namespace) {
    errors.push(invalidValue('spec.resourceAttributes.namespace', resource.namespace ?? '', 'must match metadata.namespace'));
  }
  if (review.spec?.nonResourceAttributes !== undefined) {
    errors.push(invalidValue('spec.nonResourceAttributes', review.spec.nonResourceAttributes, 'disallowed on this kind of request'));
  }
  return errors;
}
