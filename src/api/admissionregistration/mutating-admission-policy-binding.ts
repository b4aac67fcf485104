// MutatingAdmissionPolicyBinding: where a mutating policy is in force, and with which parameters.
import type { V1MutatingAdmissionPolicyBinding } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { bindingColumns, validateBinding } from './policy-parts.ts';
import { setMatchDefaults } from './rules.ts';

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
  columns: bindingColumns,
  setDefaults: (draft) => setMatchDefaults(draft.spec?.matchResources),
  validateCreate: validateBinding,
  update: { validate: validateBinding },
};
