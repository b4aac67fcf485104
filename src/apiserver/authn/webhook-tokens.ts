// Asks a webhook who a bearer token stands for: a TokenReview of authentication.k8s.io/v1.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication
import type { V1TokenReview } from '../../api/mod.ts';
import { type Clock, errorText, type Logger } from '../../base/mod.ts';
import type { UserInfo } from '../../client/mod.ts';
import type { TokenAuthenticator } from './authenticate.ts';
import { cachedTokens } from './token-cache.ts';

export interface WebhookTokensOptions {
  /** Posts JSON, within a deadline; throws when there is no answer of success. */
  readonly post: (body: string) => Promise<Uint8Array>;
  /** The API server as tokens' audience. */
  readonly audience: string;
  /** Milliseconds for which an answer counts. */
  readonly cacheMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A webhook that cannot be asked makes nobody of whoever brings a token. */
export function webhookTokens({ post, audience, cacheMs, clock, log }: WebhookTokensOptions): TokenAuthenticator {
  const asked: TokenAuthenticator = {
    async authenticate(token) {
      const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences: [audience] } };
      return userOf(JSON.parse(Buffer.from(await post(JSON.stringify(review))).toString('utf8')) as V1TokenReview, audience);
    },
  };
  const cached = cachedTokens(asked, { clock, knownMs: cacheMs, unknownMs: cacheMs });
  return {
    async authenticate(token) {
      try {
        return await cached.authenticate(token);
      } catch (error) {
        log.warn('The webhook for tokens could not be asked', { error: errorText(error) });
        return undefined;
      }
    },
  };
}

/** Undefined unless the answer says clearly who it is. A webhook that knows no audiences answers for the API server. */
function userOf({ status }: V1TokenReview, audience: string): UserInfo | undefined {
  const { user, audiences } = status ?? {};
  if (status?.authenticated !== true || !user?.username) return undefined;
  if (audiences && audiences.length > 0 && !audiences.includes(audience)) return undefined;
  const { username: name, uid, groups = [], extra } = user;
  return { name, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
}
