// ValidatingAdmissionPolicy: conditions, as CEL expressions, that requests must meet.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
import type { V1ValidatingAdmissionPolicy, V1ValidatingAdmissionPolicySpec, V1Validation } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { validateOptionalChoice } from '../meta/field-checks.ts';
import { duplicate, type FieldError, invalidValue, notSupported, required, tooMany } from '../meta/field-error.ts';
import { byteLength, qualifiedNameProblems } from '../meta/names.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { paramKindCell, validateParamKind, validateVariables } from './policy-parts.ts';
import { failurePolicies, setMatchDefaults, validateExpression, validateMatchConditions, validateMatchResources } from './rules.ts';

const auditAnnotationsMax = 20;
const valueExpressionMax = 5 * 1024;
const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];

function validateValidation(validation: V1Validation, path: string, errors: FieldError[]): void {
  const { message = '', messageExpression, reason } = validation;
  validateExpression(validation.expression, `${path}.expression`, errors);
  if (messageExpression !== undefined && messageExpression.trim() === '' && messageExpression !== '') {
    errors.push(invalidValue(`${path}.messageExpression`, messageExpression, 'must be non-empty if specified'));
  }
  if (message !== '' && message.trim() === '')
    errors.push(invalidValue(`${path}.message`, message, 'message must be non-empty if specified'));
  else if (message.trim().includes('\n')) errors.push(invalidValue(`${path}.message`, message, 'message must not contain line breaks'));
  else if ((validation.expression ?? '').trim().includes('\n') && message === '') {
    errors.push(required(`${path}.message`, 'message must be specified if expression contains line breaks'));
  }
  if (reason !== undefined && !reasons.includes(reason)) errors.push(notSupported(`${path}.reason`, reason, reasons));
}

function validateAuditAnnotations(spec: V1ValidatingAdmissionPolicySpec, name: string, errors: FieldError[]): void {
  const path = 'spec.auditAnnotations';
  const annotations = spec.auditAnnotations ?? [];
  if (annotations.length > auditAnnotationsMax) errors.push(tooMany(path, annotations.length, auditAnnotationsMax));
  const keys = new Set<string>();
  annotations.forEach(({ key = '', valueExpression = '' }, i) => {
    const at = `${path}[${i}]`;
    if (name !== '') addProblems(errors, `${at}.key`, `${name}/${key}`, qualifiedNameProblems(`${name}/${key}`));
    else addProblems(errors, `${at}.key`, key, qualifiedNameProblems(key));
    if (valueExpression.trim() === '') errors.push(required(`${at}.valueExpression`));
    else if (byteLength(valueExpression.trim()) > valueExpressionMax) {
      errors.push(required(`${at}.valueExpression`, `must not exceed ${valueExpressionMax} bytes in length`));
    }
    if (keys.has(key)) errors.push(duplicate(`${at}.key`, key));
    keys.add(key);
  });
}

function validate({ metadata, spec: given }: V1ValidatingAdmissionPolicy): FieldError[] {
  const errors: FieldError[] = [];
  const spec = given ?? {};
  if (spec.failurePolicy === undefined) errors.push(required('spec.failurePolicy'));
  validateOptionalChoice(spec.failurePolicy, failurePolicies, 'spec.failurePolicy', errors);
  validateParamKind(spec.paramKind, 'spec.paramKind', errors);
  validateMatchResources(spec.matchConstraints, true, 'spec.matchConstraints', errors);
  validateMatchConditions(spec.matchConditions, 'spec.matchConditions', errors);
  validateVariables(spec.variables, 'spec.variables', errors);
  const validations = spec.validations ?? [];
  if (validations.length === 0 && (spec.auditAnnotations ?? []).length === 0) {
    const detail = 'validations or auditAnnotations must be non-empty; otherwise, the policy is a no-op';
    errors.push(required('spec.validations', detail), required('spec.auditAnnotations', detail));
  }
  validations.forEach((validation, i) => {
    validateValidation(validation, `spec.validations[${i}]`, errors);
  });
  validateAuditAnnotations(spec, metadata?.name ?? '', errors);
  return errors;
}

export const validatingadmissionpolicies: KindDefinition<V1ValidatingAdmissionPolicy> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  resource: 'validatingadmissionpolicies',
  singular: 'validatingadmissionpolicy',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'V1ValidatingAdmissionPolicy',
  hasGeneration: true,
  columns: [
    nameColumn,
    {
      name: 'Validations',
      type: 'integer',
      description: 'Validations indicates the number of validation rules defined in this configuration',
      cell: ({ spec }) => spec?.validations?.length ?? 0,
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
  prepareCreate: (draft) => {
    draft.status = {};
  },
  validateCreate: validate,
  update: { prepare: keepStatus, validate },
  status: {},
};
