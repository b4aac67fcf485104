// What the schema of storage.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const storage: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.storage.v1',
    group: 'storage.k8s.io',
    version: 'v1',
    fields: {
      V1CSIDriverSpec: {
        fsGroupPolicy: 'go=v1.FSGroupPolicy',
        tokenRequests: 'atomic',
        volumeLifecycleModes: 'set go=[]v1.VolumeLifecycleMode',
      },
      V1CSINodeDriver: { topologyKeys: 'atomic' },
      V1CSINodeSpec: { drivers: 'map:name patch=merge:name' },
      V1CSIStorageCapacity: { capacity: 'quantity', maximumVolumeSize: 'quantity' },
      V1StorageClass: {
        allowedTopologies: 'atomic',
        mountOptions: 'atomic',
        reclaimPolicy: 'go=v1.PersistentVolumeReclaimPolicy',
        volumeBindingMode: 'go=v1.VolumeBindingMode',
      },
    },
    types: `
      StorageV1TokenRequest V1CSIDriver V1CSIDriverList V1CSIDriverSpec V1CSINode V1CSINodeDriver V1CSINodeList V1CSINodeSpec
      V1CSIStorageCapacity V1CSIStorageCapacityList V1StorageClass V1StorageClassList V1VolumeAttachment V1VolumeAttachmentList
      V1VolumeAttachmentSource V1VolumeAttachmentSpec V1VolumeAttachmentStatus V1VolumeAttributesClass V1VolumeAttributesClassList
      V1VolumeError V1VolumeNodeResources
    `,
  },
];
