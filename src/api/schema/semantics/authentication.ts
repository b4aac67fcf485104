// What the schema of authentication.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const authentication: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.authentication.v1',
    group: 'authentication.k8s.io',
    version: 'v1',
    fields: {
      V1TokenRequestSpec: { audiences: 'atomic' },
      V1TokenReviewSpec: { audiences: 'atomic' },
      V1TokenReviewStatus: { audiences: 'atomic' },
      V1UserInfo: { groups: 'atomic' },
    },
    types: `
      AuthenticationV1TokenRequest V1BoundObjectReference V1SelfSubjectReview V1SelfSubjectReviewStatus V1TokenRequestSpec
      V1TokenRequestStatus V1TokenReview V1TokenReviewSpec V1TokenReviewStatus V1UserInfo
    `,
  },
];
