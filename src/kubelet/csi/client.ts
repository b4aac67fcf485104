// A storage driver on this node, spoken to over its socket: each call with a deadline.
import type { Clock } from '../../base/mod.ts';
import type { EncodableOf } from '../../base/protobuf/mod.ts';
import { openChannel } from '../cri/channel.ts';
import { toDriverError } from './driver-error.ts';
import { csiMethods, type NodeCapability, nodeCapabilities, usageUnits, type volumeCapability } from './messages.ts';

export interface DriverNodeInfo {
  readonly nodeId: string;
  /** 0: as many as one likes. */
  readonly maxVolumes: number;
  readonly topology: Readonly<Record<string, string>>;
}

export interface VolumeUsage {
  readonly unit: (typeof usageUnits)[number];
  readonly available: number;
  readonly total: number;
  readonly used: number;
}

export interface VolumeHealth {
  readonly usage: readonly VolumeUsage[];
  readonly condition?: { readonly abnormal: boolean; readonly message: string } | undefined;
}

export type VolumeCapability = EncodableOf<typeof volumeCapability>;
type Texts = Readonly<Record<string, string>>;

export interface StageRequest {
  readonly volumeId: string;
  readonly stagingTargetPath: string;
  readonly publishContext: Texts;
  readonly volumeCapability: VolumeCapability;
  readonly secrets: Texts;
  readonly volumeContext: Texts;
}

export interface PublishRequest extends Omit<StageRequest, 'stagingTargetPath'> {
  /** Absent: the driver does not stage. */
  readonly stagingTargetPath: string | undefined;
  readonly targetPath: string;
  readonly readonly: boolean;
}

export interface ExpandRequest {
  readonly volumeId: string;
  readonly volumePath: string;
  readonly stagingTargetPath: string | undefined;
  readonly requiredBytes: number;
  readonly volumeCapability: VolumeCapability;
  readonly secrets: Texts;
}

/** Every call rejects with DriverError, also when its deadline passes or `signal` fires. */
export interface CsiClient {
  capabilities(signal?: AbortSignal): Promise<ReadonlySet<NodeCapability>>;
  info(signal?: AbortSignal): Promise<DriverNodeInfo>;
  stage(request: StageRequest, signal?: AbortSignal): Promise<void>;
  unstage(request: { readonly volumeId: string; readonly stagingTargetPath: string }, signal?: AbortSignal): Promise<void>;
  publish(request: PublishRequest, signal?: AbortSignal): Promise<void>;
  unpublish(request: { readonly volumeId: string; readonly targetPath: string }, signal?: AbortSignal): Promise<void>;
  expand(request: ExpandRequest, signal?: AbortSignal): Promise<void>;
  stats(
    request: { readonly volumeId: string; readonly volumePath: string; readonly stagingTargetPath: string | undefined },
    signal?: AbortSignal,
  ): Promise<VolumeHealth>;
  close(): void;
}

export interface CsiClientOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  /** Of each call. Default: as upstream's, two minutes. */
  readonly deadlineMs?: number | undefined;
}

const deadlineMsDefault = 120_000;
/** Figures are asked for by somebody who waits. */
const statsDeadlineMs = 10_000;

export function createCsiClient({ socketPath, clock, deadlineMs = deadlineMsDefault }: CsiClientOptions): CsiClient {
  const channel = openChannel({ socketPath, clock, errorOf: toDriverError });
  const of = (signal: AbortSignal | undefined) => ({ deadlineMs, signal });
  let known: ReadonlySet<NodeCapability> | undefined;
  return {
    async capabilities(signal) {
      if (known) return known;
      const { capabilities } = await channel.unary(csiMethods.capabilities, {}, of(signal));
      known = new Set(capabilities.map(({ rpc }) => nodeCapabilities[rpc?.type ?? 0] ?? 'unknown'));
      return known;
    },
    async info(signal) {
      const { nodeId, maxVolumesPerNode, accessibleTopology } = await channel.unary(csiMethods.info, {}, of(signal));
      return { nodeId, maxVolumes: Number(maxVolumesPerNode), topology: accessibleTopology?.segments ?? {} };
    },
    async stage(request, signal) {
      await channel.unary(csiMethods.stage, request, of(signal));
    },
    async unstage(request, signal) {
      await channel.unary(csiMethods.unstage, request, of(signal));
    },
    async publish(request, signal) {
      await channel.unary(csiMethods.publish, request, of(signal));
    },
    async unpublish(request, signal) {
      await channel.unary(csiMethods.unpublish, request, of(signal));
    },
    async expand({ requiredBytes, ...request }, signal) {
      await channel.unary(csiMethods.expand, { ...request, capacityRange: { requiredBytes } }, of(signal));
    },
    async stats(request, signal) {
      const { usage, volumeCondition } = await channel.unary(csiMethods.stats, request, { deadlineMs: statsDeadlineMs, signal });
      return {
        usage: usage.map(({ available, total, used, unit }) => ({
          unit: usageUnits[unit] ?? 'unknown',
          available: Number(available),
          total: Number(total),
          used: Number(used),
        })),
        condition: volumeCondition,
      };
    },
    close: () => channel.close(),
  };
}
