// What lets machines join: bootstrap tokens, and what they and their holders may do. Made with the first token: a cluster
// that nobody joins has none of it. Roles and bindings are those that kubeadm makes, under names of Minke's own.
import {
  bootstrapTokenName,
  bootstrapTokenNamespace,
  bootstrapTokenType,
  clusterrolebindings,
  configmaps,
  formatTime,
  hasReason,
  isExpired,
  type KubeObject,
  type Persisted,
  type ResourceType,
  readBootstrapToken,
  rolebindings,
  roles,
  secrets,
  type V1Secret,
} from '../../api/mod.ts';
import type { Client } from '../../client/mod.ts';
import { type JoinToken, publicKeyHash } from '../pki/join-token.ts';
import { clusterInfoKubeconfig } from '../pki/kubeconfig.ts';

/** Machines that join with a token of {@link createJoinToken}. */
const joinersGroup = 'system:bootstrappers:minke:default-node-token';
const rbac = 'rbac.authorization.k8s.io';
const infoPlace = { namespace: 'kube-public', name: 'cluster-info' };
const infoReader = 'minke:bootstrap-signer-clusterinfo';

export interface JoinPlace {
  /** As machines that join reach it. */
  readonly serverUrl: string;
  readonly authorityPem: string;
}

const groupBinding = (name: string, role: string, group: string) => ({
  metadata: { name },
  roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: role },
  subjects: [{ apiGroup: rbac, kind: 'Group', name: group }],
});

const requestRole = (of: string): string => `system:certificates.k8s.io:certificatesigningrequests:${of}`;

/** Creates what is missing, and leaves what is there as it is; the server's address alone is brought up to date. */
async function prepareJoining(client: Client, { serverUrl, authorityPem }: JoinPlace): Promise<void> {
  for (const binding of [
    groupBinding('minke:kubelet-bootstrap', 'system:node-bootstrapper', joinersGroup),
    groupBinding('minke:node-autoapprove-bootstrap', requestRole('nodeclient'), joinersGroup),
    groupBinding('minke:node-autoapprove-certificate-rotation', requestRole('selfnodeclient'), 'system:nodes'),
  ])
    await createMissing(client, clusterrolebindings, binding);
  await createMissing(client, roles, {
    metadata: { ...infoPlace, name: infoReader },
    rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [infoPlace.name], verbs: ['get'] }],
  });
  await createMissing(client, rolebindings, {
    metadata: { ...infoPlace, name: infoReader },
    roleRef: { apiGroup: rbac, kind: 'Role', name: infoReader },
    subjects: [{ apiGroup: rbac, kind: 'User', name: 'system:anonymous' }],
  });
  const kubeconfig = clusterInfoKubeconfig(serverUrl, authorityPem);
  await createMissing(client, configmaps, { metadata: infoPlace, data: { kubeconfig } });
  const info = await client.get(configmaps, infoPlace);
  if (info.data?.kubeconfig !== kubeconfig) await client.update(configmaps, { ...info, data: { ...info.data, kubeconfig } });
}

export async function createMissing<T extends KubeObject>(client: Client, type: ResourceType<T>, object: T): Promise<void> {
  try {
    await client.create(type, object);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

export interface NewToken {
  readonly place: JoinPlace;
  /** 0: never. */
  readonly ttlMs: number;
  readonly description?: string | undefined;
  readonly nowMs: number;
  /** A whole number below `limit`, fit for secrets. */
  readonly below: (limit: number) => number;
}

/** A new token, for whatever it takes to join. */
export async function createJoinToken(client: Client, wanted: NewToken): Promise<JoinToken> {
  const { place, ttlMs, description, nowMs, below } = wanted;
  const letters = (length: number): string => Array.from({ length }, () => alphabet[below(alphabet.length)]).join('');
  const [id, secret] = [letters(6), letters(16)];
  await prepareJoining(client, place);
  await client.create(secrets, {
    metadata: { name: bootstrapTokenName(id), namespace: bootstrapTokenNamespace },
    type: bootstrapTokenType,
    stringData: {
      'token-id': id,
      'token-secret': secret,
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': joinersGroup,
      ...(ttlMs === 0 ? {} : { expiration: formatTime(nowMs + ttlMs) }),
      ...(description === undefined ? {} : { description }),
    },
  });
  return { id, secret, caHash: publicKeyHash(place.authorityPem) };
}

export interface ListedToken {
  readonly id: string;
  /** Undefined: it does not end. */
  readonly expiresMs: number | undefined;
  readonly usages: readonly string[];
  readonly description: string;
}

/** Without their secrets; those that are over are left out. */
export async function listJoinTokens(client: Client, nowMs: number): Promise<readonly ListedToken[]> {
  const { items } = await client.list(secrets, { namespace: bootstrapTokenNamespace, fieldSelector: `type=${bootstrapTokenType}` });
  return items.flatMap((object: Persisted<V1Secret>) => {
    const token = readBootstrapToken(object);
    if (!token || isExpired(token, nowMs)) return [];
    const usages = [...(token.authenticates ? ['authentication'] : []), ...(token.signs ? ['signing'] : [])];
    const description = Buffer.from(object.data?.description ?? '', 'base64').toString('utf8');
    return [{ id: token.id, expiresMs: token.expiresMs, usages, description }];
  });
}

/** False when there is none of that id. */
export const deleteJoinToken = async (client: Client, id: string): Promise<boolean> =>
  (await client.delete(secrets, { namespace: bootstrapTokenNamespace, name: bootstrapTokenName(id) })) !== undefined;
