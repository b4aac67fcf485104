// Volumes that have grown: the driver of the node makes the file system as large as its volume, and the claim is told.
// Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims, KEP-1790.
import {
  capacityBytes,
  formatTime,
  persistentvolumeclaims,
  providedBytes,
  type V1PersistentVolume,
  type V1PersistentVolumeClaim,
  type V1Pod,
} from '../../api/mod.ts';
import type { Client } from '../../client/mod.ts';
import { VolumeError } from '../volumes/payload.ts';
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

/** The claim's status once the driver has ended an expansion without doing it, `state` where no retry will: a merge patch. */
export function failedStatus(
  claim: V1PersistentVolumeClaim,
  of: { readonly why: string; readonly state: string | undefined; readonly at: string },
): unknown {
  const { why, state, at } = of;
  const type = 'NodeResizeError';
  const message = `failed to expand pvc with ${why}`;
  const all = claim.status?.conditions ?? [];
  const told = all.some((each) => each.type === type && each.message === message);
  if (told && claim.status?.allocatedResourceStatuses?.storage === (state ?? claim.status?.allocatedResourceStatuses?.storage))
    return undefined;
  const conditions = [...all.filter((each) => each.type !== type), { type, status: 'True', lastTransitionTime: at, message }];
  return { status: { conditions, allocatedResourceStatuses: state === undefined ? undefined : { storage: state } } };
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
    if (!ref) return {};
    const found = await secret(ref.namespace, ref.name);
    if (found) return found;
    throw new VolumeError(`fetching NodeExpandSecretRef ${ref.namespace}/${ref.name} failed: secrets "${ref.name}" not found`);
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
          if (!(error instanceof DriverError || error instanceof VolumeError)) throw error;
          record(about, 'Warning', 'VolumeResizeFailed', `MountVolume.NodeExpandVolume failed for volume "${name}" : ${error.message}`);
          if (error instanceof VolumeError || !error.isFinal) return { againMs: nowMs() + againMs };
          const state = error.isInfeasible ? 'NodeResizeInfeasible' : undefined;
          const patch = failedStatus(claim, { why: error.message, state, at: formatTime(nowMs()) });
          if (patch !== undefined) await write(claim, patch, signal);
          return error.isInfeasible || error.isInUse ? { lookAgain } : { againMs: nowMs() + againMs };
        }
      }
      await write(claim, expandedStatus(claim, storage), signal);
      record(about, 'Normal', 'FileSystemResizeSuccessful', `MountVolume.NodeExpandVolume succeeded for volume "${name}" ${nodeName}`);
      return { lookAgain };
    },
  };
}
