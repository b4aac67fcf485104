// SelfSubjectReview: who am I. Answered, never stored.
import type { V1SelfSubjectReview } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';

export const selfsubjectreviews: KindDefinition<V1SelfSubjectReview> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  resource: 'selfsubjectreviews',
  singular: 'selfsubjectreview',
  verbs: ['create'],
  namespaced: false,
  schema: 'V1SelfSubjectReview',
  hasGeneration: false,
  columns: [],
  virtual: true,
};
