// NodeRestriction: a node writes its own Node, Lease and CSINode, mirror pods and the status of pods bound to it, and nothing of others'.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
import {
  type AuthenticationV1TokenRequest,
  conflict,
  forbidden,
  type KubeObject,
  type StatusError,
  sameMeaning,
  type V1Node,
  type V1Pod,
} from '../../api/mod.ts';
import type { UserInfo } from '../../client/mod.ts';
import { nodeIdentity } from '../authz/node/identity.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './chain.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';
const leaseNamespace = 'kube-node-lease';
const quote = (text: string): string => JSON.stringify(text);

type Check = (node: string, attributes: AdmissionAttributes, object: KubeObject | undefined) => string | undefined;

export interface NodeRestrictionOptions {
  readonly pod: (namespace: string, name: string) => V1Pod | undefined;
}

export function nodeRestriction({ pod }: NodeRestrictionOptions): AdmissionPlugin {
  const checks: Readonly<Record<string, Check>> = {
    '/pods': (node, attributes, object) => podProblem(node, attributes, object, pod),
    '/nodes': nodeProblem,
    'coordination.k8s.io/leases': leaseProblem,
    'storage.k8s.io/csinodes': ownNameProblem('CSINode'),
    '/persistentvolumeclaims': (_, { subresource }) => (subresource === 'status' ? undefined : 'may only update PVC status'),
  };
  return {
    name: 'NodeRestriction',
    validate(attributes, object) {
      const node = nodeIdentity(attributes.user);
      if (node === undefined || attributes.operation === 'CONNECT') return;
      const key = `${attributes.kind.group}/${attributes.kind.resource}`;
      const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
      const problem = check?.(node, attributes, object);
      if (problem !== undefined) throw refuse(attributes, problem);
    },
  };
}

const refuse = ({ kind, name }: AdmissionAttributes, problem: string): StatusError =>
  forbidden({ group: kind.group, resource: kind.resource, ...(name === '' ? {} : { name }) }, problem);

function podProblem(
  node: string,
  { operation, subresource, old, namespace = '', name }: AdmissionAttributes,
  object: KubeObject | undefined,
  find: NodeRestrictionOptions['pod'],
): string | undefined {
  const bound = (pod: V1Pod | undefined) => pod?.spec?.nodeName === node;
  if (subresource === 'eviction') {
    return bound(find(namespace, name)) ? undefined : `node ${quote(node)} can only evict pods with spec.nodeName set to itself`;
  }
  if (subresource === 'status') {
    if (!bound(old)) return `node ${quote(node)} can only update pod status for pods with spec.nodeName set to itself`;
    const same = sameMeaning(old?.metadata?.labels ?? {}, object?.metadata?.labels ?? {});
    return same ? undefined : `node ${quote(node)} cannot update labels through pod status`;
  }
  if (subresource !== undefined) return `unexpected pod subresource ${quote(subresource)}, only 'status' and 'eviction' are allowed`;
  if (operation === 'CREATE') return mirrorProblem(node, object);
  if (operation === 'DELETE') return bound(old) ? undefined : `node ${quote(node)} can only delete pods with spec.nodeName set to itself`;
  return `unexpected operation ${quote(operation)}, node ${quote(node)} can only create and delete mirror pods`;
}

function mirrorProblem(node: string, pod: V1Pod | undefined): string | undefined {
  const { metadata, spec } = pod ?? {};
  if (metadata?.annotations?.[mirrorAnnotation] === undefined)
    return `pod does not have ${quote(mirrorAnnotation)} annotation, node ${quote(node)} can only create mirror pods`;
  if (spec?.nodeName !== node) return `node ${quote(node)} can only create pods with spec.nodeName set to itself`;
  const owners = metadata.ownerReferences ?? [];
  if (owners.length > 1) return `node ${quote(node)} can only create pods with a single owner reference set to itself`;
  const [owner] = owners;
  if (owner && (owner.kind !== 'Node' || owner.name !== node || owner.controller !== true))
    return `node ${quote(node)} can only create pods with an owner reference set to itself`;
  if (spec.serviceAccountName) return `node ${quote(node)} can not create pods that reference a service account`;
  for (const volume of spec.volumes ?? []) {
    if (volume.secret) return `node ${quote(node)} can not create pods that reference secrets`;
    if (volume.configMap) return `node ${quote(node)} can not create pods that reference configmaps`;
    if (volume.persistentVolumeClaim) return `node ${quote(node)} can not create pods that reference persistentvolumeclaims`;
  }
  return undefined;
}

const nodeProblem: Check = (node, { operation, name, old, subresource }, object) => {
  const asked = name || (object?.metadata?.name ?? '');
  if (asked !== node) return `node ${quote(node)} is not allowed to modify node ${quote(asked)}`;
  const next: V1Node | undefined = object;
  const before: V1Node | undefined = old;
  if (operation === 'CREATE') {
    const labels = forbiddenLabels(changedKeys({}, next?.metadata?.labels ?? {}));
    return labels === '' ? undefined : `node ${quote(node)} is not allowed to set the following labels: ${labels}`;
  }
  if (operation !== 'UPDATE') return undefined;
  if (subresource === undefined && !sameMeaning(next?.spec?.taints ?? [], before?.spec?.taints ?? []))
    return `node ${quote(node)} is not allowed to modify taints`;
  if (!sameMeaning(next?.metadata?.ownerReferences ?? [], before?.metadata?.ownerReferences ?? []))
    return `node ${quote(node)} is not allowed to modify ownerReferences`;
  const labels = forbiddenLabels(changedKeys(before?.metadata?.labels ?? {}, next?.metadata?.labels ?? {}));
  return labels === '' ? undefined : `is not allowed to modify labels: ${labels}`;
};

type Labels = Readonly<Record<string, string>>;

const changedKeys = (old: Labels, next: Labels): readonly string[] =>
  [...new Set([...Object.keys(old), ...Object.keys(next)])].filter((key) => old[key] !== next[key]);

/** Labels of Kubernetes' own that a kubelet may set on its node. */
const kubeletLabels: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);
const kubeletPrefixes: readonly string[] = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

const within = (prefix: string, domain: string): boolean => prefix === domain || prefix.endsWith(`.${domain}`);

function forbiddenLabels(keys: readonly string[]): string {
  const isForbidden = (key: string): boolean => {
    const slash = key.indexOf('/');
    const prefix = slash < 0 ? '' : key.slice(0, slash);
    if (within(prefix, 'node-restriction.kubernetes.io')) return true;
    if (!within(prefix, 'kubernetes.io') && !within(prefix, 'k8s.io')) return false;
    return !kubeletLabels.has(key) && !kubeletPrefixes.some((domain) => within(prefix, domain));
  };
  return keys.filter(isForbidden).sort().join(', ');
}

const leaseProblem: Check = (node, { name, namespace }, object) => {
  if (namespace !== leaseNamespace) return `can only access leases in the ${quote(leaseNamespace)} system namespace`;
  const asked = name || (object?.metadata?.name ?? '');
  return asked === node ? undefined : 'can only access node lease with the same name as the requesting node';
};

const ownNameProblem =
  (kind: string): Check =>
  (node, { name }, object) =>
    (name || object?.metadata?.name) === node ? undefined : `can only access ${kind} with the same name as the requesting node`;

/** A node asks for tokens of pods that are bound to it, and of no others. Throws 403 and 409. */
export function checkTokenOfNode(
  { pod: find }: NodeRestrictionOptions,
  { user, namespace, name }: { readonly user: UserInfo; readonly namespace: string; readonly name: string },
  { spec }: AuthenticationV1TokenRequest,
): void {
  const node = nodeIdentity(user);
  if (node === undefined) return;
  const no = (why: string) => forbidden({ group: '', resource: 'serviceaccounts', name }, why);
  const ref = spec?.boundObjectRef;
  if (ref?.kind !== 'Pod' || ref.apiVersion !== 'v1' || !ref.name) throw no('node requested token not bound to a pod');
  if (!ref.uid) throw no('node requested token with a pod binding without a uid');
  const pod = find(namespace, ref.name);
  if (!pod) throw no(`pod ${quote(ref.name)} not found`);
  if (pod.metadata?.uid !== ref.uid) {
    const why = `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict({ group: '', resource: 'Pod', name: ref.name }, why);
  }
  if (pod.spec?.nodeName !== node) throw no('node requested token bound to a pod scheduled on a different node');
}
