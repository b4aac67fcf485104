// Which requests a webhook or a policy is about: selectors of namespaces and objects, and rules of operations and resources.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-rules
import {
  compileLabelSelector,
  type GroupVersionResource,
  type KubeObject,
  notFound,
  type V1LabelSelector,
  type V1RuleWithOperations,
} from '../../api/mod.ts';
import type { AdmissionAttributes } from './chain.ts';
import { namespaceOfRequest, otherForms, ownForm, type RequestForm, shownIn } from './request-form.ts';

export type Labels = Readonly<Record<string, string>> | undefined;
type Matches = (labels: Labels) => boolean;

/** The rules of webhooks; those of policies may name objects too. */
export interface MatchRule extends Partial<Pick<V1RuleWithOperations, 'apiGroups' | 'apiVersions' | 'operations' | 'resources' | 'scope'>> {
  readonly resourceNames?: readonly string[] | undefined;
}

/** Whatever has selectors and rules, compiled. */
export interface Criteria {
  /** Undefined: every namespace. */
  readonly namespaces: Matches | undefined;
  readonly objects: Matches | undefined;
  readonly rules: readonly MatchRule[];
  /** True when requests in another version of the same objects count too. */
  readonly equivalent: boolean;
}

export function compileSelectors(namespaceSelector: V1LabelSelector | undefined, objectSelector: V1LabelSelector | undefined) {
  return { namespaces: compiled(namespaceSelector), objects: compiled(objectSelector) };
}

/** An empty selector, or none, selects everything: nothing has to be looked up for it. */
function compiled(selector: V1LabelSelector | undefined): Matches | undefined {
  const isEmpty =
    Object.keys(selector?.matchLabels ?? {}).length === 0 && (selector === undefined || (selector.matchExpressions ?? []).length === 0);
  return isEmpty ? undefined : compileLabelSelector(selector);
}

const configurationGroup = 'admissionregistration.k8s.io';
const exempt: ReadonlySet<string> = new Set([
  'validatingwebhookconfigurations',
  'mutatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
]);

/** What configures webhooks and policies is never judged by them: whoever locks everybody out can be undone. */
export const isExempt = ({ kind }: Pick<AdmissionAttributes, 'kind'>): boolean =>
  kind.group === configurationGroup && exempt.has(kind.resource);

/** How a namespace stands. */
export type FindNamespace = (name: string) => KubeObject | undefined;

/** What is looked at of one request. `object` is the draft, or what would be stored. */
export interface Judged {
  readonly attributes: AdmissionAttributes;
  readonly object: KubeObject | undefined;
  readonly namespace: FindNamespace;
}

/** Throws 404 when the namespace is gone. */
export function matchesNamespace(criteria: Pick<Criteria, 'namespaces'>, { attributes, object, namespace }: Judged): boolean {
  const { namespaces } = criteria;
  if (!namespaces) return true;
  const name = namespaceOfRequest(attributes);
  if (name === '' && attributes.kind.resource !== 'namespaces') return true;
  const isOwnWrite = attributes.kind.resource === 'namespaces' && attributes.subresource === undefined;
  if (isOwnWrite && (attributes.operation === 'CREATE' || attributes.operation === 'UPDATE')) return namespaces(object?.metadata?.labels);
  const standing = namespace(name);
  if (!standing) throw notFound({ group: '', resource: 'namespaces', name });
  return namespaces(standing.metadata?.labels);
}

/** True when either how it stands or how it is to stand is selected. */
export function matchesObject(criteria: Pick<Criteria, 'objects'>, { attributes, object }: Judged): boolean {
  const { objects } = criteria;
  if (!objects) return true;
  const form = ownForm(attributes);
  // What another process converts has, before it has been asked, the labels that are stored.
  const shown = (one: KubeObject) => (form.shownAs.storage?.ahead ? one : shownIn(form, attributes, one));
  const has = (one: KubeObject | undefined) => one !== undefined && objects(shown(one).metadata?.labels);
  // The options of a connection carry no labels.
  return attributes.operation !== 'CONNECT' && (has(attributes.old) || has(object));
}

/** The form in which the first rule that matches names the request. */
export function matchRules(
  { rules, equivalent }: Pick<Criteria, 'rules' | 'equivalent'>,
  attributes: AdmissionAttributes,
): RequestForm | undefined {
  const own = ownForm(attributes);
  if (rules.some((rule) => matchesRule(rule, attributes, own.resource))) return own;
  if (!equivalent) return undefined;
  const others = otherForms(attributes);
  if (others.length === 0) return undefined;
  for (const rule of rules) {
    const found = others.find((form) => matchesRule(rule, attributes, form.resource));
    if (found) return found;
  }
  return undefined;
}

const includes = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes('*') || list.includes(value));

function matchesRule(rule: MatchRule, attributes: AdmissionAttributes, resource: GroupVersionResource): boolean {
  const { operation, subresource = '', name } = attributes;
  return (
    includes(rule.operations, operation) &&
    includes(rule.apiGroups, resource.group) &&
    includes(rule.apiVersions, resource.version) &&
    (rule.resources ?? []).some((text) => matchesResource(text, resource.resource, subresource)) &&
    matchesScope(rule.scope, attributes) &&
    ((rule.resourceNames ?? []).length === 0 || rule.resourceNames?.includes(name) === true)
  );
}

/** `pods`, `pods/status`, `pods/*`, `*`, `*\/scale`. */
function matchesResource(text: string, resource: string, subresource: string): boolean {
  const slash = text.indexOf('/');
  const wanted = slash < 0 ? text : text.slice(0, slash);
  const wantedSub = slash < 0 ? '' : text.slice(slash + 1);
  return (wanted === '*' || wanted === resource) && (wantedSub === '*' || wantedSub === subresource);
}

/** A Namespace itself is cluster-scoped. */
function matchesScope(scope: string | undefined, { kind }: AdmissionAttributes): boolean {
  if (scope === undefined || scope === '*') return true;
  return scope === (kind.namespaced ? 'Namespaced' : 'Cluster');
}
