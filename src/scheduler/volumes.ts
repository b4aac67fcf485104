// What the volume plugins look up: claims, volumes, classes; and the rules that they share. Source of the words: upstream's binder.
import {
  claimNameOf,
  claimNamesOf,
  compileLabelSelector,
  csidrivers,
  csinodes,
  csistoragecapacities,
  ephemeralClaimProblem,
  type KubeObject,
  matchesNodeSelector,
  nodes,
  type Persisted,
  persistentvolumeclaims,
  persistentvolumes,
  requestedBytes,
  storageClassOf,
  storageclasses,
  type V1CSIDriver,
  type V1CSINode,
  type V1CSIStorageCapacity,
  type V1Node,
  type V1PersistentVolume,
  type V1PersistentVolumeClaim,
  type V1Pod,
  type V1StorageClass,
  wholeValueOf,
} from '../api/mod.ts';
import type { Informer, Informers } from '../client/mod.ts';
import type { ObjectEvent } from './framework.ts';

export type Claim = Persisted<V1PersistentVolumeClaim>;
export type Volume = Persisted<V1PersistentVolume>;

export interface VolumeCaches {
  readonly claims: Informer<V1PersistentVolumeClaim>;
  readonly volumes: Informer<V1PersistentVolume>;
  readonly classes: Informer<V1StorageClass>;
  readonly csiNodes: Informer<V1CSINode>;
  readonly csiDrivers: Informer<V1CSIDriver>;
  readonly capacities: Informer<V1CSIStorageCapacity>;
  readonly nodes: Informer<V1Node>;
}

export const volumeCaches = (informers: Informers): VolumeCaches => ({
  claims: informers.of(persistentvolumeclaims),
  volumes: informers.of(persistentvolumes),
  classes: informers.of(storageclasses),
  csiNodes: informers.of(csinodes),
  csiDrivers: informers.of(csidrivers),
  capacities: informers.of(csistoragecapacities),
  nodes: informers.of(nodes),
});

/** Pods without claims are most of all pods: they cost one look at their volumes. */
export const hasClaims = (pod: V1Pod): boolean =>
  pod.spec?.volumes?.some((volume) => volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined) === true;

export const claimKeyOf = (claim: V1PersistentVolumeClaim): string => `${claim.metadata?.namespace}/${claim.metadata?.name}`;

export const classOf = (caches: VolumeCaches, claim: V1PersistentVolumeClaim): V1StorageClass | undefined =>
  caches.classes.get(storageClassOf(claim));

export type PodClaims = { readonly is: 'found'; readonly claims: readonly Claim[] } | { readonly is: 'missing'; readonly reason: string };

/** The claims of a pod, or why it has to wait for one of them. */
export function claimsOf(caches: VolumeCaches, pod: V1Pod): PodClaims {
  const claims: Claim[] = [];
  for (const volume of pod.spec?.volumes ?? []) {
    const name = claimNameOf(pod, volume);
    if (name === undefined) continue;
    const claim = caches.claims.get(`${pod.metadata?.namespace}/${name}`);
    if (!claim) {
      const text = `persistentvolumeclaim "${name}" not found`;
      return {
        is: 'missing',
        reason: volume.ephemeral ? `waiting for ephemeral volume controller to create the ${text.slice(0, -10)}` : text,
      };
    }
    const reason = problemOf(claim) ?? (volume.ephemeral ? ephemeralClaimProblem(pod, claim) : undefined);
    if (reason !== undefined) return { is: 'missing', reason };
    claims.push(claim);
  }
  return { is: 'found', claims };
}

function problemOf({ metadata, spec, status }: Claim): string | undefined {
  if (status?.phase === 'Lost') {
    return `persistentvolumeclaim "${metadata.name}" bound to non-existent persistentvolume "${spec?.volumeName ?? ''}"`;
  }
  return metadata.deletionTimestamp === undefined ? undefined : `persistentvolumeclaim "${metadata.name}" is being deleted`;
}

/** Whether the volume can be reached from the node. */
export function isReachable(volume: V1PersistentVolume, node: V1Node): boolean {
  const required = volume.spec?.nodeAffinity?.required;
  return !required || matchesNodeSelector(required, node);
}

/**
 * Whether the class's driver has room for the claim near the node. A driver that does not tell how much it has is believed to have
 * enough. Source: https://kubernetes.io/docs/concepts/storage/storage-capacity/
 */
export function hasRoom(
  { csiDrivers, capacities }: VolumeCaches,
  of: { claim: Claim; storageClass: V1StorageClass; node: V1Node },
): boolean {
  const { claim, storageClass, node } = of;
  const wanted = requestedBytes(claim);
  if (wanted === 0 || csiDrivers.get(storageClass.provisioner)?.spec.storageCapacity !== true) return true;
  return capacities.list().some(({ storageClassName, nodeTopology, capacity, maximumVolumeSize }) => {
    if (storageClassName !== storageClass.metadata?.name || !nodeTopology) return false;
    const limit = maximumVolumeSize ?? capacity;
    if (limit === undefined || wholeValueOf(limit) < wanted) return false;
    return compileLabelSelector(nodeTopology)(node.metadata?.labels ?? {});
  });
}

/** A cache of any type, for {@link tellOf}. */
export const cache = <T extends KubeObject>(informer: Informer<T>): Informer<never> => informer as unknown as Informer<never>;

/** Tells of what changes in the caches; gives what ends it. */
export function tellOf(caches: readonly Informer<never>[], happened: (event: ObjectEvent) => void): () => void {
  const offs = caches.map((informer) =>
    informer.onChange((change: { readonly old: KubeObject | undefined; readonly next: KubeObject | undefined }) => {
      const object = change.next ?? change.old;
      if (object) happened({ kind: informer.type.kind, object });
    }),
  );
  return () => {
    for (const off of offs) off();
  };
}

/** A change of a claim concerns the pods that use it; of a volume or class, all that use claims. */
export function concerns(pod: V1Pod, event: ObjectEvent): boolean {
  if (event.kind !== 'PersistentVolumeClaim') return hasClaims(pod);
  const { namespace, name = '' } = event.object.metadata ?? {};
  return namespace === pod.metadata?.namespace && claimNamesOf(pod).includes(name);
}
