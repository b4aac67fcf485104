// Field numbers of the protobuf form: discovery. One type a line, in the form that plan.ts reads.
export const discovery = `
DiscoveryV1EndpointPort name=1* protocol=2* port=3* appProtocol=4*
V1Endpoint addresses=1 conditions=2 hostname=3* targetRef=4 deprecatedTopology=5 nodeName=6* zone=7* hints=8
V1EndpointConditions ready=1* serving=2* terminating=3*
V1EndpointHints forZones=1 forNodes=2
V1EndpointSlice metadata=1 addressType=4 endpoints=2 ports=3
V1ForNode name=1
V1ForZone name=1
`;
