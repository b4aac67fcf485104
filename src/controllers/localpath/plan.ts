// The local-path provisioner's decisions: which volume a claim gets, on which node, and when a volume's directory goes. Pure.
import {
  capacityBytes,
  type Persisted,
  provisionedByAnnotation,
  requestedBytes,
  selectedNodeAnnotation,
  storageClassOf,
  storageProvisionerAnnotations,
  type V1Node,
  type V1ObjectReference,
  type V1PersistentVolume,
  type V1PersistentVolumeClaim,
  type V1StorageClass,
  waitsForConsumer,
} from '../../api/mod.ts';

/** The `provisioner` of storage classes whose volumes are directories of nodes. */
export const localPathProvisioner = 'minke.dev/local-path';
/** On a volume: the node whose directory it is. */
export const nodeAnnotation = 'minke.dev/node';
/** Keeps a volume that was deleted until its directory is gone. The name is the one that other provisioners use. */
export const directoryFinalizer = 'external-provisioner.volume.kubernetes.io/finalizer';
const hostnameLabel = 'kubernetes.io/hostname';

type Claim = Persisted<V1PersistentVolumeClaim>;
type Volume = Persisted<V1PersistentVolume>;

export interface ProvisionWorld {
  readonly storageClass: V1StorageClass | undefined;
  /** Every node of the cluster. */
  readonly nodes: readonly Persisted<V1Node>[];
  /** The nodes whose directories this provisioner makes. */
  readonly serves: (nodeName: string) => boolean;
  /** Where the directory of a volume is. */
  readonly pathOf: (volumeName: string) => string;
}

export type ProvisionPlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'refuse'; readonly why: string }
  | { readonly do: 'provision'; readonly volume: V1PersistentVolume; readonly path: string };

export const volumeNameFor = (claim: Claim): string => `pvc-${claim.metadata.uid}`;

/** For a claim without a volume. */
export function planProvision(claim: Claim, claimRef: V1ObjectReference, world: ProvisionWorld): ProvisionPlan {
  const { storageClass } = world;
  const annotations = claim.metadata.annotations ?? {};
  const ours = storageProvisionerAnnotations.some((key) => annotations[key] === localPathProvisioner);
  if (!ours || claim.spec?.volumeName || claim.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };
  if (storageClass?.provisioner !== localPathProvisioner) return { do: 'nothing' };
  const selected = annotations[selectedNodeAnnotation];
  if (!selected && waitsForConsumer(storageClass)) return { do: 'nothing' };
  // Without a pod that says where: the same node for every provisioner that looks at it.
  const nodeName = selected ?? anyNode(world.nodes);
  if (nodeName === undefined || !world.serves(nodeName)) return { do: 'nothing' };
  const node = world.nodes.find((each) => each.metadata.name === nodeName);
  if (!node) return { do: 'nothing' };
  if ((claim.spec?.volumeMode ?? 'Filesystem') !== 'Filesystem') {
    return { do: 'refuse', why: `${localPathProvisioner} makes directories: volumeMode Block is not supported` };
  }
  if (claim.spec?.selector) return { do: 'refuse', why: 'claim.Spec.Selector is not supported' };
  if (claim.spec?.dataSource) return { do: 'refuse', why: 'claim.Spec.DataSource is not supported' };
  const path = world.pathOf(volumeNameFor(claim));
  return { do: 'provision', path, volume: volumeOf(claim, { claimRef, node, path, storageClass }) };
}

const isReady = (node: V1Node): boolean =>
  node.spec?.unschedulable !== true && node.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true;

const anyNode = (nodes: readonly Persisted<V1Node>[]): string | undefined =>
  nodes
    .filter(isReady)
    .map((node) => node.metadata.name)
    .sort()[0];

interface Place {
  readonly claimRef: V1ObjectReference;
  readonly node: Persisted<V1Node>;
  readonly path: string;
  readonly storageClass: V1StorageClass;
}

function volumeOf(claim: Claim, { claimRef, node, path, storageClass }: Place): V1PersistentVolume {
  const policy = storageClass.reclaimPolicy ?? 'Delete';
  const hostname = node.metadata.labels?.[hostnameLabel] ?? node.metadata.name;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: volumeNameFor(claim),
      annotations: { [provisionedByAnnotation]: localPathProvisioner, [nodeAnnotation]: node.metadata.name },
      ...(policy === 'Delete' ? { finalizers: [directoryFinalizer] } : {}),
    },
    spec: {
      capacity: { storage: claim.spec?.resources?.requests?.storage ?? '0' },
      accessModes: claim.spec?.accessModes,
      persistentVolumeReclaimPolicy: policy,
      storageClassName: storageClassOf(claim),
      volumeMode: 'Filesystem',
      claimRef,
      local: { path },
      nodeAffinity: {
        required: { nodeSelectorTerms: [{ matchExpressions: [{ key: hostnameLabel, operator: 'In', values: [hostname] }] }] },
      },
    },
  };
}

const isServed = ({ metadata }: V1PersistentVolume, serves: ProvisionWorld['serves']): boolean =>
  metadata?.annotations?.[provisionedByAnnotation] === localPathProvisioner && serves(metadata.annotations[nodeAnnotation] ?? '');

export type ReclaimPlan =
  | { readonly do: 'nothing' }
  /** The volume was deleted, what is in its directory stays. */
  | { readonly do: 'letGo' }
  | { readonly do: 'remove'; readonly path: string }
  | { readonly do: 'refuse'; readonly why: string };

export function planReclaim(volume: Volume, world: Pick<ProvisionWorld, 'serves' | 'pathOf'>): ReclaimPlan {
  if (!isServed(volume, world.serves)) return { do: 'nothing' };
  const leaving = volume.metadata.deletionTimestamp !== undefined;
  const phase = volume.status?.phase;
  if (volume.spec?.persistentVolumeReclaimPolicy !== 'Delete') {
    return leaving && volume.metadata.finalizers?.includes(directoryFinalizer) ? { do: 'letGo' } : { do: 'nothing' };
  }
  if (phase !== 'Released' && !(leaving && phase !== 'Bound')) return { do: 'nothing' };
  // Anybody who may create volumes may write any path there: only what was made here is ever removed.
  const path = world.pathOf(volume.metadata.name);
  if (volume.spec.local?.path !== path) {
    return { do: 'refuse', why: `"${volume.spec.local?.path ?? ''}" is no directory of ${localPathProvisioner} on this node` };
  }
  return { do: 'remove', path };
}

export interface ResizePlan {
  readonly volume: V1PersistentVolume | undefined;
  readonly claim: V1PersistentVolumeClaim;
}

/** A claim that has grown: a directory has no size, so that there is nothing to do but to note it. */
export function planResize(claim: Claim, volume: Volume | undefined, serves: ProvisionWorld['serves']): ResizePlan | undefined {
  const storage = claim.spec?.resources?.requests?.storage;
  if (!volume || !isServed(volume, serves) || storage === undefined || claim.status?.phase !== 'Bound') return undefined;
  if (volume.spec?.claimRef?.uid !== claim.metadata.uid || claim.metadata.deletionTimestamp !== undefined) return undefined;
  const bytes = requestedBytes(claim);
  const known = requestedBytes({ spec: { resources: { requests: { storage: claim.status.capacity?.storage ?? '0' } } } });
  if (known >= bytes) return undefined;
  const larger = capacityBytes(volume) < bytes;
  const capacity = larger ? storage : (volume.spec.capacity?.storage ?? storage);
  return {
    volume: larger ? { ...volume, spec: { ...volume.spec, capacity: { ...volume.spec.capacity, storage } } } : undefined,
    claim: { ...claim, status: { ...claim.status, capacity: { ...claim.status.capacity, storage: capacity } } },
  };
}
