// What policies and match conditions do once there are any: loaded with CEL, when the first one is met.
export { checkExpressions } from './check-expressions.ts';
export { webhookMatches } from './match-conditions.ts';
export { mutateByPolicies } from './mutate.ts';
export { validateByPolicies } from './validate.ts';
