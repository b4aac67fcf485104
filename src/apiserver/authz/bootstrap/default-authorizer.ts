// Authorization by the default roles as they are written here, for a server that serves no RBAC objects.
import { type Authorizer, firstOpinion } from '../authorizer.ts';
import { BindingIndex, roleKeyOf } from '../rbac/index-of-bindings.ts';
import { superusers } from '../superusers.ts';
import { bootstrapRbac } from './objects.ts';

export function createDefaultAuthorizer(): Authorizer {
  const index = new BindingIndex();
  const { clusterRoles, roles, clusterRoleBindings, roleBindings } = bootstrapRbac();
  for (const { metadata, rules } of [...clusterRoles, ...roles]) {
    index.setRole(roleKeyOf(metadata?.namespace ?? '', metadata?.name ?? ''), rules ?? []);
  }
  [...clusterRoleBindings, ...roleBindings].forEach((binding, i) => {
    index.setBinding(String(i), binding);
  });
  return firstOpinion([superusers, { decide: (attributes) => index.decide(attributes) }]);
}
