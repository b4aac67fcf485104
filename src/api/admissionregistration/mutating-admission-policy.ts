// MutatingAdmissionPolicy: changes, as CEL expressions, that are made to what is sent.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/
import type { V1MutatingAdmissionPolicy, V1Mutation } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { validateOptionalChoice } from '../meta/field-checks.ts';
import { type FieldError, notSupported, required } from '../meta/field-error.ts';
import { paramKindCell, validateParamKind, validateVariables } from './policy-parts.ts';
import { failurePolicies, setMatchDefaults, validateExpression, validateMatchConditions, validateMatchResources } from './rules.ts';

const patchTypes = ['ApplyConfiguration', 'JSONPatch'];

function validateMutation(mutation: V1Mutation, path: string, errors: FieldError[]): void {
  const { patchType = '', jsonPatch, applyConfiguration } = mutation;
  if (patchType === 'JSONPatch') {
    if (jsonPatch === undefined) errors.push(required(`${path}.jsonPatch`, "must be specified when patchType is 'JSONPatch'"));
    else validateExpression(jsonPatch.expression, `${path}.jsonPatch.expression`, errors);
    if (applyConfiguration !== undefined)
      errors.push(required(`${path}.applyConfiguration`, "must not be specified when patchType is 'JSONPatch'"));
  } else if (patchType === 'ApplyConfiguration') {
    if (applyConfiguration === undefined)
      errors.push(required(`${path}.applyConfiguration`, "must be specified when patchType is 'ApplyConfiguration'"));
    else validateExpression(applyConfiguration.expression, `${path}.applyConfiguration.expression`, errors);
    if (jsonPatch !== undefined) errors.push(required(`${path}.jsonPatch`, "must not be specified when patchType is 'ApplyConfiguration'"));
  } else if (patchType === '') errors.push(required(`${path}.patchType`));
  else errors.push(notSupported(`${path}.patchType`, patchType, patchTypes));
}

function validate({ spec: given }: V1MutatingAdmissionPolicy): FieldError[] {
  const errors: FieldError[] = [];
  const spec = given ?? {};
  if (spec.failurePolicy === undefined) errors.push(required('spec.failurePolicy'));
  validateOptionalChoice(spec.failurePolicy, failurePolicies, 'spec.failurePolicy', errors);
  validateParamKind(spec.paramKind, 'spec.paramKind', errors);
  validateMatchResources(spec.matchConstraints, true, 'spec.matchConstraints', errors);
  validateMatchConditions(spec.matchConditions, 'spec.matchConditions', errors);
  validateVariables(spec.variables, 'spec.variables', errors);
  const mutations = spec.mutations ?? [];
  if (mutations.length === 0) errors.push(required('spec.mutations', 'mutations must contain at least one item'));
  mutations.forEach((mutation, i) => {
    validateMutation(mutation, `spec.mutations[${i}]`, errors);
  });
  if (spec.reinvocationPolicy === undefined) errors.push(required('spec.reinvocationPolicy'));
  validateOptionalChoice(spec.reinvocationPolicy, ['IfNeeded', 'Never'], 'spec.reinvocationPolicy', errors);
  return errors;
}

export const mutatingadmissionpolicies: KindDefinition<V1MutatingAdmissionPolicy> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicy',
  resource: 'mutatingadmissionpolicies',
  singular: 'mutatingadmissionpolicy',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'V1MutatingAdmissionPolicy',
  hasGeneration: true,
  columns: [
    nameColumn,
    {
      name: 'Mutations',
      type: 'integer',
      description: 'Mutation indicates the number of mutations rules defined in this configuration',
      cell: ({ spec }) => spec?.mutations?.length ?? 0,
    },
    {
      name: 'ParamKind',
      type: 'string',
      description: 'ParamKind specifies the kind of resources used to parameterize this policy',
      cell: ({ spec }) => paramKindCell(spec?.paramKind),
    },
    ageColumn,
  ],
  setDefaults: (draft) => {
    if (draft.spec === undefined) return;
    draft.spec.failurePolicy ??= 'Fail';
    setMatchDefaults(draft.spec.matchConstraints);
  },
  validateCreate: validate,
  update: { validate },
};
