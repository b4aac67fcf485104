// The limits of CEL in the API: expressions that cost more are refused, or stopped.
// Source: k8s.io/apiserver/pkg/apis/cel (run time) and k8s.io/apiextensions-apiserver (estimates), as https://kubernetes.io/docs/reference/using-api/cel/ describes them.

/** What one evaluation of one expression may cost. */
export const perCallCostLimit = 1_000_000;
/** What all the rules of one custom resource, or all the expressions of one policy binding, may cost in one request. */
export const runtimeCostBudget = 10_000_000;
/** The same for the match conditions of one webhook or policy. */
export const matchConditionsCostBudget = 2_500_000;
/** The most that the estimate of one validation rule may come to. */
export const estimatedRuleCostLimit = 10_000_000;
/** The most that the estimates of all the rules of a CustomResourceDefinition may come to. */
export const estimatedDefinitionCostLimit = 100_000_000;
/** The size of the largest request, on which the sizes of unbounded values are estimated. */
export const requestBytesMax = 3 * 1024 * 1024;
/** The longest message that a messageExpression may make. */
export const messageBytesMax = 5 * 1024;
/** The longest source that is compiled, in code points, and how deep it may nest. */
export const sourceLengthMax = 100_000;
export const nestingMax = 250;
