// ClusterRoleBinding: who has a role in the whole cluster.
import type { V1ClusterRoleBinding } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { bindingColumns, setBindingDefaults, validateBinding, validateBindingUpdate } from './binding-rules.ts';
import { rbacGroup } from './policy-rules.ts';

export const clusterrolebindings: KindDefinition<V1ClusterRoleBinding> = {
  group: rbacGroup,
  version: 'v1',
  kind: 'ClusterRoleBinding',
  resource: 'clusterrolebindings',
  singular: 'clusterrolebinding',
  namespaced: false,
  schema: 'V1ClusterRoleBinding',
  nameRule: 'pathSegment',
  hasGeneration: false,
  columns: bindingColumns,
  setDefaults: setBindingDefaults,
  validateCreate: (binding) => validateBinding(binding, false),
  update: { validate: (next, old) => validateBindingUpdate(next, old, false) },
};
