// What the schema of resource.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const resource: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.resource.v1',
    group: 'resource.k8s.io',
    version: 'v1',
    fields: {
      V1AllocatedDeviceStatus: { conditions: 'map:type', data: 'go=runtime.RawExtension' },
      V1CapacityRequestPolicy: { default: 'quantity', validValues: 'atomic quantity' },
      V1CapacityRequestPolicyRange: { max: 'quantity', min: 'quantity', step: 'quantity' },
      V1CapacityRequirements: { requests: 'quantity' },
      V1Counter: { value: 'quantity' },
      V1Device: { bindingConditions: 'atomic', bindingFailureConditions: 'atomic', consumesCounters: 'atomic', taints: 'atomic' },
      V1DeviceAllocationConfiguration: { requests: 'atomic' },
      V1DeviceAllocationResult: { config: 'atomic', results: 'atomic' },
      V1DeviceAttribute: { bools: 'atomic', ints: 'atomic', strings: 'atomic', versions: 'atomic' },
      V1DeviceCapacity: { value: 'quantity' },
      V1DeviceClaim: { config: 'atomic', constraints: 'atomic', requests: 'atomic' },
      V1DeviceClaimConfiguration: { requests: 'atomic' },
      V1DeviceClassSpec: { config: 'atomic', selectors: 'atomic' },
      V1DeviceConstraint: { requests: 'atomic' },
      V1DeviceRequest: { firstAvailable: 'atomic' },
      V1DeviceRequestAllocationResult: {
        bindingConditions: 'atomic',
        bindingFailureConditions: 'atomic',
        consumedCapacity: 'quantity',
        tolerations: 'atomic',
      },
      V1DeviceSubRequest: { selectors: 'atomic', tolerations: 'atomic' },
      V1ExactDeviceRequest: { selectors: 'atomic', tolerations: 'atomic' },
      V1NetworkDeviceData: { ips: 'atomic' },
      V1NodeAllocatableResourceMapping: { allocationMultiplier: 'quantity' },
      V1OpaqueDeviceConfiguration: { parameters: 'go=runtime.RawExtension' },
      V1ResourceClaimStatus: { devices: 'map:driver,device,pool,shareID', reservedFor: 'map:uid patch=merge:uid' },
      V1ResourceSliceSpec: { devices: 'atomic', sharedCounters: 'atomic' },
    },
    types: `
      ResourceV1ResourceClaim V1AllocatedDeviceStatus V1AllocationResult V1CELDeviceSelector V1CapacityRequestPolicy
      V1CapacityRequestPolicyRange V1CapacityRequirements V1Counter V1CounterSet V1Device V1DeviceAllocationConfiguration
      V1DeviceAllocationResult V1DeviceAttribute V1DeviceCapacity V1DeviceClaim V1DeviceClaimConfiguration V1DeviceClass
      V1DeviceClassConfiguration V1DeviceClassList V1DeviceClassSpec V1DeviceConstraint V1DeviceCounterConsumption V1DeviceRequest
      V1DeviceRequestAllocationResult V1DeviceSelector V1DeviceSubRequest V1DeviceTaint V1DeviceToleration V1ExactDeviceRequest
      V1NetworkDeviceData V1NodeAllocatableResourceMapping V1OpaqueDeviceConfiguration V1ResourceClaimConsumerReference
      V1ResourceClaimList V1ResourceClaimSpec V1ResourceClaimStatus V1ResourceClaimTemplate V1ResourceClaimTemplateList
      V1ResourceClaimTemplateSpec V1ResourcePool V1ResourceSlice V1ResourceSliceList V1ResourceSliceSpec
    `,
  },
];
