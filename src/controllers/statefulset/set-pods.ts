// What the StatefulSet controller does to pods and claims, with the events that tell of it.
import { hasReason, type V1PodTemplateSpec } from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { referenceTo } from '../../client/mod.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { persistentVolumeClaimType, podType } from '../runtime/resource-types.ts';
import { statefulSetType } from '../runtime/workload-types.ts';
import { claimOwners, claimsAt, correctedOwners, missingLabels, ordinalOf, type Pod, podAt, type StatefulSet } from './identity.ts';
import type { Parts } from './parts.ts';

const merge = 'application/merge-patch+json';
type Verb = 'Create' | 'Update' | 'Delete';

/** `create Pod web-0 in StatefulSet web successful`; for claims the words are a little different. */
function tell(parts: Parts, set: StatefulSet, verb: Verb, what: string, error?: unknown): void {
  if (error !== undefined && (isNamespaceTerminating(error) || parts.context.signal.aborted)) return;
  const about = referenceTo(statefulSetType, set);
  const text = `${verb.toLowerCase()} ${what} in StatefulSet ${set.metadata.name}`;
  const well = what.startsWith('Claim') ? 'success' : 'successful';
  if (error === undefined) parts.events.record(about, 'Normal', `Successful${verb}`, `${text} ${well}`);
  else parts.events.record(about, 'Warning', `Failed${verb}`, `${text} failed error: ${errorText(error)}`);
}

/** The claims first, then the pod. Does nothing while a claim of that name is still going away. */
export async function createSetPod(
  parts: Parts,
  key: string,
  set: StatefulSet,
  { ordinal, revision }: { readonly ordinal: number; readonly revision: string },
  template: V1PodTemplateSpec,
): Promise<void> {
  const pod = podAt(set, ordinal, revision, template);
  const name = pod.metadata?.name ?? '';
  const { client, signal } = parts.context;
  if (!(await createMissingClaims(parts, set, name))) return;
  parts.expectations.expectCreations(key, 1);
  try {
    await client.create(podType, pod, { signal });
    tell(parts, set, 'Create', `Pod ${name}`);
  } catch (error) {
    parts.expectations.creationObserved(key);
    tell(parts, set, 'Create', `Pod ${name}`, error);
    throw error;
  }
}

export async function deleteSetPod(parts: Parts, key: string, set: StatefulSet, pod: Pod): Promise<void> {
  const { client, signal } = parts.context;
  const { namespace, name, uid } = pod.metadata;
  parts.expectations.expectDeletions(key, [uid]);
  try {
    const gone = await client.delete(podType, { namespace, name }, { preconditions: { uid }, signal });
    if (gone === undefined) parts.expectations.deletionObserved(key, uid);
    else tell(parts, set, 'Delete', `Pod ${name}`);
  } catch (error) {
    parts.expectations.deletionObserved(key, uid);
    if (hasReason(error, 'Conflict')) return;
    tell(parts, set, 'Delete', `Pod ${name}`, error);
    throw error;
  }
}

export async function relabelPod(parts: Parts, set: StatefulSet, pod: Pod): Promise<void> {
  const { client, signal } = parts.context;
  const { namespace, name, uid } = pod.metadata;
  try {
    await client.patch(podType, { namespace, name }, merge, { metadata: { uid, labels: missingLabels(set, pod) ?? {} } }, { signal });
    tell(parts, set, 'Update', `Pod ${name}`);
  } catch (error) {
    tell(parts, set, 'Update', `Pod ${name}`, error);
    throw error;
  }
}

/** False when a claim of the pod is going away: it will have to be made anew. */
export async function createMissingClaims(parts: Parts, set: StatefulSet, podName: string): Promise<boolean> {
  const { client, signal } = parts.context;
  const ordinal = ordinalOf(set, { metadata: { name: podName } });
  if (ordinal === undefined) return true;
  for (const claim of claimsAt(set, podName)) {
    const name = claim.metadata?.name ?? '';
    const known = parts.claims.get(`${set.metadata.namespace ?? ''}/${name}`);
    if (known?.metadata.deletionTimestamp !== undefined) return false;
    if (known) continue;
    const what = `Claim ${name} Pod ${podName}`;
    const ownerReferences = claimOwners(set, ordinal, undefined);
    const metadata = { ...claim.metadata, ...(ownerReferences.length === 0 ? {} : { ownerReferences }) };
    try {
      await client.create(persistentVolumeClaimType, { ...claim, metadata }, { signal });
      tell(parts, set, 'Create', what);
    } catch (error) {
      if (hasReason(error, 'AlreadyExists')) continue;
      tell(parts, set, 'Create', what, error);
      throw error;
    }
  }
  return true;
}

/** Gives the claims of a pod the owners that the retention policy asks for. */
export async function correctClaims(parts: Parts, set: StatefulSet, pod: Pod): Promise<void> {
  const { client, signal } = parts.context;
  const ordinal = ordinalOf(set, pod);
  if (ordinal === undefined) return;
  for (const { metadata } of claimsAt(set, pod.metadata.name)) {
    const claim = parts.claims.get(`${set.metadata.namespace ?? ''}/${metadata?.name ?? ''}`);
    const ownerReferences = claim && claim.metadata.deletionTimestamp === undefined ? correctedOwners(set, ordinal, pod, claim) : undefined;
    if (!claim || !ownerReferences) continue;
    const { namespace, name, uid, resourceVersion } = claim.metadata;
    try {
      await client.patch(
        persistentVolumeClaimType,
        { namespace, name },
        merge,
        { metadata: { uid, resourceVersion, ownerReferences } },
        { signal },
      );
      tell(parts, set, 'Update', `Claim ${name} Pod ${pod.metadata.name}`);
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
}
