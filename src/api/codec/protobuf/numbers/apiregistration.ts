// Field numbers of the protobuf form: apiregistration. One type a line, in the form that plan.ts reads.
export const apiregistration = `
ApiregistrationV1ServiceReference namespace=1 name=2 port=3*
V1APIService metadata=1 spec=2 status=3
V1APIServiceCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
V1APIServiceSpec service=1 group=2 version=3 insecureSkipTLSVerify=4 caBundle=5 groupPriorityMinimum=7 versionPriority=8
V1APIServiceStatus conditions=1
`;
