// The kinds that controllers read and write, under names that leave the plurals free for what is in them.
export {
  configmaps as configMapType,
  deployments as deploymentType,
  endpoints as endpointsType,
  endpointslices as endpointSliceType,
  leases as leaseType,
  namespaces as namespaceType,
  nodes as nodeType,
  persistentvolumeclaims as persistentVolumeClaimType,
  persistentvolumes as persistentVolumeType,
  pods as podType,
  replicasets as replicaSetType,
  replicationcontrollers as replicationControllerType,
  serviceaccounts as serviceAccountType,
  services as serviceType,
  storageclasses as storageClassType,
} from '../../api/mod.ts';
