// The default roles and bindings as objects.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
import type { V1ClusterRole, V1ClusterRoleBinding, V1Role, V1RoleBinding } from '../../../api/mod.ts';
import { bindings } from './bindings.ts';
import { componentRoles } from './components.ts';
import { controllerRoles } from './controllers.ts';
import { namespacedRoles } from './namespaced-roles.ts';
import type { BindingStatement, RoleStatement } from './statement.ts';
import { userFacingRoles } from './user-facing.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';
/** `false` on an object: its owner keeps it as it is. */
export const autoUpdateAnnotation = 'rbac.authorization.kubernetes.io/autoupdate';
export const aggregateLabel = (to: string): string => `${rbacGroup}/aggregate-to-${to}`;
const apiVersion = `${rbacGroup}/v1`;
const controllerPrefix = 'system:controller:';

export interface BootstrapRbac {
  readonly clusterRoles: readonly V1ClusterRole[];
  readonly roles: readonly V1Role[];
  readonly clusterRoleBindings: readonly V1ClusterRoleBinding[];
  readonly roleBindings: readonly V1RoleBinding[];
}

export function bootstrapRbac(): BootstrapRbac {
  const forControllers = controllerRoles.map(({ name }) => ({
    name,
    role: `ClusterRole/${name}`,
    subjects: [`account:${name.slice(controllerPrefix.length)}`],
  }));
  const inCluster = bindings.filter(({ namespace }) => namespace === undefined);
  return {
    clusterRoles: [...userFacingRoles, ...componentRoles, ...controllerRoles].map(clusterRoleOf),
    roles: namespacedRoles.map((statement) => ({ kind: 'Role', apiVersion, metadata: metadataOf(statement), rules: statement.rules })),
    clusterRoleBindings: [...inCluster, ...forControllers].map((statement) => ({
      kind: 'ClusterRoleBinding',
      apiVersion,
      ...bindingOf(statement),
    })),
    roleBindings: bindings
      .filter(({ namespace }) => namespace !== undefined)
      .map((statement) => ({ kind: 'RoleBinding', apiVersion, ...bindingOf(statement) })),
  };
}

function clusterRoleOf(statement: RoleStatement): V1ClusterRole {
  const { rules, aggregates } = statement;
  const metadata = metadataOf(statement);
  if (aggregates === undefined) return { kind: 'ClusterRole', apiVersion, metadata, rules };
  const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { [aggregateLabel(aggregates)]: 'true' } }] };
  return { kind: 'ClusterRole', apiVersion, metadata, aggregationRule };
}

function bindingOf(statement: BindingStatement): Pick<V1RoleBinding, 'metadata' | 'roleRef' | 'subjects'> {
  const [kind = '', name = ''] = statement.role.split('/');
  const subjects = statement.subjects.map(subjectOf);
  return {
    metadata: metadataOf(statement),
    ...(subjects.length > 0 ? { subjects } : {}),
    roleRef: { apiGroup: rbacGroup, kind, name },
  };
}

function subjectOf(text: string): NonNullable<V1RoleBinding['subjects']>[number] {
  const colon = text.indexOf(':');
  const name = text.slice(colon + 1);
  if (text.startsWith('account:')) return { kind: 'ServiceAccount', name, namespace: 'kube-system' };
  return { kind: text.startsWith('user:') ? 'User' : 'Group', apiGroup: rbacGroup, name };
}

const metadataOf = ({ name, namespace, aggregateTo }: Pick<RoleStatement, 'name' | 'namespace' | 'aggregateTo'>) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  labels: {
    'kubernetes.io/bootstrapping': 'rbac-defaults',
    ...(aggregateTo === undefined ? {} : { [aggregateLabel(aggregateTo)]: 'true' }),
  },
  annotations: { [autoUpdateAnnotation]: 'true' },
});
