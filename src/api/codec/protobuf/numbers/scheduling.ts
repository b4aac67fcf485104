// Field numbers of the protobuf form: scheduling. One type a line, in the form that plan.ts reads.
export const scheduling = `
V1PriorityClass metadata=1 value=2* globalDefault=3 description=4 preemptionPolicy=5*
`;
