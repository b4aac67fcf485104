// What ResourceQuotas count.
export { addQuantityMap, podAmounts, type QuantityMap, quantitiesOf } from '../core/pod-amounts.ts';
export * from './quota.ts';
export { type GroupResource, missingAmounts, type UsageRules, usageRulesOf } from './usage.ts';
