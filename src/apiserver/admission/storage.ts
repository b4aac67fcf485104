// Admission of storage: claims get the default class, storage in use is protected, and only claims whose class allows it grow.
import {
  addStorageProtection,
  claimProtection,
  type Draft,
  forbidden,
  isDefaultClass,
  type KubeObject,
  requestedBytes,
  storageClassOf,
  timeMs,
  type V1PersistentVolumeClaim,
  type V1StorageClass,
  volumeProtection,
} from '../../api/mod.ts';
import { isOf } from './attributes.ts';
import type { AdmissionPlugin } from './chain.ts';

export interface StorageClassLookup {
  readonly get: (name: string) => KubeObject | undefined;
  readonly all: () => readonly KubeObject[];
}

/** Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#storageobjectinuseprotection */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  mutate: (attributes, draft) => {
    if (attributes.operation !== 'CREATE' || !draft) return;
    if (isOf(attributes, '', 'persistentvolumeclaims')) addStorageProtection(draft, claimProtection);
    if (isOf(attributes, '', 'persistentvolumes')) addStorageProtection(draft, volumeProtection);
  },
};

/** Of several defaults the newest counts. Source: https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass */
export const defaultStorageClass = (classes: StorageClassLookup): AdmissionPlugin => ({
  name: 'DefaultStorageClass',
  mutate: (attributes, draft) => {
    if (attributes.operation !== 'CREATE' || !draft || !isOf(attributes, '', 'persistentvolumeclaims')) return;
    const claim = draft as Draft<V1PersistentVolumeClaim>;
    if (!claim.spec || claim.spec.storageClassName !== undefined || storageClassOf(claim as V1PersistentVolumeClaim) !== '') return;
    const name = newestDefault(classes.all() as readonly V1StorageClass[]);
    if (name !== undefined) claim.spec.storageClassName = name;
  },
});

function newestDefault(classes: readonly V1StorageClass[]): string | undefined {
  let newest: V1StorageClass | undefined;
  for (const each of classes) {
    if (!isDefaultClass(each)) continue;
    const difference = newest ? timeMs(each.metadata?.creationTimestamp) - timeMs(newest.metadata?.creationTimestamp) : 1;
    const first = difference === 0 && (each.metadata?.name ?? '') < (newest?.metadata?.name ?? '');
    if (difference > 0 || first) newest = each;
  }
  return newest?.metadata?.name;
}

/** Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#persistentvolumeclaimresize */
export const persistentVolumeClaimResize = (classes: StorageClassLookup): AdmissionPlugin => ({
  name: 'PersistentVolumeClaimResize',
  validate: (attributes, object) => {
    if (attributes.operation !== 'UPDATE' || !object || !isOf(attributes, '', 'persistentvolumeclaims')) return;
    const [claim, old] = [object as V1PersistentVolumeClaim, attributes.old as V1PersistentVolumeClaim];
    if (requestedBytes(claim) <= requestedBytes(old)) return;
    const refuse = (why: string) => forbidden({ group: '', resource: 'persistentvolumeclaims', name: attributes.name }, why);
    if (old.status?.phase !== 'Bound') throw refuse('Only bound persistent volume claims can be expanded');
    const storageClass = classes.get(storageClassOf(old)) as V1StorageClass | undefined;
    if (storageClass?.allowVolumeExpansion === true) return;
    throw refuse('only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize');
  },
});
