// Volumes that have grown: the driver of the node makes the file system as large as its volume, and the claim is told.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims, KEP-1790.
import {
  capacityBytes,
  persistentvolumeclaims,
  providedBytes,
  type V1PersistentVolume,
  type V1PersistentVolumeClaim,
  type V1Pod,
} from '../../api/mod.ts';
import type { Client } from '../../client/mod.ts';
import type { CsiClient } from './client.ts';
import { DriverError } from './driver-error.ts';
import type { NodeCapability } from './messages.ts';
import { capabilityOf, type SecretPurpose, secretRefOf, type WantedVolume } from './request.ts';

export interface ExpandJob {
  readonly wanted: WantedVolume;
  readonly client: CsiClient;
  readonly capabilities: ReadonlySet<NodeCapability>;
  readonly path: string;
  readonly staging: string | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface Expansion {
  /** Never rejects because of the driver: a volume of its old size is better than none. */
  expand(job: ExpandJob): Promise<{ readonly againMs?: number | undefined; readonly lookAgain?: boolean }>;
}

export interface ExpansionOptions {
  readonly api: Client;
  readonly nodeName: string;
  readonly nowMs: () => number;
  /** True when this node is told of claims that change. */
  readonly told: boolean;
  secret(namespace: string, name: string): Promise<Readonly<Record<string, string>> | undefined>;
  /** An event about the pod and its claim. */
  record(
    of: { readonly pod: V1Pod; readonly claim: V1PersistentVolumeClaim },
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void;
}

const againMs = 30_000;
const resizeConditions = ['Resizing', 'FileSystemResizePending', 'ControllerResizeError', 'NodeResizeError'];

/** What is left for the node to do: nothing; to note that it is done; or to have the driver do it. */
export function expansionNeed(
  { volume, claim, readOnly }: { readonly volume: V1PersistentVolume; readonly claim: V1PersistentVolumeClaim; readonly readOnly: boolean },
  canExpand: boolean,
): 'nothing' | 'note' | 'refuse' | 'expand' {
  if (claim.status?.phase !== 'Bound' || capacityBytes(volume) <= providedBytes(claim)) return 'nothing';
  if (claim.status.allocatedResourceStatuses?.storage === 'NodeResizeInfeasible') return 'nothing';
  if (!canExpand) return 'note';
  return readOnly ? 'refuse' : 'expand';
}

/** The claim's status once its file system has the volume's size: a merge patch. */
export function expandedStatus(claim: V1PersistentVolumeClaim, storage: string): unknown {
  const conditions = (claim.status?.conditions ?? []).filter(({ type }) => !resizeConditions.includes(type));
  return {
    status: {
      capacity: { storage },
      conditions: conditions.length > 0 ? conditions : null,
      allocatedResourceStatuses: claim.status?.allocatedResourceStatuses ? { storage: null } : undefined,
    },
  };
}

export function createExpansion({ api, nodeName, nowMs, told, secret, record }: ExpansionOptions): Expansion {
  const write = async (claim: V1PersistentVolumeClaim, patch: unknown, signal: AbortSignal | undefined) => {
    const { namespace, name = '' } = claim.metadata ?? {};
    await api.patch(persistentvolumeclaims, { namespace, name }, 'application/merge-patch+json', patch, { subresource: 'status', signal });
  };
  const noteState = (claim: V1PersistentVolumeClaim, state: string, signal: AbortSignal | undefined) =>
    write(claim, { status: { allocatedResourceStatuses: { storage: state } } }, signal);
  const secretsFor = async (wanted: WantedVolume, purpose: SecretPurpose) => {
    const ref = secretRefOf(wanted, purpose);
    return ref ? ((await secret(ref.namespace, ref.name)) ?? {}) : {};
  };

  return {
    async expand({ wanted, client, capabilities, path, staging, signal }) {
      const { from, pod, readOnly, name } = wanted;
      if (from.is !== 'persistent') return {};
      const { volume, claim } = from;
      const about = { pod, claim };
      const storage = volume.spec?.capacity?.storage ?? '0';
      const canExpand = capabilities.has('expand');
      const lookAgain = canExpand && !told;
      const need = expansionNeed({ volume, claim, readOnly }, canExpand);
      if (need === 'nothing') return { lookAgain };
      if (need === 'refuse') {
        const text = `MountVolume.NodeExpandVolume failed for volume "${name}" requested read-only file system`;
        record(about, 'Warning', 'FileSystemResizeFailed', text);
        return { lookAgain };
      }
      if (need === 'expand') {
        try {
          if (claim.status?.allocatedResourceStatuses) await noteState(claim, 'NodeResizeInProgress', signal);
          await client.expand(
            {
              volumeId: volume.spec?.csi?.volumeHandle ?? '',
              volumePath: path,
              stagingTargetPath: staging,
              requiredBytes: capacityBytes(volume),
              volumeCapability: capabilityOf(wanted, capabilities),
              secrets: await secretsFor(wanted, 'nodeExpandSecretRef'),
            },
            signal,
          );
        } catch (error) {
          if (!(error instanceof DriverError)) throw error;
          record(about, 'Warning', 'VolumeResizeFailed', `MountVolume.NodeExpandVolume failed for volume "${name}" : ${error.message}`);
          if (error.isInfeasible) await noteState(claim, 'NodeResizeInfeasible', signal);
          return error.isInfeasible ? { lookAgain } : { againMs: nowMs() + againMs };
        }
      }
      await write(claim, expandedStatus(claim, storage), signal);
      record(about, 'Normal', 'FileSystemResizeSuccessful', `MountVolume.NodeExpandVolume succeeded for volume "${name}" ${nodeName}`);
      return { lookAgain };
    },
  };
}
