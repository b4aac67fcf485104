// What the schema of coordination.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const coordination: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.coordination.v1',
    group: 'coordination.k8s.io',
    version: 'v1',
    fields: {
      V1LeaseSpec: { strategy: 'go=v1.CoordinatedLeaseStrategy' },
    },
    types: `
      V1Lease V1LeaseList V1LeaseSpec
    `,
  },
];
