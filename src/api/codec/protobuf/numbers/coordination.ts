// Field numbers of the protobuf form: coordination. One type a line, in the form that plan.ts reads.
export const coordination = `
V1Lease metadata=1 spec=2
V1LeaseSpec holderIdentity=1* leaseDurationSeconds=2* acquireTime=3 renewTime=4 leaseTransitions=5* strategy=6* preferredHolder=7*
`;
