// The four questions about access: may I, may somebody, may somebody in this namespace, and what may I at all.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
import {
  badRequest,
  type FieldError,
  invalid,
  invalidValue,
  type KubeObject,
  type V1FieldSelectorAttributes,
  type V1LocalSubjectAccessReview,
  type V1NonResourceRule,
  type V1ResourceRule,
  type V1SelfSubjectAccessReview,
  type V1SelfSubjectAccessReviewSpec,
  type V1SelfSubjectRulesReview,
  type V1SubjectAccessReview,
  type V1SubjectAccessReviewSpec,
  type V1SubjectAccessReviewStatus,
} from '../../api/mod.ts';
import type { UserInfo } from '../../client/mod.ts';
import type { Attributes, Authorizer } from '../authz/authorizer.ts';
import type { RbacAuthorizer } from '../authz/rbac/rbac.ts';

const group = 'authorization.k8s.io';

export async function reviewOwnAccess(authorizer: Authorizer, user: UserInfo, sent: V1SelfSubjectAccessReview): Promise<KubeObject> {
  const spec = sent.spec ?? {};
  refuse('SelfSubjectAccessReview', questionErrors(spec));
  return { ...sent, ...{ spec, status: await statusOf(authorizer, attributesOf(spec, user)) } };
}

export async function reviewAccess(authorizer: Authorizer, sent: V1SubjectAccessReview): Promise<KubeObject> {
  const spec = sent.spec ?? {};
  refuse('SubjectAccessReview', [...questionErrors(spec), ...userErrors(spec)]);
  return { ...sent, ...{ spec, status: await statusOf(authorizer, attributesOf(spec, userOf(spec))) } };
}

/** `namespace` is that of the path. */
export async function reviewLocalAccess(authorizer: Authorizer, namespace: string, sent: V1LocalSubjectAccessReview): Promise<KubeObject> {
  const spec = sent.spec ?? {};
  refuse('LocalSubjectAccessReview', localErrors(spec, namespace));
  const metadata = { ...sent.metadata, namespace };
  return { ...sent, ...{ metadata, spec, status: await statusOf(authorizer, attributesOf(spec, userOf(spec))) } };
}

function localErrors(spec: V1SubjectAccessReviewSpec, namespace: string): FieldError[] {
  const errors = [...questionErrors(spec), ...userErrors(spec)];
  const path = 'spec.resourceAttributes.namespace';
  const asked = spec.resourceAttributes?.namespace ?? '';
  if (spec.resourceAttributes && asked !== namespace) errors.push(invalidValue(path, asked, 'must match metadata.namespace'));
  if (spec.nonResourceAttributes) {
    errors.push(invalidValue('spec.nonResourceAttributes', spec.nonResourceAttributes, 'disallowed on this kind of request'));
  }
  return errors;
}

function questionErrors({ resourceAttributes, nonResourceAttributes }: V1SelfSubjectAccessReviewSpec): FieldError[] {
  if (resourceAttributes && nonResourceAttributes) {
    return [
      invalidValue('spec.nonResourceAttributes', nonResourceAttributes, 'cannot be specified in combination with resourceAttributes'),
    ];
  }
  if (resourceAttributes || nonResourceAttributes) return [];
  return [invalidValue('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified')];
}

const userErrors = ({ user = '', groups = [] }: V1SubjectAccessReviewSpec): FieldError[] =>
  user === '' && groups.length === 0 ? [invalidValue('spec.user', user, 'at least one of user or group must be specified')] : [];

function refuse(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group, kind, name: '' }, errors);
}

const userOf = ({ user = '', groups = [], uid, extra }: V1SubjectAccessReviewSpec): UserInfo => ({
  name: user,
  groups,
  ...(uid === undefined ? {} : { uid }),
  ...(extra === undefined ? {} : { extra }),
});

function attributesOf(
  { resourceAttributes: asked, nonResourceAttributes: path }: V1SelfSubjectAccessReviewSpec,
  user: UserInfo,
): Attributes {
  if (path) return { as: 'path', user, verb: path.verb ?? '', path: path.path ?? '' };
  const { verb = '', group: of = '', version = '', resource = '', subresource = '', namespace = '', name = '' } = asked ?? {};
  const fieldSelector = fieldSelectorOf(asked?.fieldSelector);
  const attributes = { as: 'resource', user, verb, group: of, version, resource, subresource, namespace, name } as const;
  return fieldSelector === undefined ? attributes : { ...attributes, fieldSelector };
}

/** As a request would send it. */
function fieldSelectorOf(sent: V1FieldSelectorAttributes | undefined): string | undefined {
  if (sent?.rawSelector) return sent.rawSelector;
  const equal = (sent?.requirements ?? []).filter(({ operator, values }) => operator === 'In' && values?.length === 1);
  return equal.length === 0 ? undefined : equal.map(({ key, values = [] }) => `${key}=${values[0]}`).join(',');
}

async function statusOf(authorizer: Authorizer, attributes: Attributes): Promise<V1SubjectAccessReviewStatus> {
  const { decision, reason } = await authorizer.decide(attributes);
  return { allowed: decision === 'allow', ...(decision === 'deny' ? { denied: true } : {}), ...(reason ? { reason } : {}) };
}

/** What RBAC allows the user at cluster scope and in the namespace. Throws 400 without a namespace. */
export function reviewOwnRules(rbac: RbacAuthorizer, user: UserInfo, sent: V1SelfSubjectRulesReview): KubeObject {
  const namespace = sent.spec?.namespace ?? '';
  if (namespace === '') throw badRequest('no namespace on request');
  const { rules, problems } = rbac.rulesFor(user, namespace);
  const resourceRules: V1ResourceRule[] = [];
  const nonResourceRules: V1NonResourceRule[] = [];
  for (const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } of rules) {
    if (resources && resources.length > 0) resourceRules.push({ verbs, apiGroups, resources, resourceNames });
    if (nonResourceURLs && nonResourceURLs.length > 0) nonResourceRules.push({ verbs, nonResourceURLs });
  }
  const nodeIdentity = user.groups.includes('system:nodes') && user.name.startsWith('system:node:');
  const errors = [...new Set(problems), ...(nodeIdentity ? ['node authorizer does not support user rule resolution'] : [])];
  const status = {
    resourceRules,
    nonResourceRules,
    incomplete: errors.length > 0,
    ...(errors.length > 0 ? { evaluationError: errors.join(', ') } : {}),
  };
  return { ...sent, ...{ status } };
}
