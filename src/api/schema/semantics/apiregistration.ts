// What the schema of apiregistration.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const apiregistration: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1',
    group: 'apiregistration.k8s.io',
    version: 'v1',
    fields: {
      V1APIServiceSpec: { caBundle: 'atomic' },
      V1APIServiceStatus: { conditions: 'map:type patch=merge:type' },
    },
    types: `
      ApiregistrationV1ServiceReference V1APIService V1APIServiceCondition V1APIServiceList V1APIServiceSpec V1APIServiceStatus
    `,
  },
];
