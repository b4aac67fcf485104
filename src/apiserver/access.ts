// Access, put together over a registry: who a token stands for, who may do what, and the reviews that answer such questions.
import { type AuthenticationV1TokenRequest, deepFreeze, type KindDefinition, type KubeObject, type V1Pod } from '../api/mod.ts';
import type { Clock, Random } from '../base/mod.ts';
import type { AdmissionPlugin } from './admission/mod.ts';
import { checkTokenOfNode, nodeRestriction } from './admission/node-restriction.ts';
import type { TokenAuthenticator } from './authn/authenticate.ts';
import { bootstrapTokens } from './authn/bootstrap-tokens.ts';
import type { Lookup } from './authn/service-account/claims.ts';
import type { TokenKey } from './authn/service-account/jwt.ts';
import { requestToken } from './authn/service-account/token-request.ts';
import { createServiceAccountTokens, type ServiceAccountTokens } from './authn/service-account/tokens.ts';
import { type Authorizer, firstOpinion } from './authz/authorizer.ts';
import { createNodeAuthorizer } from './authz/node/node-authorizer.ts';
import { rbacEscalation } from './authz/rbac/escalation.ts';
import { createRbacAuthorizer } from './authz/rbac/rbac.ts';
import { healthForAll, superusers } from './authz/superusers.ts';
import type { Registry } from './registry/registry.ts';
import type { RequestContext, ResourceRequest, Result } from './request.ts';
import { reviewAccess, reviewLocalAccess, reviewOwnAccess, reviewOwnRules } from './reviews/access-review.ts';
import { tokenRequestKind } from './reviews/kinds.ts';
import { reviewToken, userJson } from './reviews/token-review.ts';
import { type DecodeBody, decodeObject } from './verbs/body.ts';
import { writeOptions } from './verbs/options.ts';

/** The issuer of service account tokens, and the audience of the API server. */
export const defaultIssuer = 'https://kubernetes.default.svc.cluster.local';

export interface AccessOptions {
  readonly registry: Registry;
  readonly decodeBody: DecodeBody;
  readonly clock: Clock;
  readonly random: Random;
  /** Tokens besides those of service accounts. */
  readonly tokens: readonly TokenAuthenticator[];
  /** Absent: the server issues no service account tokens, and knows none. */
  readonly serviceAccountKey: TokenKey | undefined;
  /** Tokens that somebody else is asked about. */
  readonly externalTokens?: readonly TokenAuthenticator[] | undefined;
  /** Whether Secrets of type bootstrap.kubernetes.io/token say who somebody is. Default false. */
  readonly bootstrapTokens?: boolean | undefined;
  /** Who decides, in order, after the cluster's owners; webhooks are authorizers of their own. Default: Node, RBAC. */
  readonly authorizationModes?: AuthorizationModes | undefined;
}

/** A list, or where it may change, who has it: the same list until it is another. */
export type AuthorizationModes = readonly (AuthorizationMode | Authorizer)[] | (() => readonly (AuthorizationMode | Authorizer)[]);

export type AuthorizationMode = 'AlwaysAllow' | 'AlwaysDeny' | 'Node' | 'RBAC';

export interface Access {
  readonly authorizer: Authorizer;
  /** Every kind of token that the server knows. */
  readonly tokens: readonly TokenAuthenticator[];
  readonly serviceAccounts: ServiceAccountTokens | undefined;
  readonly admission: readonly AdmissionPlugin[];
  /** The answer, where the request is one that nothing is stored for; undefined where a verb is to carry it out. */
  answer(request: ResourceRequest, context: RequestContext): Promise<Result> | undefined;
}

export function createAccess(options: AccessOptions): Access {
  const { registry, clock, serviceAccountKey: key } = options;
  const lookup = lookupIn(registry);
  const serviceAccounts = key && createServiceAccountTokens({ key, issuer: defaultIssuer, clock, lookup });
  const rbac = createRbacAuthorizer(registry);
  const byMode: Readonly<Record<AuthorizationMode, () => Authorizer>> = {
    AlwaysAllow: () => alwaysAllow,
    AlwaysDeny: () => alwaysDeny,
    Node: () => createNodeAuthorizer(registry),
    RBAC: () => rbac,
  };
  const authorizer = authorizerOf(options.authorizationModes ?? ['Node', 'RBAC'], byMode);
  const others = [
    ...(options.bootstrapTokens ? [bootstrapTokens((namespace, name) => lookup('secrets', namespace, name), clock)] : []),
    ...(options.externalTokens ?? []),
  ];
  const parts: Parts = { ...options, tokens: [...options.tokens, ...others], lookup, serviceAccounts, rbac, authorizer };
  return {
    authorizer,
    serviceAccounts,
    // Those that ask elsewhere come last: the cluster's own tokens are nobody else's business.
    tokens: [...options.tokens, ...(serviceAccounts ? [serviceAccounts] : []), ...others],
    admission: [nodeRestriction({ pod: podIn(lookup) }), rbacEscalation({ rbac, authorizer })],
    answer(request, context) {
      const { kind, subresource, verb } = request;
      if (verb !== 'create') return undefined;
      const path = `${kind.group}/${kind.resource}${subresource === undefined ? '' : `/${subresource}`}`;
      return Object.hasOwn(answers, path) ? answerWith(answers[path], parts, request, context) : undefined;
    },
  };
}

function authorizerOf(modes: AuthorizationModes, byMode: Readonly<Record<AuthorizationMode, () => Authorizer>>): Authorizer {
  const made = new Map<AuthorizationMode, Authorizer>();
  const of = (mode: AuthorizationMode | Authorizer): Authorizer => {
    if (typeof mode !== 'string') return mode;
    const known = made.get(mode) ?? byMode[mode]();
    made.set(mode, known);
    return known;
  };
  const union = (list: readonly (AuthorizationMode | Authorizer)[]) => firstOpinion([superusers, healthForAll, ...list.map(of)]);
  if (typeof modes !== 'function') return union(modes);
  let from = modes();
  let current = union(from);
  return {
    decide(attributes) {
      const now = modes();
      if (now !== from) {
        from = now;
        current = union(now);
      }
      return current.decide(attributes);
    },
  };
}

const alwaysAllow: Authorizer = { decide: () => ({ decision: 'allow' }) };
const alwaysDeny: Authorizer = { decide: () => ({ decision: 'noOpinion', reason: 'Everything is forbidden.' }) };

interface Parts extends AccessOptions {
  readonly lookup: Lookup;
  readonly serviceAccounts: ServiceAccountTokens | undefined;
  readonly rbac: ReturnType<typeof createRbacAuthorizer>;
  readonly authorizer: Authorizer;
}

function lookupIn(registry: Registry): Lookup {
  const found = new Map(
    ['serviceaccounts', 'pods', 'secrets', 'nodes'].map((resource) => [resource, registry.find({ group: '', version: 'v1', resource })]),
  );
  return (resource, namespace, name) => found.get(resource)?.get(namespace, name)?.object;
}

const podIn =
  (lookup: Lookup) =>
  (namespace: string, name: string): V1Pod | undefined =>
    lookup('pods', namespace, name);

/** A create that is answered with what was sent and a status. */
interface Answer {
  /** The kind of the body, where it is not the resource's own. */
  readonly bodyKind?: KindDefinition;
  readonly give: (parts: Parts, sent: KubeObject, of: AskedBy) => KubeObject | Promise<KubeObject> | undefined;
}

interface AskedBy extends Pick<RequestContext, 'user'> {
  readonly namespace: string;
  readonly name: string;
}

const answers: Readonly<Record<string, Answer>> = {
  '/serviceaccounts/token': {
    bodyKind: tokenRequestKind,
    give: ({ serviceAccounts: tokens, lookup, clock, random }, sent, { namespace, name, user }) => {
      const request: AuthenticationV1TokenRequest = sent as never;
      checkTokenOfNode({ pod: podIn(lookup) }, { namespace, name, user }, request);
      return tokens && requestToken({ tokens, lookup, clock, random }, { namespace, name }, request);
    },
  },
  'authentication.k8s.io/tokenreviews': {
    give: ({ serviceAccounts, tokens }, sent) => reviewToken({ serviceAccounts, others: tokens }, sent as never),
  },
  'authentication.k8s.io/selfsubjectreviews': {
    give: (_, sent, { user }) => ({ ...sent, ...{ status: { userInfo: userJson(user) } } }),
  },
  'authorization.k8s.io/subjectaccessreviews': { give: ({ authorizer }, sent) => reviewAccess(authorizer, sent as never) },
  'authorization.k8s.io/localsubjectaccessreviews': {
    give: ({ authorizer }, sent, { namespace }) => reviewLocalAccess(authorizer, namespace, sent as never),
  },
  'authorization.k8s.io/selfsubjectaccessreviews': {
    give: ({ authorizer }, sent, { user }) => reviewOwnAccess(authorizer, user, sent as never),
  },
  'authorization.k8s.io/selfsubjectrulesreviews': { give: ({ rbac }, sent, { user }) => reviewOwnRules(rbac, user, sent as never) },
};

function answerWith(
  answer: Answer | undefined,
  parts: Parts,
  request: ResourceRequest,
  context: RequestContext,
): Promise<Result> | undefined {
  if (!answer) return undefined;
  if (answer.bodyKind && !parts.serviceAccounts) return undefined;
  return give(answer, parts, request, context);
}

async function give({ bodyKind, give: make }: Answer, parts: Parts, request: ResourceRequest, context: RequestContext): Promise<Result> {
  const { namespace = '', name = '' } = request;
  const { fieldValidation } = writeOptions(request, 'CreateOptions', context.userAgent);
  const sent = decodeObject(parts.decodeBody, { ...request, kind: bodyKind ?? request.kind }, fieldValidation, context);
  const object = await make(parts, sent as KubeObject, { user: context.user, namespace, name });
  return { as: 'other', code: 201, object: deepFreeze(object ?? {}) };
}
