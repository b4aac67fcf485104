// What admission policies and their bindings of both kinds have in common: parameters, variables, names.
import type {
  V1LabelSelector,
  V1MutatingAdmissionPolicyBinding,
  V1ParamKind,
  V1ParamRef,
  V1ValidatingAdmissionPolicyBinding,
  V1Variable,
} from '../generated/types.gen.ts';
import type { Column } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { validateName } from '../meta/field-checks.ts';
import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts';
import { dns1035LabelProblems, dnsSubdomainProblems, pathSegmentProblems } from '../meta/names.ts';
import { parseApiVersion } from '../meta/object.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { validateLabelSelector } from '../meta/validate-selector.ts';
import { validateExpression, validateMatchResources } from './rules.ts';

const identifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

export function validateParamKind(kind: V1ParamKind | undefined, path: string, errors: FieldError[]): void {
  if (kind === undefined) return;
  const apiVersion = kind.apiVersion ?? '';
  if (apiVersion === '') errors.push(required(`${path}.apiVersion`));
  else {
    const { group, version } = parseApiVersion(apiVersion);
    if (group !== '') addProblems(errors, `${path}.apiVersion`, group, dnsSubdomainProblems(group));
    addProblems(errors, `${path}.apiVersion`, version, dns1035LabelProblems(version));
  }
  const name = kind.kind ?? '';
  if (name === '') errors.push(required(`${path}.kind`));
  else {
    const problems = dns1035LabelProblems(name.toLowerCase());
    if (problems.length > 0)
      errors.push(invalidValue(`${path}.kind`, name, `may have mixed case, but should otherwise match: ${problems.join(',')}`));
  }
}

export function validateParamRef(ref: V1ParamRef | undefined, path: string, errors: FieldError[]): void {
  if (ref === undefined) return;
  const { name = '', selector, parameterNotFoundAction: action } = ref;
  if (name !== '') {
    addProblems(errors, `${path}.name`, name, pathSegmentProblems(name));
    if (selector !== undefined) errors.push(forbiddenField(`${path}.name`, 'name and selector are mutually exclusive'));
  }
  if (selector !== undefined) {
    validateLabelSelector(selector, `${path}.selector`, errors);
    if (name !== '') errors.push(forbiddenField(`${path}.selector`, 'name and selector are mutually exclusive'));
  }
  if (name === '' && selector === undefined) errors.push(required(path, 'one of name or selector must be specified'));
  if (action === undefined) errors.push(required(`${path}.parameterNotFoundAction`));
  else if (action !== 'Deny' && action !== 'Allow') errors.push(notSupported(`${path}.parameterNotFoundAction`, action, ['Deny', 'Allow']));
}

export function validateVariables(variables: readonly V1Variable[] | undefined, path: string, errors: FieldError[]): void {
  const names = new Set<string>();
  variables?.forEach(({ name = '', expression }, i) => {
    const at = `${path}[${i}]`;
    if (name === '') errors.push(required(`${at}.name`));
    else if (!identifier.test(name)) errors.push(invalidValue(`${at}.name`, name, 'name is not a valid CEL identifier'));
    validateExpression(expression, `${at}.expression`, errors);
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
  });
}

/** `v1/ConfigMap`, or `<unset>`. */
export const paramKindCell = (kind: V1ParamKind | undefined): string =>
  kind === undefined ? '<unset>' : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`;

/** A selector as upstream's printer writes it. */
function selectorText({ matchLabels = {}, matchExpressions = [] }: V1LabelSelector): string {
  const labels = Object.entries(matchLabels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`);
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}

/** `ns/name`; `*` for a name without a namespace, which may be cluster-scoped; or what it selects by. */
export function paramRefCell(ref: V1ParamRef | undefined): string {
  if (ref?.name) return `${ref.namespace || '*'}/${ref.name}`;
  return ref?.selector === undefined ? '<unset>' : selectorText(ref.selector);
}

type Binding = V1MutatingAdmissionPolicyBinding | V1ValidatingAdmissionPolicyBinding;

/** What bindings of both kinds say in the same way. */
export function validateBinding({ spec }: Binding): FieldError[] {
  const errors: FieldError[] = [];
  validateName(spec?.policyName, dnsSubdomainProblems, 'spec.policyName', errors);
  validateParamRef(spec?.paramRef, 'spec.paramRef', errors);
  validateMatchResources(spec?.matchResources, false, 'spec.matchResources', errors);
  return errors;
}

export const bindingColumns: readonly Column<Binding>[] = [
  nameColumn,
  {
    name: 'PolicyName',
    type: 'string',
    description: 'PolicyName indicates the policy definition which the policy binding binded to',
    cell: ({ spec }) => spec?.policyName ?? '',
  },
  {
    name: 'ParamRef',
    type: 'string',
    description: 'ParamRef indicates the param resource which sets the configration param',
    cell: ({ spec }) => paramRefCell(spec?.paramRef),
  },
  ageColumn,
];
