// Field numbers of the protobuf form: resource. One type a line, in the form that plan.ts reads.
export const resource = `
ResourceV1ResourceClaim metadata=1 spec=2 status=3
V1AllocatedDeviceStatus driver=1 pool=2 device=3 shareID=7* conditions=4 data=5 networkData=6
V1AllocationResult devices=1 nodeSelector=3 allocationTimestamp=5
V1CELDeviceSelector expression=1
V1CapacityRequestPolicy default=1 validValues=3 validRange=4
V1CapacityRequestPolicyRange min=1 max=2 step=3
V1CapacityRequirements requests=1
V1Counter value=1
V1CounterSet name=1 counters=2
V1Device name=1 attributes=2 capacity=3 consumesCounters=4 nodeName=5* nodeSelector=6 allNodes=7* taints=8 bindsToNode=9* bindingConditions=10 bindingFailureConditions=11 allowMultipleAllocations=12* nodeAllocatableResourceMappings=13
V1DeviceAllocationConfiguration source=1 requests=2 3/opaque=1
V1DeviceAllocationResult results=1 config=2
V1DeviceAttribute int=2* bool=3* string=4* version=5* ints=6 bools=7 strings=8 versions=9
V1DeviceCapacity value=1 requestPolicy=2
V1DeviceClaim requests=1 constraints=2 config=3
V1DeviceClaimConfiguration requests=1 2/opaque=1
V1DeviceClass metadata=1 spec=2
V1DeviceClassConfiguration 1/opaque=1
V1DeviceClassSpec selectors=1 config=2 extendedResourceName=4*
V1DeviceConstraint requests=1 matchAttribute=2* distinctAttribute=3*
V1DeviceCounterConsumption counterSet=1 counters=2
V1DeviceRequest name=1 exactly=2 firstAvailable=3
V1DeviceRequestAllocationResult request=1 driver=2 pool=3 device=4 adminAccess=5* tolerations=6 bindingConditions=7 bindingFailureConditions=8 shareID=9* consumedCapacity=10
V1DeviceSelector cel=1
V1DeviceSubRequest name=1 deviceClassName=2 selectors=3 allocationMode=4 count=5 tolerations=6 capacity=7
V1DeviceTaint key=1 value=2 effect=3 timeAdded=4
V1DeviceToleration key=1 operator=2 value=3 effect=4 tolerationSeconds=5*
V1ExactDeviceRequest deviceClassName=1 selectors=2 allocationMode=3 count=4 adminAccess=5* tolerations=6 capacity=7
V1NetworkDeviceData interfaceName=1 ips=2 hardwareAddress=3
V1NodeAllocatableResourceMapping capacityKey=1* allocationMultiplier=2
V1OpaqueDeviceConfiguration driver=1 parameters=2
V1ResourceClaimConsumerReference apiGroup=1 resource=3 name=4 uid=5
V1ResourceClaimSpec devices=1
V1ResourceClaimStatus allocation=1 reservedFor=2 devices=4
V1ResourceClaimTemplate metadata=1 spec=2
V1ResourceClaimTemplateSpec metadata=1 spec=2
V1ResourcePool name=1 generation=2 resourceSliceCount=3
V1ResourceSlice metadata=1 spec=2
V1ResourceSliceSpec driver=1 pool=2 nodeName=3* nodeSelector=4 allNodes=5* devices=6 perDeviceNodeSelection=7* sharedCounters=8
`;
