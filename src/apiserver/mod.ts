// The door of apiserver/: everything between a socket and the store.

export { type Access, type AuthorizationMode, type AuthorizationModes, defaultIssuer as ownIssuer } from './access.ts';
export type { AdmissionSettings, EventLimit, LimitedResource, PodSecuritySettings } from './admission/mod.ts';
export type { AggregationOptions } from './aggregation/aggregator.ts';
export { createAudit } from './audit/audit.ts';
export { type CallAudit, createCallAudit } from './audit/calls.ts';
export { createAuditLog } from './audit/log-backend.ts';
export { readPolicy as readAuditPolicy } from './audit/policy.ts';
export { createAuditWebhook } from './audit/webhook-backend.ts';
export { type Anonymous, anonymousUser, type TokenAuthenticator } from './authn/authenticate.ts';
export type { AuthenticationConfig } from './authn/oidc/config.ts';
export type { OidcFlags } from './authn/oidc/jwt-authenticator.ts';
export { type StaticToken, staticTokens } from './authn/static-tokens.ts';
export { webhookTokens } from './authn/webhook-tokens.ts';
export { type Attributes, type Authorizer, type Decision, firstOpinion } from './authz/authorizer.ts';
export { createWebhookAuthorizer } from './authz/webhook/webhook-authorizer.ts';
export { type ApiCore, type ApiCoreOptions, createApiCore } from './core.ts';
export { createFairness } from './fairness/fairness.ts';
export { type HealthCheck, type VersionInfo, versionInfo } from './health/health.ts';
export { type HeavyTasks, heavyProgram, heavyWork } from './heavy/mod.ts';
export type { ResourceCore } from './http/core-port.ts';
export { collectStorage, measureStore } from './metrics/storage.ts';
export { createNodeUsage, type NodeUsageDirectory, type NodeUsageSource } from './metrics-api/node-usage-source.ts';
export type { AuditSteps } from './pipeline.ts';
export {
  createNodeDirectory,
  httpNodeConnection,
  kubeletOrigin,
  type NodeConnection,
  type NodeDirectory,
  type NodeRequest,
  type NodeResponse,
  type NodeUpgradeAnswer,
  type OwnNode,
} from './proxy/node-connection.ts';
export type * from './request.ts';
export { type ApiServer, type ApiServerOptions, startApiServer } from './server.ts';

/** Reads CEL and all that it takes: for servers that are told to ask others. */
export const loadExternalAccess = (): Promise<typeof import('./external-access.ts')> => import('./external-access.ts');
