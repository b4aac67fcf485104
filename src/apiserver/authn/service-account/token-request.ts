// POST serviceaccounts/<name>/token: a token for the account, bound to an object where the request names one.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
import {
  type AuthenticationV1TokenRequest,
  badRequest,
  conflict,
  type FieldError,
  formatTime,
  invalid,
  invalidValue,
  type KubeObject,
  notFound,
  type V1BoundObjectReference,
  type V1Pod,
} from '../../../api/mod.ts';
import type { Clock, Random } from '../../../base/mod.ts';
import { type BoundTo, type Lookup, refOf } from './claims.ts';
import type { ServiceAccountTokens } from './tokens.ts';

const group = 'authentication.k8s.io';
const kind = 'TokenRequest';
const secondsDefault = 3600;
const secondsMin = 600;
const secondsMax = 2 ** 32;
/**
 * Old clients never read their token again. The kubelet asks for a life of just this many seconds for the token that every pod has;
 * such a token goes on for a year, and says when it should have been renewed.
 */
const renewableSeconds = 3607;
const extendedSeconds = 365 * 24 * 3600;

export interface TokenRequestContext {
  readonly tokens: ServiceAccountTokens;
  readonly lookup: Lookup;
  readonly clock: Clock;
  readonly random: Random;
}

/** Whose token is asked for, as the path says. */
export interface TokenOf {
  readonly namespace: string;
  readonly name: string;
}

/** The request with its status filled in. Throws 404, 400, 409 and 422 as upstream does. */
export function requestToken(context: TokenRequestContext, of: TokenOf, sent: AuthenticationV1TokenRequest): AuthenticationV1TokenRequest {
  const { tokens, lookup, clock, random } = context;
  refuse(nameErrors(sent, of), of.name);
  const account = lookup('serviceaccounts', of.namespace, of.name);
  if (!account) throw notFound({ group: '', resource: 'serviceaccounts', name: of.name });
  const { audiences: asked = [], expirationSeconds = secondsDefault, boundObjectRef } = sent.spec ?? {};
  const audiences = asked.length > 0 ? asked : [tokens.issuer];
  refuse(lifeErrors(expirationSeconds), '');
  const bound = boundObjectRef ? bind(context, of, boundObjectRef) : {};
  const nowMs = clock.nowMs();
  const nowS = Math.floor(nowMs / 1000);
  const extended = bound.pod !== undefined && expirationSeconds === renewableSeconds && audiences.includes(tokens.issuer);
  const token = tokens.issue({
    audiences,
    tokenId: random.uuid(),
    issuedAtS: nowS,
    notBeforeS: nowS,
    expiresAtS: nowS + (extended ? extendedSeconds : expirationSeconds),
    ...(extended ? { warnAfterS: nowS + expirationSeconds } : {}),
    namespace: of.namespace,
    serviceAccount: refOf(account),
    ...bound,
  });
  return {
    kind,
    apiVersion: `${group}/v1`,
    metadata: { ...sent.metadata, ...of, creationTimestamp: formatTime(nowMs) },
    spec: { ...sent.spec, audiences, expirationSeconds },
    status: { token, expirationTimestamp: formatTime((nowS + expirationSeconds) * 1000) },
  };
}

function refuse(errors: readonly FieldError[], name: string): void {
  if (errors.length > 0) throw invalid({ group, kind, name }, errors);
}

function nameErrors({ metadata }: AuthenticationV1TokenRequest, of: TokenOf): FieldError[] {
  if (metadata?.name && metadata.name !== of.name) {
    return [invalidValue('metadata.name', metadata.name, 'must match the service account name if specified')];
  }
  if (metadata?.namespace && metadata.namespace !== of.namespace) {
    return [invalidValue('metadata.namespace', metadata.namespace, 'must match the service account namespace if specified')];
  }
  return [];
}

function lifeErrors(seconds: number): FieldError[] {
  const path = 'spec.expirationSeconds';
  if (seconds < secondsMin) return [invalidValue(path, seconds, 'may not specify a duration less than 10 minutes')];
  if (seconds > secondsMax) return [invalidValue(path, seconds, 'may not specify a duration larger than 2^32 seconds')];
  return [];
}

type Bound = Pick<BoundTo, 'pod' | 'node' | 'secret'>;

function bind({ lookup }: TokenRequestContext, of: TokenOf, ref: V1BoundObjectReference): Bound {
  const { apiVersion = '', kind: refKind = '', name = '', uid } = ref;
  const inCore = !apiVersion.includes('/');
  const found = (resource: 'pods' | 'secrets' | 'nodes'): KubeObject => {
    const object = lookup(resource, resource === 'nodes' ? undefined : of.namespace, name);
    if (!object) throw notFound({ group: '', resource, name });
    return object;
  };
  const checked = (object: KubeObject): KubeObject => {
    if (uid && uid !== object.metadata?.uid) throw conflict({ group: '', resource: refKind, name }, uidProblem(uid));
    return object;
  };
  if (inCore && refKind === 'Pod') {
    const pod: V1Pod = found('pods');
    if (pod.spec?.serviceAccountName !== of.name) throw badRequest(otherAccount(of.name));
    return { pod: refOf(checked(pod)), ...nodeOf(lookup, pod) };
  }
  if (inCore && refKind === 'Node') return { node: refOf(checked(found('nodes'))) };
  if (inCore && refKind === 'Secret') return { secret: refOf(checked(found('secrets'))) };
  const version = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
  throw badRequest(`cannot bind token to object of type ${version}, Kind=${refKind}`);
}

const otherAccount = (name: string): string =>
  `cannot bind token for serviceaccount ${JSON.stringify(name)} to pod running with different serviceaccount name.`;

const uidProblem = (uid: string): string =>
  `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;

/** Where the pod runs, for information: the name alone when the node is not known. */
function nodeOf(lookup: Lookup, pod: V1Pod): Bound {
  const name = pod.spec?.nodeName ?? '';
  if (name === '') return {};
  const node = lookup('nodes', undefined, name);
  return { node: node ? refOf(node) : { name } };
}
