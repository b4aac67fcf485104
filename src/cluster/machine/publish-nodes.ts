// What machines that join find in the API: what they must know of the cluster, and what nodes may do besides what they may anywhere.
// Each node runs its service proxy and its DNS server under its own name, and so needs what those read.
import {
  clusterrolebindings,
  clusterroles,
  configmaps,
  hasReason,
  parseRange,
  rolebindings,
  roles,
  type V1ConfigMap,
} from '../../api/mod.ts';
import type { Client } from '../../client/mod.ts';
import { splitRanges } from '../../network/mod.ts';
import type { ClusterIdentity } from './data-dir.ts';
import { createMissing } from './join.ts';
import type { PodWays } from './services.ts';

const place = { namespace: 'kube-system', name: 'minke-nodes' };
const rbac = 'rbac.authorization.k8s.io';
const nodes = { apiGroup: rbac, kind: 'Group', name: 'system:nodes' };
const approver = { kind: 'ServiceAccount', namespace: 'kube-system', name: 'certificate-controller' };

/** The same for every node. */
export interface NodesConfig extends Pick<ClusterIdentity, 'serviceCidr' | 'clusterCidr'> {
  readonly ways: PodWays;
  readonly loadBalancerCidr: string | undefined;
}

const bindings = [
  { name: 'minke:node', role: 'minke:node', subject: nodes },
  { name: 'minke:node-proxier', role: 'system:node-proxier', subject: nodes },
  { name: 'minke:kubelet-serving-approver', role: 'system:certificates.k8s.io:kubelet-serving-approver', subject: approver },
];

/** Creates what is missing; what the cluster says of itself is brought up to date. */
export async function publishForNodes(client: Client, config: NodesConfig): Promise<void> {
  await createMissing(client, clusterroles, {
    metadata: { name: 'minke:node' },
    rules: [
      { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
      // Policies say by labels which pods of other nodes may come in.
      { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
      // Its own alone, as NodeRestriction has it: a node that leaves.
      { apiGroups: [''], resources: ['nodes'], verbs: ['delete'] },
    ],
  });
  for (const { name, role, subject } of bindings) {
    const roleRef = { apiGroup: rbac, kind: 'ClusterRole', name: role };
    await createMissing(client, clusterrolebindings, { metadata: { name }, roleRef, subjects: [subject] });
  }
  await createMissing(client, roles, {
    metadata: place,
    rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [place.name], verbs: ['get'] }],
  });
  const roleRef = { apiGroup: rbac, kind: 'Role', name: place.name };
  await createMissing(client, rolebindings, { metadata: place, roleRef, subjects: [nodes] });
  const wanted: V1ConfigMap = { metadata: place, data: dataOf(config) };
  await createMissing(client, configmaps, wanted);
  const standing = await client.get(configmaps, place);
  if (JSON.stringify(standing.data) !== JSON.stringify(wanted.data))
    await client.update(configmaps, { ...standing, ...(wanted.data && { data: wanted.data }) });
}

const dataOf = ({ serviceCidr, clusterCidr, ways, loadBalancerCidr }: NodesConfig): Record<string, string> => ({
  clusterCidr,
  ...(loadBalancerCidr === undefined ? {} : { loadBalancerCidr }),
  podNetwork: ways.mode,
  serviceCidr,
  vni: String(ways.vni),
});

/** Undefined where machines may not join: nothing has been published. Throws when what is there cannot be understood. */
export async function readNodesConfig(client: Client, signal?: AbortSignal): Promise<NodesConfig | undefined> {
  let data: V1ConfigMap['data'];
  try {
    ({ data } = await client.get(configmaps, place, { signal }));
  } catch (error) {
    if (hasReason(error, 'NotFound', 'Forbidden')) return undefined;
    throw error;
  }
  const { clusterCidr = '', serviceCidr = '', podNetwork, vni = '', loadBalancerCidr } = data ?? {};
  const mode = podNetwork === 'vxlan' || podNetwork === 'routes' ? podNetwork : undefined;
  const areRanges = (text: string) => text !== '' && splitRanges(text).every((range) => parseRange(range));
  if (!areRanges(clusterCidr) || !areRanges(serviceCidr) || mode === undefined || !/^[1-9]\d{0,7}$/.test(vni)) {
    throw new Error(`Cannot understand the config map ${place.namespace}/${place.name}: ${JSON.stringify(data)}`);
  }
  return { clusterCidr, serviceCidr, ways: { mode, vni: Number(vni) }, loadBalancerCidr };
}
