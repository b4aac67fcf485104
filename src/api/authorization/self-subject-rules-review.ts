// SelfSubjectRulesReview: what may I do in this namespace. Answered, never stored.
import type { V1SelfSubjectRulesReview } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';

export const selfsubjectrulesreviews: KindDefinition<V1SelfSubjectRulesReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectRulesReview',
  resource: 'selfsubjectrulesreviews',
  singular: 'selfsubjectrulesreview',
  verbs: ['create'],
  namespaced: false,
  schema: 'V1SelfSubjectRulesReview',
  hasGeneration: false,
  columns: [],
  virtual: true,
};
