// RoleBinding: who has a role in one namespace.
import type { V1RoleBinding } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { bindingColumns, setBindingDefaults, validateBinding, validateBindingUpdate } from './binding-rules.ts';
import { rbacGroup } from './policy-rules.ts';

export const rolebindings: KindDefinition<V1RoleBinding> = {
  group: rbacGroup,
  version: 'v1',
  kind: 'RoleBinding',
  resource: 'rolebindings',
  singular: 'rolebinding',
  namespaced: true,
  schema: 'V1RoleBinding',
  nameRule: 'pathSegment',
  hasGeneration: false,
  columns: bindingColumns,
  setDefaults: setBindingDefaults,
  validateCreate: (binding) => validateBinding(binding, true),
  update: { validate: (next, old) => validateBindingUpdate(next, old, true) },
};
