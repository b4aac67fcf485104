// NodeVolumeLimits: how many volumes of a CSI driver a node can have at one time, as its CSINode says.
// Source: https://kubernetes.io/docs/concepts/storage/storage-limits/
import { storageProvisionerAnnotations, type V1Pod } from '../../api/mod.ts';
import { type Plugin, skip, success, unschedulable } from '../framework.ts';
import { type Claim, cache, claimKeyOf, claimsOf, classOf, concerns, hasClaims, tellOf, type VolumeCaches } from '../volumes.ts';

const name = 'NodeVolumeLimits';

/** Volumes by what they are known as, once each however many pods share them, and their driver. */
type DriverVolumes = ReadonlyMap<string, string>;

export const nodeVolumeLimits = (caches: VolumeCaches): Plugin => ({
  name,
  helpedBy: 'a node is added, a pod with volumes goes, or a CSINode or claim changes',
  mayHelp: (_pod, event) => event.is === 'nodeAdded' || (event.is === 'podGone' && hasClaims(event.pod)),
  objectMayHelp: (pod, event) => event.kind === 'CSINode' || concerns(pod, event),
  watch: (happened) => tellOf([cache(caches.csiNodes)], happened),
  preFilter: (state, pod) => {
    const wanted = driverVolumes(caches, pod);
    if (wanted.size === 0) return skip;
    state.set(name, wanted);
    return success;
  },
  filter: (state, _pod, node) => {
    const limits = new Map(caches.csiNodes.get(node.name)?.spec.drivers.map((driver) => [driver.name, driver.allocatable?.count]));
    if (limits.size === 0) return success;
    const all = new Map(state.get(name) as DriverVolumes);
    for (const placed of node.pods.values()) for (const [id, driver] of driverVolumes(caches, placed.pod)) all.set(id, driver);
    for (const driver of new Set((state.get(name) as DriverVolumes).values())) {
      const limit = limits.get(driver);
      const count = [...all.values()].filter((each) => each === driver).length;
      if (limit !== undefined && count > limit) return unschedulable('node(s) exceed max volume count');
    }
    return success;
  },
});

function driverVolumes(caches: VolumeCaches, pod: V1Pod): DriverVolumes {
  const found = hasClaims(pod) ? claimsOf(caches, pod) : undefined;
  const volumes = new Map<string, string>();
  for (const claim of found?.is === 'found' ? found.claims : []) {
    const known = driverOf(caches, claim);
    if (known) volumes.set(known.id, known.driver);
  }
  return volumes;
}

/** A claim without a volume counts for the driver that is to make one. */
function driverOf(caches: VolumeCaches, claim: Claim): { readonly id: string; readonly driver: string } | undefined {
  const volume = claim.spec?.volumeName ? caches.volumes.get(claim.spec.volumeName) : undefined;
  if (volume) {
    const csi = volume.spec?.csi;
    return csi && { id: `${csi.driver}/${csi.volumeHandle}`, driver: csi.driver };
  }
  const driver = classOf(caches, claim)?.provisioner ?? claim.metadata.annotations?.[storageProvisionerAnnotations[0]];
  return driver === undefined ? undefined : { id: `${driver}/claim/${claimKeyOf(claim)}`, driver };
}
