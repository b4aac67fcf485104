// What brings a default role or binding up to date: what is missing is added, what its users have added stays. Pure.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation

import type { V1ClusterRole, V1ClusterRoleBinding, V1Role, V1RoleBinding } from '../../../api/mod.ts';
import { jsonEqual } from '../../verbs/equal.ts';
import { missingRules } from '../rbac/covers.ts';
import { autoUpdateAnnotation } from './objects.ts';

export type RoleObject = V1Role | V1ClusterRole;
export type BindingObject = V1RoleBinding | V1ClusterRoleBinding;

/** `replace`: a binding to another role has to go first. */
export type Reconciliation<T> =
  | { readonly do: 'nothing' }
  | { readonly do: 'create'; readonly object: T }
  | { readonly do: 'update'; readonly object: T }
  | { readonly do: 'replace'; readonly object: T };

const nothing = { do: 'nothing' } as const;

export function reconcileRole<T extends RoleObject>(wanted: T, standing: T | undefined): Reconciliation<T> {
  if (!standing) return { do: 'create', object: wanted };
  if (isProtected(standing)) return nothing;
  const metadata = withDefaults(wanted, standing);
  const aggregation = aggregationOf(wanted, standing);
  // The rules of a role that gathers others' are the controller's.
  const missing = aggregation.wanted ? [] : missingRules(standing.rules ?? [], wanted.rules ?? []);
  if (missing.length === 0 && !metadata && !aggregation.next) return nothing;
  const rules = [...(standing.rules ?? []), ...missing];
  return {
    do: 'update',
    object: {
      ...standing,
      ...(metadata ? { metadata } : {}),
      ...(missing.length > 0 ? { rules } : {}),
      ...(aggregation.next ? { aggregationRule: { clusterRoleSelectors: aggregation.next } } : {}),
    },
  };
}

type Selectors = NonNullable<NonNullable<V1ClusterRole['aggregationRule']>['clusterRoleSelectors']>;

function aggregationOf(wanted: RoleObject, standing: RoleObject): { readonly wanted: boolean; readonly next: Selectors | undefined } {
  const selectors = (role: RoleObject): Selectors => ('aggregationRule' in role ? (role.aggregationRule?.clusterRoleSelectors ?? []) : []);
  const held = selectors(standing);
  const missing = selectors(wanted).filter((one) => !held.some((other) => jsonEqual(one, other)));
  return { wanted: selectors(wanted).length > 0, next: missing.length > 0 ? [...held, ...missing] : undefined };
}

export function reconcileBinding<T extends BindingObject>(wanted: T, standing: T | undefined): Reconciliation<T> {
  if (!standing) return { do: 'create', object: wanted };
  if (isProtected(standing)) return nothing;
  if (!jsonEqual(standing.roleRef, wanted.roleRef)) return { do: 'replace', object: wanted };
  const metadata = withDefaults(wanted, standing);
  const held = standing.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((one) => !held.some((other) => jsonEqual(one, other)));
  if (missing.length === 0 && !metadata) return nothing;
  const subjects = [...held, ...missing];
  return { do: 'update', object: { ...standing, ...(metadata ? { metadata } : {}), ...(missing.length > 0 ? { subjects } : {}) } };
}

const isProtected = ({ metadata }: RoleObject | BindingObject): boolean => metadata?.annotations?.[autoUpdateAnnotation] === 'false';

/** The standing metadata with the labels and annotations that it lacks; undefined when it has them. */
function withDefaults<T extends RoleObject | BindingObject>(wanted: T, { metadata }: T): T['metadata'] | undefined {
  const labels = { ...wanted.metadata?.labels, ...metadata?.labels };
  const annotations = { ...wanted.metadata?.annotations, ...metadata?.annotations };
  const same = jsonEqual(labels, metadata?.labels ?? {}) && jsonEqual(annotations, metadata?.annotations ?? {});
  return same ? undefined : { ...metadata, labels, annotations };
}
