// ValidatingAdmissionPolicyBinding: where a policy holds, with which parameters, and what follows.
import type { V1ValidatingAdmissionPolicyBinding } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { validateDistinct } from '../meta/field-checks.ts';
import { type FieldError, invalidValue, notSupported, required } from '../meta/field-error.ts';
import { bindingColumns, validateBinding } from './policy-parts.ts';
import { setMatchDefaults } from './rules.ts';

const actions = ['Audit', 'Deny', 'Warn'];

function validate(binding: V1ValidatingAdmissionPolicyBinding): FieldError[] {
  const errors = validateBinding(binding);
  const path = 'spec.validationActions';
  const given = binding.spec?.validationActions ?? [];
  given.forEach((action, i) => {
    if (!actions.includes(action)) errors.push(notSupported(`${path}[${i}]`, action, actions));
  });
  validateDistinct(given, (i) => `${path}[${i}]`, errors);
  if (given.includes('Deny') && given.includes('Warn'))
    errors.push(
      invalidValue(
        path,
        given,
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ),
    );
  if (given.length === 0) errors.push(required(path, 'at least one validation action is required'));
  return errors;
}

export const validatingadmissionpolicybindings: KindDefinition<V1ValidatingAdmissionPolicyBinding> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  resource: 'validatingadmissionpolicybindings',
  singular: 'validatingadmissionpolicybinding',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'V1ValidatingAdmissionPolicyBinding',
  hasGeneration: true,
  columns: bindingColumns,
  setDefaults: (draft) => setMatchDefaults(draft.spec?.matchResources),
  validateCreate: validate,
  update: { validate },
};
