// What a driver is told of a volume: how it is to be reached, who uses it, and whether the kubelet sees to its group. Pure.
import type { V1CSIDriver, V1CSIVolumeSource, V1PersistentVolume, V1PersistentVolumeClaim, V1Pod } from '../../api/mod.ts';
import type { VolumeCapability } from './client.ts';
import { accessModes, type NodeCapability } from './messages.ts';

/** One volume of a pod. Of a claim it has `volume` and `claim`; the pod's own has `inline`. */
export interface WantedVolume {
  readonly pod: V1Pod;
  /** Of the PersistentVolume, or of the volume in the pod. */
  readonly name: string;
  readonly readOnly: boolean;
  readonly from: PersistentSource | InlineSource;
}

export interface PersistentSource {
  readonly is: 'persistent';
  readonly volume: V1PersistentVolume;
  readonly claim: V1PersistentVolumeClaim;
}

export interface InlineSource {
  readonly is: 'inline';
  readonly source: V1CSIVolumeSource;
}

export const isBlock = ({ from }: Pick<WantedVolume, 'from'>): boolean =>
  from.is === 'persistent' && from.volume.spec?.volumeMode === 'Block';
export const driverOf = ({ from }: Pick<WantedVolume, 'from'>): string =>
  (from.is === 'persistent' ? from.volume.spec?.csi?.driver : from.source.driver) ?? '';
const fsTypeOf = ({ from }: WantedVolume): string => (from.is === 'persistent' ? from.volume.spec?.csi?.fsType : from.source.fsType) ?? '';

/** Why the driver may not be used in this way, in upstream's words; undefined when it may. */
export function modeProblem(name: string, driver: V1CSIDriver | undefined, mode: 'Persistent' | 'Ephemeral'): string | undefined {
  if (!driver) {
    return mode === 'Persistent' ? undefined : `volume mode "Ephemeral" not supported by driver ${name} (no CSIDriver object)`;
  }
  const modes = driver.spec.volumeLifecycleModes ?? ['Persistent'];
  if (modes.includes(mode)) return undefined;
  return `volume mode ${JSON.stringify(mode)} not supported by driver ${name} (only supports [${modes.map((each) => JSON.stringify(each)).join(' ')}])`;
}

function accessMode(mode: string, capabilities: ReadonlySet<NodeCapability>): number {
  if (mode === 'ReadOnlyMany') return accessModes.multiNodeReaderOnly;
  if (mode === 'ReadWriteMany') return accessModes.multiNodeMultiWriter;
  if (!capabilities.has('singleNodeMultiWriter')) return accessModes.singleNodeWriter;
  return mode === 'ReadWriteOncePod' ? accessModes.singleNodeSingleWriter : accessModes.singleNodeMultiWriter;
}

export function capabilityOf(wanted: WantedVolume, capabilities: ReadonlySet<NodeCapability>): VolumeCapability {
  const { from } = wanted;
  const spec = from.is === 'persistent' ? from.volume.spec : undefined;
  const mode = { accessMode: { mode: accessMode(spec?.accessModes?.[0] ?? 'ReadWriteOnce', capabilities) } };
  if (isBlock(wanted)) return { block: {}, ...mode };
  const group = capabilities.has('mountGroup') ? wanted.pod.spec?.securityContext?.fsGroup : undefined;
  return {
    mount: {
      fsType: fsTypeOf(wanted),
      mountFlags: spec?.mountOptions ?? [],
      ...(group === undefined ? {} : { volumeMountGroup: String(group) }),
    },
    ...mode,
  };
}

/** What of the pod the driver is told, where it wants to know. */
export function podAttributes({ pod, from }: WantedVolume, driver: V1CSIDriver | undefined): Record<string, string> {
  if (driver?.spec.podInfoOnMount !== true) return {};
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  return {
    'csi.storage.k8s.io/pod.name': name,
    'csi.storage.k8s.io/pod.namespace': namespace,
    'csi.storage.k8s.io/pod.uid': uid,
    'csi.storage.k8s.io/serviceAccount.name': pod.spec?.serviceAccountName ?? '',
    'csi.storage.k8s.io/ephemeral': String(from.is === 'inline'),
  };
}

/** True when the kubelet gives the volume's files to the pod's group. */
export function groupIsOurs(wanted: WantedVolume, driver: V1CSIDriver | undefined, capabilities: ReadonlySet<NodeCapability>): boolean {
  const { from, readOnly, pod } = wanted;
  if (pod.spec?.securityContext?.fsGroup === undefined || readOnly || isBlock(wanted)) return false;
  if (capabilities.has('mountGroup')) return false;
  const policy = driver?.spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType';
  if (policy === 'None') return false;
  if (policy === 'File') return true;
  const modes = (from.is === 'persistent' ? from.volume.spec?.accessModes : undefined) ?? [];
  return fsTypeOf(wanted) !== '' && (modes.includes('ReadWriteOnce') || modes.includes('ReadWriteOncePod'));
}

/** Of one purpose: `namespace` and `name` of the secret that the driver is to be given. */
export type SecretPurpose = 'nodeStageSecretRef' | 'nodePublishSecretRef' | 'nodeExpandSecretRef';

export function secretRefOf({ from, pod }: WantedVolume, purpose: SecretPurpose): { namespace: string; name: string } | undefined {
  if (from.is === 'persistent') {
    const ref = from.volume.spec?.csi?.[purpose];
    return ref?.name ? { namespace: ref.namespace ?? '', name: ref.name } : undefined;
  }
  const name = purpose === 'nodePublishSecretRef' ? from.source.nodePublishSecretRef?.name : undefined;
  return name ? { namespace: pod.metadata?.namespace ?? '', name } : undefined;
}
