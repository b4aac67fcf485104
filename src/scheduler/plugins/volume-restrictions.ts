// VolumeRestrictions: a claim with the access mode ReadWriteOncePod is for one pod of the whole cluster.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes
import { claimNamesOf, type V1Pod } from '../../api/mod.ts';
import { type Plugin, skip, success, unschedulable } from '../framework.ts';
import type { Snapshot } from '../snapshot.ts';
import { claimsOf, concerns, hasClaims, type VolumeCaches } from '../volumes.ts';

const name = 'VolumeRestrictions';
const taken = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';

const shares = (pod: V1Pod, other: V1Pod, claims: readonly string[]): boolean =>
  hasClaims(other) &&
  other.metadata?.namespace === pod.metadata?.namespace &&
  other.metadata?.uid !== pod.metadata?.uid &&
  claimNamesOf(other).some((each) => claims.includes(each));

export const volumeRestrictions = (caches: VolumeCaches): Plugin => ({
  name,
  helpedBy: 'a pod that uses the same volume goes, or a claim or volume changes',
  mayHelp: (pod, event) => event.is === 'podGone' && shares(pod, event.pod, claimNamesOf(pod)),
  objectMayHelp: concerns,
  countsPods: true,
  preFilter: (state, pod, snapshot) => {
    const found = hasClaims(pod) ? claimsOf(caches, pod) : undefined;
    if (found?.is !== 'found') return skip;
    const alone = found.claims.filter((claim) => claim.spec?.accessModes?.includes('ReadWriteOncePod')).map((claim) => claim.metadata.name);
    if (alone.length === 0 || !isTaken(snapshot, pod, alone)) return skip;
    state.set(name, alone);
    return success;
  },
  // Whichever node the other pod is on, on every node the claim is taken.
  filter: () => unschedulable(taken),
});

function isTaken(snapshot: Snapshot, pod: V1Pod, claims: readonly string[]): boolean {
  for (const node of snapshot.nodes) for (const placed of node.pods.values()) if (shares(pod, placed.pod, claims)) return true;
  return false;
}
