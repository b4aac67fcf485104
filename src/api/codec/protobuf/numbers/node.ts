// Field numbers of the protobuf form: node. One type a line, in the form that plan.ts reads.
export const node = `
V1Overhead podFixed=1
V1RuntimeClass metadata=1 handler=2 overhead=3 scheduling=4
V1Scheduling nodeSelector=1 tolerations=2
`;
