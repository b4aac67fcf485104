// Field numbers of the protobuf form: rbac. One type a line, in the form that plan.ts reads.
export const rbac = `
RbacV1Subject kind=1 apiGroup=2 name=3 namespace=4
V1AggregationRule clusterRoleSelectors=1
V1ClusterRole metadata=1 rules=2 aggregationRule=3
V1ClusterRoleBinding metadata=1 subjects=2 roleRef=3
V1PolicyRule verbs=1 apiGroups=2 resources=3 resourceNames=4 nonResourceURLs=5
V1Role metadata=1 rules=2
V1RoleBinding metadata=1 subjects=2 roleRef=3
V1RoleRef apiGroup=1 kind=2 name=3
`;
