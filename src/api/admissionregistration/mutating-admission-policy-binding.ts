// MutatingAdmissionPolicyBinding: where a mutating policy is in force, and with which parameters.
import type { V1MutatingAdmissionPolicyBinding } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import type { FieldError } from '../meta/field-error.ts';
import { paramRefCell, validateParamRef, validatePolicyName } from './policy-parts.ts';
import { setMatchDefaults, validateMatchResources } from './rules.ts';

function validate({ spec }: V1MutatingAdmissionPolicyBinding): FieldError[] {
  const errors: FieldError[] = [];
  validatePolicyName(spec?.policyName, errors);
  validateParamRef(spec?.paramRef, 'spec.paramRef', errors);
  validateMatchResources(spec?.matchResources, false, 'spec.matchResources', errors);
  return errors;
}

export const mutatingadmissionpolicybindings: KindDefinition<V1MutatingAdmissionPolicyBinding> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicyBinding',
  resource: 'mutatingadmissionpolicybindings',
  singular: 'mutatingadmissionpolicybinding',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'V1MutatingAdmissionPolicyBinding',
  hasGeneration: true,
  columns: [
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
  ],
  setDefaults: (draft) => setMatchDefaults(draft.spec?.matchResources),
  validateCreate: validate,
  update: { validate },
};
