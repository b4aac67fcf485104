// What makes a StatefulSet's pod the one it is: its name, labels, host name and claims, all made of the set and an ordinal. Pure.
import {
  controllerReference,
  type KubeObject,
  type Labels,
  type Persisted,
  type V1OwnerReference,
  type V1PersistentVolumeClaim,
  type V1Pod,
  type V1PodTemplateSpec,
  type V1StatefulSet,
  type V1Volume,
} from '../../api/mod.ts';
import { podFromTemplate } from '../runtime/pod-control.ts';
import { podType } from '../runtime/resource-types.ts';
import { statefulSetType } from '../runtime/workload-types.ts';

export type StatefulSet = Persisted<V1StatefulSet>;
export type Pod = Persisted<V1Pod>;
export type Claim = Persisted<V1PersistentVolumeClaim>;

export const revisionLabel = 'controller-revision-hash';
const nameLabel = 'statefulset.kubernetes.io/pod-name';
const indexLabel = 'apps.kubernetes.io/pod-index';

export const startOrdinal = (set: V1StatefulSet): number => set.spec?.ordinals?.start ?? 0;
export const replicasOf = (set: V1StatefulSet): number => set.spec?.replicas ?? 1;
export const revisionOf = (pod: V1Pod): string => pod.metadata?.labels?.[revisionLabel] ?? '';

/** The ordinal of a pod of this set's, by its name; undefined for one that has no place in any set of that name. */
export function ordinalOf(set: StatefulSet, pod: KubeObject): number | undefined {
  const name = pod.metadata?.name ?? '';
  const prefix = `${set.metadata.name}-`;
  const text = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : undefined;
}

/** Within the range of ordinals that the set wants now. */
export function isWanted(set: StatefulSet, ordinal: number): boolean {
  return ordinal >= startOrdinal(set) && ordinal < startOrdinal(set) + replicasOf(set);
}

const identityLabels = (name: string, ordinal: number): Labels => ({ [nameLabel]: name, [indexLabel]: String(ordinal) });
export const claimName = (template: V1PersistentVolumeClaim, podName: string): string => `${template.metadata?.name ?? ''}-${podName}`;

/** The volumes of a pod, those of its claims in place of the template's of the same name. */
function volumesOf(set: StatefulSet, template: V1PodTemplateSpec, podName: string): readonly V1Volume[] {
  const claims = (set.spec?.volumeClaimTemplates ?? []).map((claim) => ({
    name: claim.metadata?.name ?? '',
    persistentVolumeClaim: { claimName: claimName(claim, podName) },
  }));
  const own = (template.spec?.volumes ?? []).filter(({ name }) => !claims.some((claim) => claim.name === name));
  return [...claims, ...own];
}

export function podAt(set: StatefulSet, ordinal: number, revision: string, template: V1PodTemplateSpec): V1Pod {
  const name = `${set.metadata.name}-${ordinal}`;
  const pod = podFromTemplate(statefulSetType, set, template);
  const { generateName: _, ...metadata } = pod.metadata ?? {};
  const volumes = volumesOf(set, template, name);
  return {
    ...pod,
    metadata: { ...metadata, name, labels: { ...metadata.labels, ...identityLabels(name, ordinal), [revisionLabel]: revision } },
    ...(pod.spec
      ? {
          spec: {
            ...pod.spec,
            hostname: name,
            ...(set.spec?.serviceName ? { subdomain: set.spec.serviceName } : {}),
            ...(volumes.length === 0 ? {} : { volumes }),
          },
        }
      : {}),
  };
}

/** The labels that make the pod what it is, where it lacks them. */
export function missingLabels(set: StatefulSet, pod: Pod): Labels | undefined {
  const ordinal = ordinalOf(set, pod);
  if (ordinal === undefined) return undefined;
  const wanted = identityLabels(pod.metadata.name, ordinal);
  const complete = Object.entries(wanted).every(([key, value]) => pod.metadata.labels?.[key] === value);
  return complete ? undefined : wanted;
}

export function claimsAt(set: StatefulSet, podName: string): readonly V1PersistentVolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    ...template,
    metadata: {
      ...template.metadata,
      name: claimName(template, podName),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata?.labels, ...set.spec?.selector.matchLabels },
    },
  }));
}

/**
 * The owners that a claim should have for the sake of its retention policy: with them the garbage collector deletes it when the set goes, or when
 * its pod goes because the set was scaled down. `pod` is the pod, when there is one.
 */
export function claimOwners(set: StatefulSet, ordinal: number, pod: Pod | undefined): readonly V1OwnerReference[] {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {};
  if (whenScaled === 'Delete' && !isWanted(set, ordinal) && pod) return [controllerReference(podType, pod)];
  return whenDeleted === 'Delete' ? [controllerReference(statefulSetType, set)] : [];
}

/** The owner references that a claim should get; undefined when it has them. Those of others stay. */
export function correctedOwners(
  set: StatefulSet,
  ordinal: number,
  pod: Pod | undefined,
  claim: Claim,
): readonly V1OwnerReference[] | undefined {
  const standing = claim.metadata.ownerReferences ?? [];
  const isOurs = ({ kind, name, uid }: V1OwnerReference) =>
    uid === set.metadata.uid || uid === pod?.metadata.uid || (kind === 'Pod' && name === `${set.metadata.name}-${ordinal}`);
  const wanted = claimOwners(set, ordinal, pod);
  const ours = standing.filter(isOurs);
  const same = ours.length === wanted.length && wanted.every(({ uid }) => ours.some((each) => each.uid === uid));
  return same ? undefined : [...standing.filter((each) => !isOurs(each)), ...wanted];
}
