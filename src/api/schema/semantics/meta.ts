// What the schema of the shared metadata types lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const meta: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.apimachinery.pkg.apis.meta.v1',
    group: '',
    version: 'v1',
    atomic: ['V1LabelSelector', 'V1OwnerReference'],
    fields: {
      V1APIGroup: { serverAddressByClientCIDRs: 'atomic', versions: 'atomic' },
      V1APIGroupList: { groups: 'atomic' },
      V1APIResource: { categories: 'atomic', shortNames: 'atomic' },
      V1APIResourceList: { resources: 'atomic' },
      V1APIVersions: { serverAddressByClientCIDRs: 'atomic', versions: 'atomic' },
      V1Condition: { status: 'go=v1.ConditionStatus' },
      V1DeleteOptions: { dryRun: 'atomic', propagationPolicy: 'go=v1.DeletionPropagation' },
      V1FieldSelectorRequirement: { values: 'atomic' },
      V1LabelSelector: { matchExpressions: 'atomic' },
      V1LabelSelectorRequirement: { operator: 'go=v1.LabelSelectorOperator', values: 'atomic' },
      V1ManagedFieldsEntry: { operation: 'go=v1.ManagedFieldsOperationType' },
      V1ObjectMeta: {
        finalizers: 'set patch=merge',
        managedFields: 'atomic',
        ownerReferences: 'map:uid patch=merge:uid',
        uid: 'go=types.UID',
      },
      V1OwnerReference: { uid: 'go=types.UID' },
      V1Preconditions: { uid: 'go=types.UID' },
      V1StatusDetails: { causes: 'atomic' },
      V1WatchEvent: { object: 'go=runtime.RawExtension' },
    },
    types: `
      V1APIGroup V1APIGroupList V1APIResource V1APIResourceList V1APIVersions V1Condition V1DeleteOptions
      V1FieldSelectorRequirement V1GroupResource V1GroupVersionForDiscovery V1LabelSelector V1LabelSelectorRequirement V1ListMeta
      V1ManagedFieldsEntry V1ObjectMeta V1OwnerReference V1Preconditions V1ServerAddressByClientCIDR V1ShardInfo V1Status
      V1StatusCause V1StatusDetails V1WatchEvent
    `,
  },
  {
    definitions: 'io.k8s.apimachinery.pkg.version',
    fields: {},
    types: `
      VersionInfo
    `,
  },
];
