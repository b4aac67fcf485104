// CSI v1 (package csi.v1), the Node service: the messages and methods that the kubelet uses, by field number.
// Source: csi.proto of the container-storage-interface spec, v1.11. Fields that Minke neither sends nor reads are left out.
import { bool, field, int32, int64, type Message, message, repeated, string, stringMap } from '../../base/protobuf/mod.ts';
import type { Method } from '../cri/messages.ts';

/** By their numbers. */
export const nodeCapabilities = [
  'unknown',
  'stageUnstage',
  'volumeStats',
  'expand',
  'volumeCondition',
  'singleNodeMultiWriter',
  'mountGroup',
] as const;
export type NodeCapability = (typeof nodeCapabilities)[number];

/** The `mode` of an access mode, by its number. */
export const accessModes = {
  singleNodeWriter: 1,
  multiNodeReaderOnly: 3,
  multiNodeMultiWriter: 5,
  singleNodeSingleWriter: 6,
  singleNodeMultiWriter: 7,
} as const;

export const usageUnits = ['unknown', 'bytes', 'inodes'] as const;

const empty = message({});
const mountVolume = message({ fsType: field(1, string), mountFlags: repeated(2, string), volumeMountGroup: field(3, string) });
const accessMode = message({ mode: field(1, int32) });
export const volumeCapability = message({
  block: field(1, empty),
  mount: field(2, mountVolume),
  accessMode: field(3, accessMode),
});
const capacityRange = message({ requiredBytes: field(1, int64), limitBytes: field(2, int64) });
const topology = message({ segments: stringMap(1) });
const volumeUsage = message({ available: field(1, int64), total: field(2, int64), used: field(3, int64), unit: field(4, int32) });
const volumeCondition = message({ abnormal: field(1, bool), message: field(2, string) });
const rpcCapability = message({ type: field(1, int32) });
const nodeCapability = message({ rpc: field(1, rpcCapability) });

// biome-ignore lint/suspicious/noExplicitAny: a method is described by any two messages; the types are inferred.
function method<Q extends Message<any>, R extends Message<any>>(name: string, request: Q, response: R): Method<Q, R> {
  return { path: `/csi.v1.Node/${name}`, request, response };
}

export const csiMethods = {
  stage: method(
    'NodeStageVolume',
    message({
      volumeId: field(1, string),
      publishContext: stringMap(2),
      stagingTargetPath: field(3, string),
      volumeCapability: field(4, volumeCapability),
      secrets: stringMap(5),
      volumeContext: stringMap(6),
    }),
    empty,
  ),
  unstage: method('NodeUnstageVolume', message({ volumeId: field(1, string), stagingTargetPath: field(2, string) }), empty),
  publish: method(
    'NodePublishVolume',
    message({
      volumeId: field(1, string),
      publishContext: stringMap(2),
      stagingTargetPath: field(3, string),
      targetPath: field(4, string),
      volumeCapability: field(5, volumeCapability),
      readonly: field(6, bool),
      secrets: stringMap(7),
      volumeContext: stringMap(8),
    }),
    empty,
  ),
  unpublish: method('NodeUnpublishVolume', message({ volumeId: field(1, string), targetPath: field(2, string) }), empty),
  stats: method(
    'NodeGetVolumeStats',
    message({ volumeId: field(1, string), volumePath: field(2, string), stagingTargetPath: field(3, string) }),
    message({ usage: repeated(1, volumeUsage), volumeCondition: field(2, volumeCondition) }),
  ),
  expand: method(
    'NodeExpandVolume',
    message({
      volumeId: field(1, string),
      volumePath: field(2, string),
      capacityRange: field(3, capacityRange),
      stagingTargetPath: field(4, string),
      volumeCapability: field(5, volumeCapability),
      secrets: stringMap(6),
    }),
    message({ capacityBytes: field(1, int64) }),
  ),
  capabilities: method('NodeGetCapabilities', empty, message({ capabilities: repeated(1, nodeCapability) })),
  info: method(
    'NodeGetInfo',
    empty,
    message({ nodeId: field(1, string), maxVolumesPerNode: field(2, int64), accessibleTopology: field(3, topology) }),
  ),
};
