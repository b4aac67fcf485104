// Which flow a request belongs to: the first flow schema that matches, and within it what tells flows apart.
// Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#flowschema
import type { V1FlowSchema } from '../../api/mod.ts';
import type { UserInfo } from '../../client/mod.ts';
import type { RequestInfo } from '../http/request-info.ts';

type Rule = NonNullable<NonNullable<V1FlowSchema['spec']>['rules']>[number];
type ResourceRule = NonNullable<Rule['resourceRules']>[number];
type PathRule = NonNullable<Rule['nonResourceRules']>[number];

export interface FlowSchema {
  readonly name: string;
  readonly uid: string;
  /** The name of the priority level that serves it. */
  readonly level: string;
  matches(user: UserInfo, info: RequestInfo): boolean;
  /** What tells its flows apart: the user, the namespace, or nothing. */
  distinguisher(user: UserInfo, info: RequestInfo): string;
}

/** In the order in which they are tried: by precedence, then by name. */
export function flowSchemasOf(objects: readonly V1FlowSchema[]): readonly FlowSchema[] {
  const precedenceOf = (object: V1FlowSchema) => object.spec?.matchingPrecedence ?? 1000;
  const nameOf = (object: V1FlowSchema) => object.metadata?.name ?? '';
  return [...objects]
    .sort((a, b) => precedenceOf(a) - precedenceOf(b) || (nameOf(a) < nameOf(b) ? -1 : 1))
    .map((object) => compile(object, nameOf(object)));
}

function compile(object: V1FlowSchema, name: string): FlowSchema {
  const { rules = [], priorityLevelConfiguration, distinguisherMethod } = object.spec ?? { priorityLevelConfiguration: { name: '' } };
  const compiled = rules.map(ruleMatcher);
  const type = distinguisherMethod?.type;
  return {
    name,
    uid: object.metadata?.uid ?? '',
    level: priorityLevelConfiguration.name,
    matches: (user, info) => compiled.some((rule) => rule(user, info)),
    distinguisher: (user, info) => (type === 'ByUser' ? user.name : type === 'ByNamespace' && info.as === 'resource' ? info.namespace : ''),
  };
}

type Matcher = (user: UserInfo, info: RequestInfo) => boolean;

function ruleMatcher({ subjects, resourceRules = [], nonResourceRules = [] }: Rule): Matcher {
  const users = new Set<string>();
  const groups = new Set<string>();
  /** Prefixes of the names of all service accounts of a namespace. */
  const accountsOf: string[] = [];
  for (const { kind, user, group, serviceAccount } of subjects) {
    if (kind === 'User' && user) users.add(user.name);
    else if (kind === 'Group' && group) groups.add(group.name);
    else if (kind === 'ServiceAccount' && serviceAccount) {
      const prefix = `system:serviceaccount:${serviceAccount.namespace}:`;
      if (serviceAccount.name === '*') accountsOf.push(prefix);
      else users.add(prefix + serviceAccount.name);
    }
  }
  const isMeant = (user: UserInfo): boolean =>
    users.has('*') ||
    users.has(user.name) ||
    (groups.size > 0 && (groups.has('*') || user.groups.some((one) => groups.has(one)))) ||
    accountsOf.some((prefix) => user.name.startsWith(prefix));
  return (user, info) =>
    isMeant(user) &&
    (info.as === 'resource'
      ? resourceRules.some((rule) => coversResource(rule, info))
      : nonResourceRules.some((rule) => coversPath(rule, info)));
}

const has = (list: readonly string[] | undefined, wanted: string): boolean =>
  list !== undefined && (list.includes(wanted) || list.includes('*'));

function coversResource(rule: ResourceRule, info: RequestInfo & { as: 'resource' }): boolean {
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`;
  return (
    has(rule.verbs, info.verb) &&
    has(rule.apiGroups, info.group) &&
    has(rule.resources, resource) &&
    (info.namespace === '' ? rule.clusterScope === true : has(rule.namespaces, info.namespace))
  );
}

/** `/healthz`, or `/healthz/*` for all that is below it. */
const coversPath = (rule: PathRule, info: RequestInfo & { as: 'path' }): boolean =>
  has(rule.verbs, info.verb) &&
  rule.nonResourceURLs.some((url) => url === '*' || url === info.path || (url.endsWith('/*') && info.path.startsWith(url.slice(0, -1))));
