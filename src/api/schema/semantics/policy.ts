// What the schema of policy lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const policy: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.policy.v1',
    group: 'policy',
    version: 'v1',
    fields: {
      V1PodDisruptionBudgetSpec: { selector: 'patch=replace' },
      V1PodDisruptionBudgetStatus: { conditions: 'map:type patch=merge:type' },
    },
    types: `
      V1Eviction V1PodDisruptionBudget V1PodDisruptionBudgetList V1PodDisruptionBudgetSpec V1PodDisruptionBudgetStatus
    `,
  },
];
