// What the schema of authorization.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const authorization: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.authorization.v1',
    group: 'authorization.k8s.io',
    version: 'v1',
    fields: {
      V1FieldSelectorAttributes: { requirements: 'atomic' },
      V1LabelSelectorAttributes: { requirements: 'atomic' },
      V1NonResourceRule: { nonResourceURLs: 'atomic', verbs: 'atomic' },
      V1ResourceRule: { apiGroups: 'atomic', resourceNames: 'atomic', resources: 'atomic', verbs: 'atomic' },
      V1SubjectAccessReviewSpec: { groups: 'atomic' },
      V1SubjectRulesReviewStatus: { nonResourceRules: 'atomic', resourceRules: 'atomic' },
    },
    types: `
      V1FieldSelectorAttributes V1LabelSelectorAttributes V1LocalSubjectAccessReview V1NonResourceAttributes V1NonResourceRule
      V1ResourceAttributes V1ResourceRule V1SelfSubjectAccessReview V1SelfSubjectAccessReviewSpec V1SelfSubjectRulesReview
      V1SelfSubjectRulesReviewSpec V1SubjectAccessReview V1SubjectAccessReviewSpec V1SubjectAccessReviewStatus
      V1SubjectRulesReviewStatus
    `,
  },
];
