// What the schema of scheduling.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const scheduling: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.scheduling.v1',
    group: 'scheduling.k8s.io',
    version: 'v1',
    fields: {
      V1PriorityClass: { preemptionPolicy: 'go=v1.PreemptionPolicy' },
    },
    types: `
      V1PriorityClass V1PriorityClassList
    `,
  },
];
