// What is loaded only where a server is told to ask others who somebody is and what they may: issuers of JWTs, and expressions over access.
export { type AuthenticationConfig, type JwtConfig, readAuthenticationConfig } from './authn/oidc/config.ts';
export { configOfFlags, createJwtAuthenticator } from './authn/oidc/jwt-authenticator.ts';
export { compileAccessConditions } from './authz/webhook/match.ts';
