// Field numbers of the protobuf form: policy. One type a line, in the form that plan.ts reads.
export const policy = `
V1Eviction metadata=1 deleteOptions=2
V1PodDisruptionBudget metadata=1 spec=2 status=3
V1PodDisruptionBudgetSpec minAvailable=1 selector=2 maxUnavailable=3 unhealthyPodEvictionPolicy=4*
V1PodDisruptionBudgetStatus observedGeneration=1 disruptedPods=2 disruptionsAllowed=3* currentHealthy=4* desiredHealthy=5* expectedPods=6* conditions=7
`;
