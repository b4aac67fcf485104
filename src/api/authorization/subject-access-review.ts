// SubjectAccessReview: may someone do this. Answered, never stored.
import type { V1SubjectAccessReview } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { validateSubjectReview } from './review-specs.ts';

export const subjectaccessreviews: KindDefinition<V1SubjectAccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  resource: 'subjectaccessreviews',
  singular: 'subjectaccessreview',
  verbs: ['create'],
  namespaced: false,
  schema: 'V1SubjectAccessReview',
  hasGeneration: false,
  columns: [],
  validateCreate: validateSubjectReview,
  virtual: true,
};
