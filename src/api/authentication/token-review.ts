// TokenReview: whose bearer token is this. Answered, never stored.
import type { V1TokenReview } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';

export const tokenreviews: KindDefinition<V1TokenReview> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  resource: 'tokenreviews',
  singular: 'tokenreview',
  verbs: ['create'],
  namespaced: false,
  schema: 'V1TokenReview',
  hasGeneration: false,
  columns: [],
  virtual: true,
};
