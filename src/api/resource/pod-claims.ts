// The resource claims of a pod: which there are by name, and which were made for it.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import type { V1Pod, V1PodResourceClaim, ResourceV1ResourceClaim as V1ResourceClaim } from '../generated/types.gen.ts';
import { controllerOf } from '../meta/owner.ts';

/** Holds a claim while it is allocated. */
export const claimInUseFinalizer = 'resource.kubernetes.io/delete-protection';
/** On a claim that was made of a template: the name of the pod's entry that it is for. */
export const podClaimNameAnnotation = 'resource.kubernetes.io/pod-claim-name';

export const hasResourceClaims = (pod: V1Pod): boolean => (pod.spec?.resourceClaims ?? []).length > 0;

/** Undefined until the claim has been made; null when none is needed. */
export function resourceClaimNameOf(pod: V1Pod, entry: V1PodResourceClaim): string | null | undefined {
  if (entry.resourceClaimName !== undefined) return entry.resourceClaimName;
  const made = pod.status?.resourceClaimStatuses?.find((status) => status.name === entry.name);
  return made && (made.resourceClaimName ?? null);
}

/** Names of the claims that are known by now. */
export const resourceClaimNamesOf = (pod: V1Pod): readonly string[] =>
  (pod.spec?.resourceClaims ?? []).flatMap((entry) => resourceClaimNameOf(pod, entry) ?? []);

/** Whether the claim was made of a template for this very pod. */
export const isMadeFor = (claim: V1ResourceClaim, pod: V1Pod): boolean => controllerOf(claim)?.uid === pod.metadata?.uid;

export const isReservedFor = (claim: V1ResourceClaim, pod: V1Pod): boolean =>
  (claim.status?.reservedFor ?? []).some((consumer) => consumer.uid === pod.metadata?.uid);
