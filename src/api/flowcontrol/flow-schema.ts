// FlowSchema: which requests belong to a flow, and which priority level serves it.
// Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
import type {
  FlowcontrolV1Subject,
  V1FlowSchema,
  V1FlowSchemaSpec,
  V1NonResourcePolicyRule,
  V1PolicyRulesWithSubjects,
  V1ResourcePolicyRule,
} from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, none } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '../meta/names.ts';
import { addProblems } from '../meta/validate-metadata.ts';

const defaultPrecedence = 1000;
const precedenceMax = 10_000;
const exempt = 'exempt';
const methods = ['ByNamespace', 'ByUser'];
const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];
const all = '*';
/** The field of a subject for each kind. */
const subjectFields = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;
type SubjectKind = keyof typeof subjectFields;

function validateSubject(subject: FlowcontrolV1Subject, path: string, errors: FieldError[]): void {
  const kind = subject.kind ?? '';
  if (!Object.hasOwn(subjectFields, kind)) return void errors.push(notSupported(`${path}.kind`, kind, ['Group', 'ServiceAccount', 'User']));
  const own = subjectFields[kind as SubjectKind];
  const at = `${path}.${own}`;
  if (subject[own] === undefined) errors.push(required(at, `${own} is required when subject kind is '${kind}'`));
  else if (own === 'serviceAccount') {
    const { name = '', namespace = '' } = subject.serviceAccount ?? {};
    if (name === '') errors.push(required(`${at}.name`));
    else if (name !== all) addProblems(errors, `${at}.name`, name, dnsSubdomainProblems(name));
    if (namespace === '') errors.push(required(`${at}.namespace`, 'must specify namespace for service account'));
    else addProblems(errors, `${at}.namespace`, namespace, dnsLabelProblems(namespace));
  } else if (!subject[own]?.name) errors.push(required(`${at}.name`));
  for (const [otherKind, other] of Object.entries(subjectFields)) {
    if (other !== own && subject[other] !== undefined) {
      errors.push(forbiddenField(`${path}.${other}`, `${other} is forbidden when subject kind is not '${otherKind}'`));
    }
  }
}

/** A list in which a star stands alone. True when there is more to check of its items. */
function validateList(
  list: readonly string[] | undefined,
  path: string,
  texts: { readonly missing: string; readonly others: string },
  errors: FieldError[],
): boolean {
  const items = list ?? [];
  if (items.length === 0) errors.push(required(path, texts.missing));
  else if (items.includes(all)) {
    if (items.length > 1) errors.push(invalidValue(path, items, `if '*' is present, must not specify other ${texts.others}`));
  } else return true;
  return false;
}

function validateVerbs(list: readonly string[] | undefined, path: string, errors: FieldError[]): void {
  const more = validateList(list, path, { missing: 'verbs must contain at least one value', others: 'verbs' }, errors);
  if (more && list?.some((verb) => !verbs.includes(verb))) errors.push(notSupported(path, list, verbs));
}

function validateResourceRule(rule: V1ResourcePolicyRule, path: string, errors: FieldError[]): void {
  validateVerbs(rule.verbs, `${path}.verbs`, errors);
  const groups = { missing: 'resource rules must supply at least one api group', others: 'api groups' };
  validateList(rule.apiGroups, `${path}.apiGroups`, groups, errors);
  const resources = { missing: 'resource rules must supply at least one resource', others: 'resources' };
  validateList(rule.resources, `${path}.resources`, resources, errors);
  const namespaces = rule.namespaces ?? [];
  if (namespaces.length === 0 && rule.clusterScope === true) return;
  const texts = { missing: 'resource rules that are not cluster scoped must supply at least one namespace', others: 'namespaces' };
  if (!validateList(namespaces, `${path}.namespaces`, texts, errors)) return;
  namespaces.forEach((namespace, i) => {
    for (const problem of dnsLabelProblems(namespace)) {
      const detail = `each member of this list must be '*' or a DNS-1123 label; ${problem}`;
      errors.push(invalidValue(`${path}.namespaces[${i}]`, namespace, detail));
    }
  });
}

function urlProblem(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (url === '/') return undefined;
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  const star = url.indexOf(all);
  if (star >= 0 && star !== url.length - 1) return 'wildcard can only do suffix matching';
  if (star >= 0 && !url.endsWith('/*')) return 'wildcard can only do suffix matching';
  return undefined;
}

function validateNonResourceRule(rule: V1NonResourcePolicyRule, path: string, errors: FieldError[]): void {
  validateVerbs(rule.verbs, `${path}.verbs`, errors);
  const texts = { missing: 'nonResourceURLs must contain at least one value', others: 'non-resource URLs' };
  if (!validateList(rule.nonResourceURLs, `${path}.nonResourceURLs`, texts, errors)) return;
  rule.nonResourceURLs.forEach((url, i) => {
    const problem = urlProblem(url);
    if (problem !== undefined) errors.push(invalidValue(`${path}.nonResourceURLs[${i}]`, url, problem));
  });
}

function validateRule(rule: V1PolicyRulesWithSubjects, path: string, errors: FieldError[]): void {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule;
  if (subjects.length === 0) errors.push(required(`${path}.subjects`, 'subjects must contain at least one value'));
  subjects.forEach((subject, i) => {
    validateSubject(subject, `${path}.subjects[${i}]`, errors);
  });
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    errors.push(required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty'));
  }
  resourceRules.forEach((each, i) => {
    validateResourceRule(each, `${path}.resourceRules[${i}]`, errors);
  });
  nonResourceRules.forEach((each, i) => {
    validateNonResourceRule(each, `${path}.nonResourceRules[${i}]`, errors);
  });
}

function validate({ metadata, spec: given }: V1FlowSchema): FieldError[] {
  const errors: FieldError[] = [];
  const spec: Partial<V1FlowSchemaSpec> = given ?? {};
  const precedence = spec.matchingPrecedence ?? 0;
  const at = 'spec.matchingPrecedence';
  if (precedence <= 0) errors.push(invalidValue(at, precedence, 'must be a positive value'));
  if (precedence > precedenceMax) errors.push(invalidValue(at, precedence, `must not be greater than ${precedenceMax}`));
  if (precedence === 1 && metadata?.name !== exempt) {
    errors.push(invalidValue(at, precedence, "only the schema named 'exempt' may have matchingPrecedence 1"));
  }
  const method = spec.distinguisherMethod;
  if (method !== undefined && !methods.includes(method.type)) errors.push(notSupported('spec.distinguisherMethod.type', method, methods));
  const level = spec.priorityLevelConfiguration?.name ?? '';
  const levelPath = 'spec.priorityLevelConfiguration.name';
  if (level === '') errors.push(required(levelPath, 'must reference a priority level'));
  else addProblems(errors, levelPath, level, dnsSubdomainProblems(level));
  spec.rules?.forEach((rule, i) => {
    validateRule(rule, `spec.rules[${i}]`, errors);
  });
  return errors;
}

/** Conditions of flow control's kinds: each type once. */
export function validateFlowConditions(conditions: readonly { readonly type?: string | undefined }[] | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  conditions?.forEach(({ type = '' }, i) => {
    const path = `status.conditions[${i}].type`;
    if (seen.has(type)) errors.push(duplicate(path, type));
    seen.add(type);
    if (type === '') errors.push(required(path, 'must not be empty'));
  });
  return errors;
}

export const flowschemas: KindDefinition<V1FlowSchema> = {
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  resource: 'flowschemas',
  singular: 'flowschema',
  namespaced: false,
  schema: 'V1FlowSchema',
  hasGeneration: true,
  columns: [
    nameColumn,
    { name: 'PriorityLevel', type: 'string', cell: ({ spec }) => spec?.priorityLevelConfiguration?.name ?? '' },
    { name: 'MatchingPrecedence', type: 'string', cell: ({ spec }) => spec?.matchingPrecedence ?? 0 },
    { name: 'DistinguisherMethod', type: 'string', cell: ({ spec }) => spec?.distinguisherMethod?.type ?? none },
    ageColumn,
    {
      name: 'MissingPL',
      type: 'string',
      description: 'references a broken or non-existent PriorityLevelConfiguration',
      cell: ({ status }) => status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
    },
  ],
  setDefaults: (draft) => {
    if (draft.spec && (draft.spec.matchingPrecedence ?? 0) === 0) draft.spec.matchingPrecedence = defaultPrecedence;
  },
  prepareCreate: (draft) => {
    draft.status = {};
  },
  validateCreate: validate,
  update: { prepare: keepStatus, validate },
  status: { validate: ({ status }) => validateFlowConditions(status?.conditions) },
};
