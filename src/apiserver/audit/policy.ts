// Audit policies: which requests are recorded, and how much of them. Pure.
// Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#audit-policy
import type { Attributes } from '../authz/authorizer.ts';

/** From nothing to everything, each with what the one before it records. */
export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof levels)[number];
export const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof stages)[number];

export const atLeast = (level: Level, least: Level): boolean => levels.indexOf(level) >= levels.indexOf(least);

interface GroupResources {
  readonly group: string;
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

export interface PolicyRule {
  readonly level: Level;
  readonly users: readonly string[];
  readonly userGroups: readonly string[];
  readonly verbs: readonly string[];
  readonly resources: readonly GroupResources[];
  readonly namespaces: readonly string[];
  readonly nonResourceURLs: readonly string[];
  readonly omitStages: readonly Stage[];
  readonly omitManagedFields: boolean | undefined;
}

export interface AuditPolicy {
  readonly rules: readonly PolicyRule[];
  readonly omitStages: readonly Stage[];
  readonly omitManagedFields: boolean;
}

/** What a policy says of one request. */
export interface Recording {
  readonly level: Level;
  readonly omitStages: ReadonlySet<Stage>;
  readonly omitManagedFields: boolean;
}

const nothing: Recording = { level: 'None', omitStages: new Set(), omitManagedFields: false };

/** The first rule that fits counts; without one nothing is recorded. */
export function recordingOf(policy: AuditPolicy, attributes: Attributes): Recording {
  const rule = policy.rules.find((one) => fits(one, attributes));
  if (!rule) return nothing;
  return {
    level: rule.level,
    omitStages: new Set([...policy.omitStages, ...rule.omitStages]),
    omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields,
  };
}

function fits(rule: PolicyRule, attributes: Attributes): boolean {
  const { user, verb } = attributes;
  if (rule.users.length > 0 && !rule.users.includes(user.name)) return false;
  if (rule.userGroups.length > 0 && !user.groups.some((group) => rule.userGroups.includes(group))) return false;
  if (rule.verbs.length > 0 && !rule.verbs.includes(verb)) return false;
  if (rule.resources.length > 0 || rule.namespaces.length > 0) return attributes.as === 'resource' && fitsResource(rule, attributes);
  if (rule.nonResourceURLs.length > 0)
    return attributes.as === 'path' && rule.nonResourceURLs.some((url) => fitsPath(url, attributes.path));
  return true;
}

const fitsPath = (url: string, path: string): boolean => url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1)));

function fitsResource({ namespaces, resources }: PolicyRule, of: Attributes & { readonly as: 'resource' }): boolean {
  if (namespaces.length > 0 && !namespaces.includes(of.namespace)) return false;
  if (resources.length === 0) return true;
  const { resource, subresource } = of;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  const isNamed = (name: string): boolean =>
    name === whole || name === '*' || name === `${resource}/*` || (subresource !== '' && name === `*/${subresource}`);
  return resources.some(
    ({ group, resources: names, resourceNames }) =>
      group === of.group &&
      (names.length === 0 || ((resourceNames.length === 0 || resourceNames.includes(of.name)) && names.some(isNamed))),
  );
}

type Refuse = (what: string) => never;

/** Reads a Policy of audit.k8s.io/v1; `refuse` is told the first thing that is wrong with it. */
export function readPolicy(config: unknown, refuse: Refuse): AuditPolicy {
  const { kind, apiVersion, rules, omitStages, omitManagedFields } = recordOf(config);
  if (kind !== 'Policy' || apiVersion !== 'audit.k8s.io/v1') refuse('wants kind Policy of apiVersion audit.k8s.io/v1');
  const items = Array.isArray(rules) ? rules : [];
  if (items.length === 0) refuse('rules: Required value: wants at least one rule');
  return {
    rules: items.map((rule, i) => readRule(recordOf(rule), `rules[${i}]`, refuse)),
    omitStages: stagesIn(omitStages, 'omitStages', refuse),
    omitManagedFields: omitManagedFields === true,
  };
}

function readRule(rule: Readonly<Record<string, unknown>>, at: string, refuse: Refuse): PolicyRule {
  const level = levels.find((one) => one === rule.level);
  if (level === undefined) return refuse(`${at}.level: Unsupported value: ${shown(rule.level)}: wants one of ${levels.join(', ')}`);
  const texts = (field: string): readonly string[] => textsIn(rule[field], `${at}.${field}`, refuse);
  const resources = (Array.isArray(rule.resources) ? rule.resources : []).map((item, i): GroupResources => {
    const place = `${at}.resources[${i}]`;
    const { group = '', resources: names, resourceNames } = recordOf(item);
    if (typeof group !== 'string' || group.includes('/'))
      return refuse(`${place}.group: Invalid value: ${shown(group)}: wants an API group`);
    const of = {
      group,
      resources: textsIn(names, `${place}.resources`, refuse),
      resourceNames: textsIn(resourceNames, `${place}.resourceNames`, refuse),
    };
    if (of.resourceNames.length > 0 && of.resources.length === 0)
      refuse(`${place}.resourceNames: Invalid value: using resourceNames requires at least one resource`);
    return of;
  });
  const nonResourceURLs = texts('nonResourceURLs');
  const wrong = nonResourceURLs.find((url) => !/^(\*|\/[^*]*\*?)$/.test(url));
  if (wrong !== undefined) refuse(`${at}.nonResourceURLs: Invalid value: "${wrong}": wants "*", or a path with a "*" at its end at most`);
  if (nonResourceURLs.length > 0 && (resources.length > 0 || texts('namespaces').length > 0))
    refuse(`${at}.nonResourceURLs: Invalid value: rules cannot apply to both regular resources and non-resource URLs`);
  return {
    level,
    users: texts('users'),
    userGroups: texts('userGroups'),
    verbs: texts('verbs'),
    resources,
    namespaces: texts('namespaces'),
    nonResourceURLs,
    omitStages: stagesIn(rule.omitStages, `${at}.omitStages`, refuse),
    omitManagedFields: typeof rule.omitManagedFields === 'boolean' ? rule.omitManagedFields : undefined,
  };
}

function textsIn(value: unknown, at: string, refuse: Refuse): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) return refuse(`${at}: Invalid value: wants a list of texts`);
  return value as string[];
}

const stagesIn = (value: unknown, at: string, refuse: Refuse): readonly Stage[] =>
  textsIn(value, at, refuse).map(
    (text) => stages.find((stage) => stage === text) ?? refuse(`${at}: Invalid value: "${text}": wants some of ${stages.join(', ')}`),
  );

const shown = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
