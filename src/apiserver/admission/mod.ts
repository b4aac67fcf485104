// Admission's parts that the rest of the API server uses.
export * from './chain.ts';
export * from './default.ts';
export * from './namespace-lifecycle.ts';
export { inOrder } from './order.ts';
export type { AdmissionSettings, EventLimit, LimitedResource, PodSecuritySettings } from './settings.ts';
