// Field numbers of the protobuf form: meta. One type a line, in the form that plan.ts reads.
export const meta = `
V1APIGroup name=1 versions=2 preferredVersion=3 serverAddressByClientCIDRs=4
V1APIGroupList groups=1
V1APIResource name=1 singularName=6 namespaced=2 group=8 version=9 kind=3 verbs=4 shortNames=5 categories=7 storageVersionHash=10
V1APIResourceList groupVersion=1 resources=2
V1APIVersions versions=1 serverAddressByClientCIDRs=2
V1Condition type=1 status=2 observedGeneration=3 lastTransitionTime=4 reason=5 message=6
V1DeleteOptions gracePeriodSeconds=1* preconditions=2 orphanDependents=3* propagationPolicy=4* dryRun=5 ignoreStoreReadErrorWithClusterBreakingPotential=6*
V1FieldSelectorRequirement key=1 operator=2 values=3
V1GroupResource group=1 resource=2
V1GroupVersionForDiscovery groupVersion=1 version=2
V1LabelSelector matchLabels=1 matchExpressions=2
V1LabelSelectorRequirement key=1 operator=2 values=3
V1ListMeta selfLink=1 resourceVersion=2 continue=3 remainingItemCount=4* shardInfo=5
V1ManagedFieldsEntry manager=1 operation=2 apiVersion=3 time=4 fieldsType=6 fieldsV1=7 subresource=8
V1ObjectMeta name=1 generateName=2 namespace=3 selfLink=4 uid=5 resourceVersion=6 generation=7 creationTimestamp=8 deletionTimestamp=9 deletionGracePeriodSeconds=10* labels=11 annotations=12 ownerReferences=13 finalizers=14 managedFields=17
V1OwnerReference apiVersion=5 kind=1 name=3 uid=4 controller=6* blockOwnerDeletion=7*
V1Preconditions uid=1* resourceVersion=2*
V1ServerAddressByClientCIDR clientCIDR=1 serverAddress=2
V1ShardInfo selector=1
V1Status metadata=1 status=2 message=3 reason=4 details=5 code=6
V1StatusCause reason=1 message=2 field=3
V1StatusDetails name=1 group=2 kind=3 uid=6 causes=4 retryAfterSeconds=5
V1WatchEvent type=1 object=2
`;
