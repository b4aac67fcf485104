// What a service account token says: whose it is, for whom, until when, and which object it lives and dies with. Pure.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
import { type KubeObject, timeMs } from '../../../api/mod.ts';
import type { UserInfo } from '../../../client/mod.ts';

/** An object that a token is bound to. */
export interface ObjectRef {
  readonly name: string;
  readonly uid?: string | undefined;
}

/** The claims that say what the token is within Kubernetes: `kubernetes.io`. */
export interface BoundTo {
  readonly namespace: string;
  readonly serviceAccount: ObjectRef;
  readonly pod?: ObjectRef | undefined;
  readonly node?: ObjectRef | undefined;
  readonly secret?: ObjectRef | undefined;
}

/** A token's claims. Times are whole seconds since 1970. */
export interface TokenClaims extends BoundTo {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly tokenId: string;
  readonly issuedAtS: number;
  readonly notBeforeS: number;
  readonly expiresAtS: number;
  /** The life that was asked for, where a longer one was given. */
  readonly warnAfterS?: number | undefined;
}

const privateKey = 'kubernetes.io';
const userPrefix = 'system:serviceaccount:';
const extraPrefix = 'authentication.kubernetes.io/';

export const userNameOf = (namespace: string, name: string): string => `${userPrefix}${namespace}:${name}`;

export function refOf(object: KubeObject): ObjectRef {
  const { name = '', uid } = object.metadata ?? {};
  return uid === undefined ? { name } : { name, uid };
}

/** The claims as they stand in the token, in the order of their names. */
export function claimsJson(claims: TokenClaims): object {
  const { namespace, node, pod, secret, serviceAccount: serviceaccount, warnAfterS: warnafter } = claims;
  return {
    aud: claims.audiences,
    exp: claims.expiresAtS,
    iat: claims.issuedAtS,
    iss: claims.issuer,
    jti: claims.tokenId,
    [privateKey]: { namespace, node, pod, secret, serviceaccount, warnafter },
    nbf: claims.notBeforeS,
    sub: userNameOf(namespace, serviceaccount.name),
  };
}

/** The other way round. Undefined when something is missing, has another form, or does not belong together. */
export function parseClaims(json: Readonly<Record<string, unknown>>): TokenClaims | undefined {
  const own = recordOf(json[privateKey]);
  const serviceAccount = parseRef(own?.serviceaccount);
  const { iss: issuer, aud, jti, iat, nbf, exp, sub } = json;
  const namespace = own?.namespace;
  if (typeof namespace !== 'string' || !serviceAccount || sub !== userNameOf(namespace, serviceAccount.name)) return undefined;
  if (typeof issuer !== 'string' || typeof exp !== 'number') return undefined;
  const audiences = typeof aud === 'string' ? [aud] : Array.isArray(aud) ? aud.filter((one) => typeof one === 'string') : [];
  return {
    issuer,
    audiences,
    tokenId: typeof jti === 'string' ? jti : '',
    issuedAtS: numberOf(iat),
    notBeforeS: numberOf(nbf),
    expiresAtS: exp,
    ...(typeof own?.warnafter === 'number' ? { warnAfterS: own.warnafter } : {}),
    namespace,
    serviceAccount,
    pod: parseRef(own?.pod),
    node: parseRef(own?.node),
    secret: parseRef(own?.secret),
  };
}

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);

const recordOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;

function parseRef(value: unknown): ObjectRef | undefined {
  const { name, uid } = recordOf(value) ?? {};
  if (typeof name !== 'string' || name === '') return undefined;
  return typeof uid === 'string' ? { name, uid } : { name };
}

/** Who a service account is towards the API. */
export function serviceAccountUser(claims: TokenClaims): UserInfo {
  const { namespace, serviceAccount, pod, node, tokenId } = claims;
  const extra: Record<string, readonly string[]> = {};
  const add = (key: string, value: string | undefined) => {
    if (value) extra[`${extraPrefix}${key}`] = [value];
  };
  add('credential-id', tokenId && `JTI=${tokenId}`);
  add('node-name', node?.name);
  add('node-uid', node?.uid);
  add('pod-name', pod?.name);
  add('pod-uid', pod?.uid);
  return {
    name: userNameOf(namespace, serviceAccount.name),
    ...(serviceAccount.uid === undefined ? {} : { uid: serviceAccount.uid }),
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra,
  };
}

/** How an object stands now. */
export type Lookup = (
  resource: 'serviceaccounts' | 'pods' | 'secrets' | 'nodes',
  namespace: string | undefined,
  name: string,
) => KubeObject | undefined;

/** Clocks of other servers may be ahead, and what is being deleted goes on for so long. */
const leewayS = 60;

/**
 * Why the token is worth nothing now, or undefined when it is good: too early, too late, or an object that it is bound to is
 * gone, is another one of the same name, or has been on its way out for longer than the leeway. A pod's token names the node only for information.
 */
export function tokenProblem(claims: TokenClaims, nowMs: number, lookup: Lookup): string | undefined {
  const nowS = nowMs / 1000;
  if (nowS > claims.expiresAtS + leewayS) return 'service account token has expired';
  if (nowS + leewayS < claims.notBeforeS) return 'service account token is not valid yet';
  const { namespace, serviceAccount, pod, secret, node } = claims;
  const alive = (object: KubeObject | undefined, ref: ObjectRef): boolean => {
    if (!object || (ref.uid ?? '') !== (object.metadata?.uid ?? '')) return false;
    const deletion = object.metadata?.deletionTimestamp;
    return deletion === undefined || timeMs(deletion) / 1000 >= nowS - leewayS;
  };
  if (!alive(lookup('serviceaccounts', namespace, serviceAccount.name), serviceAccount))
    return 'service account token has been invalidated';
  if (secret && !alive(lookup('secrets', namespace, secret.name), secret)) return 'service account token has been invalidated';
  if (pod && !alive(lookup('pods', namespace, pod.name), pod)) return 'service account token has been invalidated';
  if (node && !pod && !alive(lookup('nodes', undefined, node.name), node)) return 'service account token has been invalidated';
  return undefined;
}
