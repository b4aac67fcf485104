// Bearer tokens that another issuer has signed: JSON Web Tokens, as OpenID Connect has them.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens
import { type Clock, errorText, type Logger } from '../../../base/mod.ts';
import { type SignatureAlgorithm, signatureAlgorithms } from '../../../base/ports/jwk-verifier.ts';
import type { TokenAuthenticator } from '../authenticate.ts';
import { readClaims, readHeader } from '../service-account/jwt.ts';
import { cachedTokens } from '../token-cache.ts';
import { compileClaims } from './claims.ts';
import type { JwtConfig } from './config.ts';
import { createIssuerKeys } from './keys.ts';

export interface JwtAuthenticatorOptions {
  readonly config: JwtConfig;
  readonly fetchJson: (url: string) => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Clocks of issuers may be ahead. */
const notBeforeLeewayMs = 5 * 60 * 1000;
const cacheMs = 10_000;

/** Throws an Error that names the field for an expression that does not compile. */
export function createJwtAuthenticator({ config, fetchJson, clock, log }: JwtAuthenticatorOptions): TokenAuthenticator {
  const toUser = compileClaims(config);
  const keys = createIssuerKeys({ ...config, fetchJson, clock });
  const authenticator: TokenAuthenticator = {
    async authenticate(token) {
      const claims = readClaims(token);
      if (claims?.iss !== config.issuerUrl) return undefined;
      try {
        const problem = claimsProblem(claims, config, clock.nowMs());
        if (problem !== undefined) throw new Error(problem);
        const { alg, kid } = readHeader(token) ?? {};
        const algorithm = config.algorithms.find((one) => one === alg);
        if (!algorithm) throw new Error('oidc: id token signed with unsupported algorithm');
        const found = await keys.find(typeof kid === 'string' ? kid : undefined);
        if (!found.some((key) => key.verify(algorithm, ...signedParts(token))))
          throw new Error('oidc: failed to verify id token signature');
        return toUser(claims);
      } catch (error) {
        // The token itself is never said.
        log.debug('A token of an issuer was refused', { issuer: config.issuerUrl, error: errorText(error) });
        return undefined;
      }
    },
  };
  const cached = cachedTokens(authenticator, { clock, knownMs: cacheMs, unknownMs: 0 });
  return {
    authenticate(token) {
      const claims = readClaims(token);
      // What is over is over, remembered or not.
      if (claims?.iss !== config.issuerUrl || claimsProblem(claims, config, clock.nowMs()) !== undefined) return undefined;
      return cached.authenticate(token);
    },
  };
}

function signedParts(token: string): [data: Uint8Array, signature: Uint8Array] {
  const end = token.lastIndexOf('.');
  return [Buffer.from(token.slice(0, end)), Buffer.from(token.slice(end + 1), 'base64url')];
}

function claimsProblem(claims: Readonly<Record<string, unknown>>, { audiences }: JwtConfig, nowMs: number): string | undefined {
  const { aud, exp, nbf } = claims;
  const meant = Array.isArray(aud) ? aud : [aud];
  if (!audiences.some((audience) => meant.includes(audience))) return 'oidc: expected audience in the token, got another';
  if (typeof exp !== 'number' || exp * 1000 <= nowMs) return 'oidc: token is expired';
  if (typeof nbf === 'number' && nbf * 1000 > nowMs + notBeforeLeewayMs) return 'oidc: current time before the nbf (not before) time';
  return undefined;
}

export interface OidcFlags {
  readonly issuerUrl: string;
  readonly clientId: string;
  readonly usernameClaim: string;
  /** Undefined: the issuer and `#`, but nothing before an email; `-`: nothing. */
  readonly usernamePrefix: string | undefined;
  readonly groupsClaim: string | undefined;
  readonly groupsPrefix: string;
  readonly requiredClaims: Readonly<Record<string, string>>;
  readonly algorithms: readonly SignatureAlgorithm[];
}

export const isSignatureAlgorithm = (text: string): text is SignatureAlgorithm => (signatureAlgorithms as readonly string[]).includes(text);

/** The configuration that the --oidc-* flags stand for. */
export function configOfFlags(flags: OidcFlags, authorityPem: string | undefined): JwtConfig {
  const { issuerUrl, usernameClaim, usernamePrefix, groupsClaim } = flags;
  const usual = usernameClaim === 'email' ? '' : `${issuerUrl}#`;
  return {
    issuerUrl,
    discoveryUrl: undefined,
    authorityPem,
    audiences: [flags.clientId],
    algorithms: flags.algorithms,
    requiredClaims: flags.requiredClaims,
    claimRules: [],
    username: { claim: usernameClaim, prefix: usernamePrefix === '-' ? '' : (usernamePrefix ?? usual) },
    groups: groupsClaim === undefined ? undefined : { claim: groupsClaim, prefix: flags.groupsPrefix },
    uid: undefined,
    extra: [],
    userRules: [],
  };
}
