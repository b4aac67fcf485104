// The node authorizer: a node reads what its pods refer to, and reads and writes what is its own. What it may change of that, NodeRestriction says.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/node/
import type { V1PersistentVolume, V1VolumeAttachment } from '../../../api/mod.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Attributes, Authorizer, Decision, ResourceAttributes } from '../authorizer.ts';
import { componentRoles } from '../bootstrap/components.ts';
import { ruleAllows } from '../rbac/rules.ts';
import { nodeIdentity } from './identity.ts';
import { createNodePods, type NodePods } from './node-pods.ts';
import { type Referenced, secretsOfVolume } from './references.ts';

const allow: Decision = Object.freeze({ decision: 'allow' });
const silent: Decision = Object.freeze({ decision: 'noOpinion' });
const because = (reason: string): Decision => ({ decision: 'noOpinion', reason });
export const leaseNamespace = 'kube-node-lease';

/** What is not subdivided by node. */
const nodeRules = componentRoles.find(({ name }) => name === 'system:node')?.rules ?? [];

interface Parts {
  readonly pods: NodePods;
  readonly volume: (name: string) => V1PersistentVolume | undefined;
  readonly volumes: () => readonly V1PersistentVolume[];
  readonly attachment: (name: string) => V1VolumeAttachment | undefined;
}

export function createNodeAuthorizer(registry: Pick<Registry, 'find'>): Authorizer {
  const volumes = registry.find({ group: '', version: 'v1', resource: 'persistentvolumes' });
  const attachments = registry.find({ group: 'storage.k8s.io', version: 'v1', resource: 'volumeattachments' });
  const parts: Parts = {
    pods: createNodePods(registry),
    volume: (name) => volumes?.get(undefined, name)?.object as V1PersistentVolume | undefined,
    volumes: () => volumes?.cache.page({}).entries.map(({ object }) => object as V1PersistentVolume) ?? [],
    attachment: (name) => attachments?.get(undefined, name)?.object as V1VolumeAttachment | undefined,
  };
  return { decide: (attributes) => decideForNode(parts, attributes) };
}

function decideForNode(parts: Parts, attributes: Attributes): Decision {
  const node = nodeIdentity(attributes.user);
  if (node === undefined) return silent;
  if (node === '') return because(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
  if (attributes.as === 'resource') {
    const key = `${attributes.group}/${attributes.resource}`;
    const decide = Object.hasOwn(subdivided, key) ? subdivided[key] : undefined;
    if (decide) return decide(parts, node, attributes);
  }
  return nodeRules.some((rule) => ruleAllows(rule, attributes)) ? allow : silent;
}

type Decide = (parts: Parts, node: string, attributes: ResourceAttributes) => Decision;

const ownReads: Decide = (parts, node, attributes) => {
  const { verb, subresource, namespace, name, resource } = attributes;
  if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return because('can only read resources of this type');
  if (subresource !== '') return because('cannot read subresource');
  if (namespace === '') return because('can only read namespaced object of this type');
  if (name === '') return because('No Object name found');
  const related =
    parts.pods.refers(node, resource as Referenced, namespace, name) || (resource === 'secrets' && byVolume(parts, node, attributes));
  return related ? allow : because(noRelation(node));
};

const noRelation = (node: string): string => `no relationship found between node '${node}' and this object`;

const byVolume = ({ pods, volumes }: Parts, node: string, { namespace, name }: ResourceAttributes): boolean =>
  volumes().some((volume) => secretsOfVolume(volume).includes(`${namespace}/${name}`) && isClaimed(pods, node, volume));

function isClaimed(pods: NodePods, node: string, volume: V1PersistentVolume | undefined): boolean {
  const { namespace = '', name = '' } = volume?.spec?.claimRef ?? {};
  return name !== '' && pods.refers(node, 'persistentvolumeclaims', namespace, name);
}

/** Get one object that is related to the node. */
const getRelated =
  (related: (parts: Parts, node: string, attributes: ResourceAttributes) => boolean): Decide =>
  (parts, node, attributes) => {
    if (attributes.verb !== 'get') return because('can only get individual resources of this type');
    if (attributes.subresource !== '') return because('cannot get subresource');
    if (attributes.name === '') return because('No Object name found');
    return related(parts, node, attributes) ? allow : because(noRelation(node));
  };

const referred =
  (kind: Referenced): Parameters<typeof getRelated>[0] =>
  ({ pods }, node, { namespace, name }) =>
    pods.refers(node, kind, namespace, name);

const claims: Decide = (parts, node, attributes) => {
  if (attributes.subresource !== 'status') return getRelated(referred('persistentvolumeclaims'))(parts, node, attributes);
  const { verb, namespace, name } = attributes;
  if (verb !== 'update' && verb !== 'patch') return because('can only get/update/patch this type');
  return parts.pods.refers(node, 'persistentvolumeclaims', namespace, name) ? allow : because(noRelation(node));
};

/** Reading an account is for image credentials that its token stands for. */
const accounts: Decide = (parts, node, attributes) => {
  const { verb, subresource, namespace, name } = attributes;
  if (verb === 'get') return getRelated(referred('serviceaccounts'))(parts, node, attributes);
  if (verb !== 'create' || name === '') return because('can only create tokens for individual service accounts');
  if (subresource !== 'token') return because('can only create token subresource of serviceaccount');
  return parts.pods.refers(node, 'serviceaccounts', namespace, name) ? allow : because(noRelation(node));
};

const leaseVerbs: readonly string[] = ['get', 'create', 'update', 'patch', 'delete'];

const leases: Decide = (_, node, { verb, namespace, name }) => {
  if (!leaseVerbs.includes(verb)) return because('can only get, create, update, patch, or delete a node lease');
  if (namespace !== leaseNamespace) return because(`can only access leases in the ${JSON.stringify(leaseNamespace)} system namespace`);
  if (verb !== 'create' && name !== node) return because('can only access node lease with the same name as the requesting node');
  return allow;
};

const csiNodes: Decide = (_, node, { verb, subresource, name }) => {
  if (!leaseVerbs.includes(verb)) return because('can only get, create, update, patch, or delete a CSINode');
  if (subresource !== '') return because('cannot authorize CSINode subresources');
  if (verb !== 'create' && name !== node) return because('can only access CSINode with the same name as the requesting node');
  return allow;
};

const nodes: Decide = (_, node, { verb, subresource, name }) => {
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allow : silent;
  if (subresource !== '') return silent;
  if (verb === 'create' || verb === 'update' || verb === 'patch') return allow;
  if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return silent;
  // By name and not by what is there: a node reads its own object before it has made it.
  if (name === node) return allow;
  return because(
    name === ''
      ? `node '${node}' cannot read all nodes, only its own Node object`
      : `node '${node}' cannot read '${name}', only its own Node object`,
  );
};

const pods: Decide = (parts, node, attributes) => {
  const { verb, subresource, namespace, name, fieldSelector } = attributes;
  const related = () => parts.pods.on(node).some(({ metadata }) => metadata?.namespace === namespace && metadata.name === name);
  switch (subresource) {
    case '':
      if (verb === 'create' || verb === 'delete') return allow;
      if (verb === 'get') return getRelated(related)(parts, node, attributes);
      if (verb !== 'list' && verb !== 'watch') return silent;
      if (selectsNode(fieldSelector, node)) return allow;
      if (name !== '') return related() ? allow : because(noRelation(node));
      return because('can only list/watch pods with spec.nodeName field selector');
    case 'status':
      return verb === 'update' || verb === 'patch' ? allow : silent;
    case 'eviction':
      return verb === 'create' ? allow : silent;
    default:
      return silent;
  }
};

const selectsNode = (fieldSelector: string | undefined, node: string): boolean =>
  (fieldSelector ?? '').split(',').some((part) => /^spec\.nodeName==?(.*)$/.exec(part.trim())?.[1] === node);

/** By group and resource. */
const subdivided: Readonly<Record<string, Decide>> = {
  '/secrets': ownReads,
  '/configmaps': ownReads,
  '/persistentvolumeclaims': claims,
  '/persistentvolumes': getRelated(({ pods: of, volume }, node, { name }) => isClaimed(of, node, volume(name))),
  'resource.k8s.io/resourceclaims': getRelated(referred('resourceclaims')),
  'storage.k8s.io/volumeattachments': getRelated(({ attachment }, node, { name }) => attachment(name)?.spec.nodeName === node),
  '/serviceaccounts': accounts,
  'coordination.k8s.io/leases': leases,
  'storage.k8s.io/csinodes': csiNodes,
  '/nodes': nodes,
  '/pods': pods,
};
