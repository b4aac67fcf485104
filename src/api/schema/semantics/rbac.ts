// What the schema of rbac.authorization.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const rbac: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.rbac.v1',
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    atomic: ['RbacV1Subject', 'V1RoleRef'],
    fields: {
      V1AggregationRule: { clusterRoleSelectors: 'atomic' },
      V1ClusterRole: { rules: 'atomic' },
      V1ClusterRoleBinding: { subjects: 'atomic' },
      V1PolicyRule: { apiGroups: 'atomic', nonResourceURLs: 'atomic', resourceNames: 'atomic', resources: 'atomic', verbs: 'atomic' },
      V1Role: { rules: 'atomic' },
      V1RoleBinding: { subjects: 'atomic' },
    },
    types: `
      RbacV1Subject V1AggregationRule V1ClusterRole V1ClusterRoleBinding V1ClusterRoleBindingList V1ClusterRoleList V1PolicyRule
      V1Role V1RoleBinding V1RoleBindingList V1RoleList V1RoleRef
    `,
  },
];
