// What the schema of discovery.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const discovery: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.discovery.v1',
    group: 'discovery.k8s.io',
    version: 'v1',
    atomic: ['DiscoveryV1EndpointPort'],
    fields: {
      DiscoveryV1EndpointPort: { protocol: 'go=v1.Protocol' },
      V1Endpoint: { addresses: 'set' },
      V1EndpointHints: { forNodes: 'atomic', forZones: 'atomic' },
      V1EndpointSlice: { addressType: 'go=v1.AddressType', endpoints: 'atomic', ports: 'atomic' },
    },
    types: `
      DiscoveryV1EndpointPort V1Endpoint V1EndpointConditions V1EndpointHints V1EndpointSlice V1EndpointSliceList V1ForNode
      V1ForZone
    `,
  },
];
