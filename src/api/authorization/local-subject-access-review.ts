// LocalSubjectAccessReview: may someone do this in this namespace. Answered, never stored.
import type { V1LocalSubjectAccessReview } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { validateLocalReview } from './review-specs.ts';

export const localsubjectaccessreviews: KindDefinition<V1LocalSubjectAccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'LocalSubjectAccessReview',
  resource: 'localsubjectaccessreviews',
  singular: 'localsubjectaccessreview',
  verbs: ['create'],
  namespaced: true,
  schema: 'V1LocalSubjectAccessReview',
  hasGeneration: false,
  columns: [],
  validateCreate: validateLocalReview,
  virtual: true,
};
