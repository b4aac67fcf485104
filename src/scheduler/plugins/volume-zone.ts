// VolumeZone: volumes that carry a zone's label are reached only from nodes of that zone.
// Source: https://kubernetes.io/docs/reference/labels-annotations-taints/#topologykubernetesiozone
import { isClaimBound, type V1PersistentVolume } from '../../api/mod.ts';
import { type Plugin, skip, success, unresolvable } from '../framework.ts';
import { claimsOf, concerns, hasClaims, type VolumeCaches } from '../volumes.ts';

const name = 'VolumeZone';
const zoneLabels: readonly string[] = [
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
];
/** What stands between the zones of a volume that is in several. */
const separator = '__';

interface Constraint {
  readonly label: string;
  readonly values: readonly string[];
}

const constraintsOf = (volume: V1PersistentVolume | undefined): readonly Constraint[] =>
  zoneLabels.flatMap((label) => {
    const value = volume?.metadata?.labels?.[label];
    return value === undefined ? [] : [{ label, values: value.split(separator) }];
  });

export const volumeZone = (caches: VolumeCaches): Plugin => ({
  name,
  // VolumeBinding tells of volumes; a claim that is not bound is its own to judge.
  helpedBy: 'a claim or volume changes, or a node is added or changes',
  mayHelp: (_pod, event) => event.is === 'nodeAdded' || event.is === 'nodeChanged',
  objectMayHelp: concerns,
  preFilter: (state, pod) => {
    const found = hasClaims(pod) ? claimsOf(caches, pod) : undefined;
    if (found?.is !== 'found') return skip;
    const constraints = found.claims
      .filter(isClaimBound)
      .flatMap((claim) => constraintsOf(caches.volumes.get(claim.spec?.volumeName ?? '')));
    if (constraints.length === 0) return skip;
    state.set(name, constraints);
    return success;
  },
  filter: (state, _pod, { node }) => {
    const labels = node?.metadata?.labels ?? {};
    // A node that is in no zone is in all of them.
    if (!zoneLabels.some((label) => labels[label] !== undefined)) return success;
    const constraints = state.get(name) as readonly Constraint[];
    const holds = constraints.every(({ label, values }) => values.includes(labels[label] ?? ''));
    return holds ? success : unresolvable('node(s) had no available volume zone');
  },
});
