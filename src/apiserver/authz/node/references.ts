// What a pod makes its node read: secrets, config maps, claims, its account. Pure.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/node/
import type { V1PersistentVolume, V1Pod } from '../../../api/mod.ts';

export type Referenced = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts' | 'resourceclaims';

/** `secrets/name`, of the pod's own namespace. A mirror pod refers to nothing: its node has written it itself. */
export function referencesOf(pod: V1Pod): ReadonlySet<string> {
  const found = new Set<string>();
  const { metadata, spec, status } = pod;
  if (!spec || metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined) return found;
  const add = (kind: Referenced, name: string | undefined) => {
    if (name) found.add(`${kind}/${name}`);
  };
  add('serviceaccounts', spec.serviceAccountName);
  for (const { name } of spec.imagePullSecrets ?? []) add('secrets', name);
  for (const container of [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])]) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      add('configmaps', configMapRef?.name);
      add('secrets', secretRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add('configmaps', valueFrom?.configMapKeyRef?.name);
      add('secrets', valueFrom?.secretKeyRef?.name);
    }
  }
  for (const volume of spec.volumes ?? []) {
    for (const source of [volume, ...(volume.projected?.sources ?? [])]) {
      add('configmaps', source.configMap?.name);
      const { secret } = source;
      if (secret) add('secrets', 'secretName' in secret ? secret.secretName : (secret as { name?: string }).name);
    }
    for (const { name } of secretRefsIn(volume)) add('secrets', name);
    add('secrets', volume.azureFile?.secretName);
    add('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName);
    if (volume.ephemeral) add('persistentvolumeclaims', `${metadata?.name ?? ''}-${volume.name}`);
  }
  for (const { resourceClaimName } of spec.resourceClaims ?? []) add('resourceclaims', resourceClaimName);
  for (const { resourceClaimName } of status?.resourceClaimStatuses ?? []) add('resourceclaims', resourceClaimName);
  return found;
}

interface SecretRef {
  readonly name?: string;
  readonly namespace?: string;
}

/** Volumes of every type name their secrets so: `secretRef`, `nodePublishSecretRef`, ... */
function secretRefsIn(volume: object): readonly SecretRef[] {
  const found: SecretRef[] = [];
  for (const source of Object.values(volume)) {
    if (typeof source !== 'object' || source === null) continue;
    for (const [key, value] of Object.entries(source as object)) {
      if ((key === 'secretRef' || key.endsWith('SecretRef')) && value) found.push(value as SecretRef);
    }
  }
  return found;
}

/** `namespace/name` of the secrets by which a volume is mounted. */
export function secretsOfVolume({ spec }: V1PersistentVolume): readonly string[] {
  const claimed = spec?.claimRef?.namespace ?? '';
  const refs = secretRefsIn(spec ?? {}).map(({ name = '', namespace = claimed }) => `${namespace}/${name}`);
  const azure = spec?.azureFile;
  return azure ? [...refs, `${azure.secretNamespace ?? claimed}/${azure.secretName}`] : refs;
}
