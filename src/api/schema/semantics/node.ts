// What the schema of node.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const node: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.node.v1',
    group: 'node.k8s.io',
    version: 'v1',
    fields: {
      V1Overhead: { podFixed: 'quantity go=v1.ResourceList' },
      V1Scheduling: { nodeSelector: 'atomic-map', tolerations: 'atomic' },
    },
    types: `
      V1Overhead V1RuntimeClass V1RuntimeClassList V1Scheduling
    `,
  },
];
