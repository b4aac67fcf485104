// SelfSubjectAccessReview: may I do this. Answered, never stored.
import type { V1SelfSubjectAccessReview } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { validateQuestion } from './review-specs.ts';

export const selfsubjectaccessreviews: KindDefinition<V1SelfSubjectAccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  resource: 'selfsubjectaccessreviews',
  singular: 'selfsubjectaccessreview',
  verbs: ['create'],
  namespaced: false,
  schema: 'V1SelfSubjectAccessReview',
  hasGeneration: false,
  columns: [],
  validateCreate: ({ spec }) => validateQuestion(spec),
  virtual: true,
};
