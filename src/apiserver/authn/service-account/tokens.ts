// Service account tokens: issued, and known again. What a key has signed is remembered; whether it still counts is looked up every time.
import { createHash } from 'node:crypto';
import type { Clock } from '../../../base/mod.ts';
import type { UserInfo } from '../../../client/mod.ts';
import type { TokenAuthenticator } from '../authenticate.ts';
import { claimsJson, type Lookup, parseClaims, serviceAccountUser, type TokenClaims, tokenProblem } from './claims.ts';
import { isSignedBy, readClaims, signToken, type TokenKey } from './jwt.ts';

/** Tokens whose signature is remembered. */
const rememberedDefault = 4096;

export interface ServiceAccountTokensOptions {
  /** Signs new tokens. */
  readonly key: TokenKey;
  /** Their tokens are good, too. */
  readonly olderKeys?: readonly TokenKey[] | undefined;
  /** `https://kubernetes.default.svc.cluster.local`; also the audience of the API server itself. */
  readonly issuer: string;
  readonly clock: Clock;
  readonly lookup: Lookup;
  /** Tokens whose signature is remembered, those used last. */
  readonly rememberedMax?: number | undefined;
}

/** Claims that a key of the cluster has signed. */
interface Known {
  readonly claims: TokenClaims;
  readonly user: UserInfo;
}

export interface ServiceAccountTokens extends TokenAuthenticator {
  readonly issuer: string;
  readonly key: TokenKey;
  readonly keys: readonly TokenKey[];
  issue(claims: Omit<TokenClaims, 'issuer'>): string;
  /** Undefined for a token of somebody else's; otherwise who it stands for and for which audiences, or why it does not count. */
  examine(token: string): { readonly user: UserInfo; readonly audiences: readonly string[] } | { readonly problem: string } | undefined;
}

export function createServiceAccountTokens(options: ServiceAccountTokensOptions): ServiceAccountTokens {
  const { key, issuer, clock, lookup, rememberedMax = rememberedDefault } = options;
  const keys = [key, ...(options.olderKeys ?? [])];
  const remembered = new Map<string, Known>();

  const recall = (token: string): Known | undefined => {
    // The token itself is a secret: its hash does as well.
    const digest = createHash('sha256').update(token).digest('base64');
    const before = remembered.get(digest);
    if (before) {
      // What was used last stands last.
      remembered.delete(digest);
      remembered.set(digest, before);
      return before;
    }
    const json = readClaims(token);
    const claims = json && parseClaims(json);
    if (claims?.issuer !== issuer || !isSignedBy(keys, token)) return undefined;
    const known = { claims, user: serviceAccountUser(claims) };
    remembered.set(digest, known);
    if (remembered.size > rememberedMax) forgetOldest();
    return known;
  };

  const forgetOldest = () => {
    const oldest = remembered.keys().next();
    if (!oldest.done) remembered.delete(oldest.value);
  };

  const examine: ServiceAccountTokens['examine'] = (token) => {
    const known = recall(token);
    if (!known) return undefined;
    const { claims, user } = known;
    const problem = tokenProblem(claims, clock.nowMs(), lookup);
    return problem === undefined ? { user, audiences: claims.audiences } : { problem };
  };

  return {
    issuer,
    key,
    keys,
    issue: (claims) => signToken(key, claimsJson({ ...claims, issuer })),
    examine,
    authenticate(token) {
      const found = examine(token);
      return found && 'user' in found && found.audiences.includes(issuer) ? found.user : undefined;
    },
  };
}
