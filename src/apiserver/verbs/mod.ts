// The verbs' parts that the rest of the API server uses.
export { type DecodeBody, decodeChanged, decodeJsonBody } from './body.ts';
export { admitConnect, type ConnectRequest } from './connect.ts';
export { execute, unknownResource, verbNotAllowed } from './execute.ts';
export { type ApplyInput, type ManagedFields, type ManagedFieldsUpdate, type PatchEngine, patchEngine } from './patch-engine.ts';
export type { Services } from './services.ts';
export { transform } from './transform.ts';
