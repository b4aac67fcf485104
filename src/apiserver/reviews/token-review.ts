// TokenReview and SelfSubjectReview: whose is this token, and who am I.
import { badRequest, type V1TokenReview, type V1TokenReviewSpec, type V1TokenReviewStatus, type V1UserInfo } from '../../api/mod.ts';
import type { UserInfo } from '../../client/mod.ts';
import { type TokenAuthenticator, withAuthenticatedGroup } from '../authn/authenticate.ts';
import type { ServiceAccountTokens } from '../authn/service-account/tokens.ts';

export interface TokenReviewContext {
  readonly serviceAccounts: ServiceAccountTokens | undefined;
  /** Those that know no audiences: their tokens are for the API server alone. */
  readonly others: readonly TokenAuthenticator[];
}

/** Fills in the status. Throws 400 without a token. */
export async function reviewToken(context: TokenReviewContext, sent: V1TokenReview): Promise<V1TokenReview> {
  const { token = '' } = sent.spec ?? {};
  if (token === '') throw badRequest('token is required for TokenReview in authentication');
  const status = await statusOf(context, { ...sent.spec, token });
  return { ...sent, status };
}

async function statusOf(
  { serviceAccounts, others }: TokenReviewContext,
  { token = '', audiences: asked = [] }: V1TokenReviewSpec,
): Promise<V1TokenReviewStatus> {
  const own = serviceAccounts ? [serviceAccounts.issuer] : [];
  const wanted = asked.length > 0 ? asked : own;
  const granted = (audiences: readonly string[]) => wanted.filter((one) => audiences.includes(one));
  const found = serviceAccounts?.examine(token);
  if (found && 'problem' in found) return { error: `[invalid bearer token, ${found.problem}]` };
  if (found) {
    const audiences = granted(found.audiences);
    if (audiences.length > 0) return { authenticated: true, audiences, user: userJson(found.user) };
    const list = (texts: readonly string[]) => `[${texts.map((one) => JSON.stringify(one)).join(' ')}]`;
    return {
      error: `[invalid bearer token, token audiences ${list(found.audiences)} is invalid for the target audiences ${list(wanted)}]`,
    };
  }
  for (const authenticator of others) {
    const user = await authenticator.authenticate(token);
    const audiences = granted(own);
    if (user && (audiences.length > 0 || wanted.length === 0)) {
      return { authenticated: true, ...(audiences.length > 0 ? { audiences } : {}), user: userJson(withAuthenticatedGroup(user)) };
    }
  }
  return { error: 'invalid bearer token' };
}

export function userJson({ name, uid, groups, extra }: UserInfo): V1UserInfo {
  return { username: name, ...(uid === undefined ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) } as V1UserInfo;
}
