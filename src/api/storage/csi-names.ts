// Names that the parts of a cluster know CSI volumes by, and who must attach them. Source: the CSI volume plugin of Kubernetes.
import { createHash } from 'node:crypto';
import type { V1CSIDriver } from '../generated/types.gen.ts';

/** A volume on the whole: what a driver has by that handle. */
export interface CsiVolumeId {
  readonly driver: string;
  readonly volumeHandle: string;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** As `volumesAttached` and `volumesInUse` of a node have it. */
export const csiUniqueName = ({ driver, volumeHandle }: CsiVolumeId): string => `kubernetes.io/csi/${driver}^${volumeHandle}`;

/** The name of the VolumeAttachment of a volume to a node. */
export const attachmentNameOf = ({ driver, volumeHandle }: CsiVolumeId, nodeName: string): string =>
  `csi-${sha256(`${volumeHandle}${driver}${nodeName}`)}`;

/** Whether a VolumeAttachment is the attach/detach controller's: told by its name, as its volume may be gone. */
export const isAttachmentName = (name: string): boolean => /^csi-[0-9a-f]{64}$/.test(name);

/** The handle of a volume that a pod has of its own. */
export const inlineVolumeHandle = (podUid: string, volumeName: string): string => `csi-${sha256(`${podUid}${volumeName}`)}`;

/** The directory that a volume is staged in is named so: handles may have any characters. */
export const stagingNameOf = ({ volumeHandle }: CsiVolumeId): string => sha256(volumeHandle);

/** A driver that says nothing of itself has its volumes attached. */
export const mustAttach = (driver: V1CSIDriver | undefined): boolean => driver?.spec.attachRequired !== false;
