// Nobody grants what they do not have: checks on writes of roles and bindings.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
import {
  forbidden,
  type KubeObject,
  notFound,
  sameMeaning,
  type V1ClusterRole,
  type V1ClusterRoleBinding,
  type V1PolicyRule,
  type V1RoleBinding,
} from '../../../api/mod.ts';
import type { UserInfo } from '../../../client/mod.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../../admission/mod.ts';
import type { Authorizer } from '../authorizer.ts';
import { describeRules, missingRules, quoteAll } from './covers.ts';
import type { RbacAuthorizer } from './rbac.ts';

const group = 'rbac.authorization.k8s.io';
const version = 'v1';
/** Who may do everything, everywhere. */
const fullAuthority: readonly V1PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export interface EscalationOptions {
  readonly rbac: RbacAuthorizer;
  /** Asked for the verbs `escalate` and `bind`. */
  readonly authorizer: Authorizer;
}

export function rbacEscalation(options: EscalationOptions): AdmissionPlugin {
  return {
    name: 'RBACEscalation',
    validate(attributes, object) {
      const { kind, operation, subresource, user } = attributes;
      if (kind.group !== group || !object || subresource !== undefined || (operation !== 'CREATE' && operation !== 'UPDATE')) return;
      if (user.groups.includes('system:masters') || onlyOwnersChange(attributes.old, object)) return;
      if (kind.resource === 'roles' || kind.resource === 'clusterroles') return checkRole(options, attributes, object);
      return checkBinding(options, attributes, object as V1RoleBinding);
    },
  };
}

/** The garbage collector may do its work. */
function onlyOwnersChange(old: KubeObject | undefined, next: KubeObject): boolean {
  if (!old) return false;
  const plain = ({ metadata = {}, ...rest }: KubeObject) => {
    const { finalizers: _, ownerReferences: __, managedFields: ___, resourceVersion: ____, ...meta } = metadata;
    return { ...rest, metadata: meta };
  };
  return sameMeaning(plain(old), plain(next));
}

async function checkRole({ rbac, authorizer }: EscalationOptions, attributes: AdmissionAttributes, object: KubeObject): Promise<void> {
  const { kind, user, namespace = '', old } = attributes;
  const name = object.metadata?.name ?? '';
  const may = await authorizer.decide({
    as: 'resource',
    user,
    verb: 'escalate',
    group,
    version,
    resource: kind.resource,
    subresource: '',
    namespace,
    name,
  });
  if (may.decision === 'allow') return;
  const role = object as V1ClusterRole;
  const subject = { group, resource: kind.resource, name };
  const problem = escalation(rbac, user, namespace, role.rules ?? []);
  if (problem !== undefined) throw forbidden(subject, problem);
  const aggregated = role.aggregationRule !== undefined || (old as V1ClusterRole | undefined)?.aggregationRule !== undefined;
  if (aggregated && escalation(rbac, user, namespace, fullAuthority) !== undefined) {
    throw forbidden(subject, 'must have cluster-admin privileges to use an aggregationRule');
  }
}

async function checkBinding(
  { rbac, authorizer }: EscalationOptions,
  attributes: AdmissionAttributes,
  { metadata, roleRef }: V1RoleBinding | V1ClusterRoleBinding,
): Promise<void> {
  const { kind, user, namespace = '' } = attributes;
  const resource = roleRef.kind === 'Role' ? 'roles' : 'clusterroles';
  const may = await authorizer.decide({
    as: 'resource',
    user,
    verb: 'bind',
    group,
    version,
    resource,
    subresource: '',
    namespace,
    name: roleRef.name,
  });
  if (may.decision === 'allow') return;
  const rules = rbac.rulesOf(roleRef, namespace);
  if (!rules) throw notFound({ group, resource: roleRef.kind.toLowerCase(), name: roleRef.name });
  const problem = escalation(rbac, user, namespace, rules);
  if (problem !== undefined) throw forbidden({ group, resource: kind.resource, name: metadata?.name }, problem);
}

/** What the user would grant beyond what they have, in words; undefined when nothing. */
function escalation(rbac: RbacAuthorizer, user: UserInfo, namespace: string, wanted: readonly V1PolicyRule[]): string | undefined {
  const { rules, problems } = rbac.rulesFor(user, namespace);
  const missing = missingRules(rules, wanted);
  if (missing.length === 0) return undefined;
  const errors = problems.length === 0 ? '' : `; resolution errors: [${problems.join(', ')}]`;
  const who = `user ${JSON.stringify(user.name)} (groups=${quoteAll(user.groups)})`;
  return `${who} is attempting to grant RBAC permissions not currently held:\n${describeRules(missing)}${errors}`;
}
