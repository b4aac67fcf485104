// What a pod's claims of devices lack, and who still uses a claim. Pure.
import {
  claimInUseFinalizer,
  controllerReference,
  isMadeFor,
  type Persisted,
  podClaimNameAnnotation,
  pods,
  type ResourceV1ResourceClaim,
  type V1Pod,
  type V1PodResourceClaim,
  type V1PodResourceClaimStatus,
  type V1ResourceClaimConsumerReference,
  type V1ResourceClaimTemplate,
} from '../../api/mod.ts';

export type Claim = Persisted<ResourceV1ResourceClaim>;

/** Nothing of it runs any more: what it had is free. */
export const isPodDone = ({ metadata, spec, status }: V1Pod): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed' || (metadata?.deletionTimestamp !== undefined && !spec?.nodeName);

/** Entries for which a claim has to be made or found; none for a pod that is done or going. */
export function entriesToFill(pod: V1Pod): readonly V1PodResourceClaim[] {
  if (isPodDone(pod) || pod.metadata?.deletionTimestamp !== undefined) return [];
  const filled = new Set(pod.status?.resourceClaimStatuses?.map((status) => status.name));
  return (pod.spec?.resourceClaims ?? []).filter((entry) => entry.resourceClaimTemplateName !== undefined && !filled.has(entry.name));
}

/** The claim that was made for an entry before its name could be written down. */
export const claimMadeFor = (pod: V1Pod, entry: V1PodResourceClaim, claims: readonly Claim[]): Claim | undefined =>
  claims.find((claim) => isMadeFor(claim, pod) && claim.metadata.annotations?.[podClaimNameAnnotation] === entry.name);

export function claimFor(pod: Persisted<V1Pod>, entry: V1PodResourceClaim, template: V1ResourceClaimTemplate): ResourceV1ResourceClaim {
  const { labels, annotations } = template.spec.metadata ?? {};
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: {
      generateName: `${pod.metadata.name}-${entry.name}-`,
      namespace: pod.metadata.namespace,
      ...(labels ? { labels } : {}),
      annotations: { ...annotations, [podClaimNameAnnotation]: entry.name },
      ownerReferences: [controllerReference(pods, pod)],
    },
    spec: template.spec.spec,
  };
}

/** With what has been filled now. */
export const claimStatuses = (pod: V1Pod, filled: ReadonlyMap<string, string>): readonly V1PodResourceClaimStatus[] => [
  ...(pod.status?.resourceClaimStatuses ?? []),
  ...[...filled].map(([name, resourceClaimName]) => ({ name, resourceClaimName })),
];

/** What is to be done with a claim whose users are known. */
export interface ClaimPlan {
  /** The status that it should have; undefined: the one it has. */
  readonly status: ResourceV1ResourceClaim['status'];
  readonly dropFinalizer: boolean;
  readonly remove: boolean;
}

/** `users`: consumers that still use it. `ownerDone`: it was made for a pod that needs it no more. */
export function planClaim(
  claim: Claim,
  { users, ownerDone }: { readonly users: readonly V1ResourceClaimConsumerReference[]; readonly ownerDone: boolean },
): ClaimPlan {
  const { metadata, status = {} } = claim;
  const { allocation, reservedFor = [], ...rest } = status;
  const isFree = users.length === 0;
  const released = isFree && reservedFor.length > 0;
  const going = metadata.deletionTimestamp !== undefined;
  const deallocate = isFree && allocation !== undefined && (released || going);
  const changed = users.length < reservedFor.length || deallocate;
  const kept = { ...rest, ...(allocation && !deallocate ? { allocation } : {}), ...(isFree ? {} : { reservedFor: users }) };
  const hasFinalizer = metadata.finalizers?.includes(claimInUseFinalizer) === true;
  return {
    status: changed ? (deallocate ? { ...kept, devices: undefined } : kept) : undefined,
    dropFinalizer: hasFinalizer && isFree && (released || going),
    remove: ownerDone && isFree && !going,
  };
}
