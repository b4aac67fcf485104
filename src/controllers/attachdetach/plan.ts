// Which nodes a volume is to be attached to, and which it is to be taken from. Pure.
// Source of the rules and the words: the attach/detach controller of Kubernetes.
import {
  attachmentNameOf,
  type CsiVolumeId,
  csiUniqueName,
  isAttachmentName,
  type V1Node,
  type V1Pod,
  type V1VolumeAttachment,
} from '../../api/mod.ts';

/** A volume that its driver has to be asked to attach. */
export interface AttachableVolume {
  readonly name: string;
  readonly id: CsiVolumeId;
  /** At one time it can be attached to one node alone. */
  readonly exclusive: boolean;
}

export interface AttachInput {
  /** Undefined: there is no such volume any more, or nobody has to attach it. */
  readonly volume: AttachableVolume | undefined;
  /** Pods that need it, by the nodes that they are on. */
  readonly pods: ReadonlyMap<string, readonly V1Pod[]>;
  /** Every attachment of the volume, also those that are going. */
  readonly attachments: readonly V1VolumeAttachment[];
}

export type AttachAction =
  | { readonly do: 'attach'; readonly nodeName: string; readonly attachment: V1VolumeAttachment }
  | { readonly do: 'detach'; readonly attachment: V1VolumeAttachment }
  | { readonly do: 'refuse'; readonly pods: readonly V1Pod[]; readonly message: string };

const isEnded = ({ status }: V1Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';
/** A pod on a node needs its volumes there until it has ended. */
export const needsVolumes = (pod: V1Pod): boolean => !!pod.spec?.nodeName && !isEnded(pod);

export function planAttachments({ volume, pods, attachments }: AttachInput): AttachAction[] {
  const actions: AttachAction[] = [];
  for (const attachment of attachments) {
    // Others may attach what they like: that is theirs to take away.
    if (!isAttachmentName(attachment.metadata?.name ?? '')) continue;
    const wanted = volume && pods.has(attachment.spec.nodeName) && attachment.spec.attacher === volume.id.driver;
    if (!wanted && attachment.metadata?.deletionTimestamp === undefined) actions.push({ do: 'detach', attachment });
  }
  if (!volume) return actions;
  let taken = attachments.length > 0;
  for (const nodeName of [...pods.keys()].sort()) {
    const name = attachmentNameOf(volume.id, nodeName);
    // One that is going has to be gone first.
    if (attachments.some(({ metadata }) => metadata?.name === name)) continue;
    if (volume.exclusive && taken) {
      const others = [...pods].filter(([node]) => node !== nodeName).flatMap(([, own]) => own);
      const here = pods.get(nodeName) ?? [];
      actions.push({ do: 'refuse', pods: here, message: multiAttachMessage(volume.name, here, others) });
      continue;
    }
    taken = true;
    actions.push({ do: 'attach', nodeName, attachment: attachmentFor(volume, nodeName) });
  }
  return actions;
}

function attachmentFor({ name, id }: AttachableVolume, nodeName: string): V1VolumeAttachment {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    metadata: { name: attachmentNameOf(id, nodeName) },
    spec: { attacher: id.driver, nodeName, source: { persistentVolumeName: name } },
  };
}

function multiAttachMessage(volume: string, here: readonly V1Pod[], others: readonly V1Pod[]): string {
  const prefix = `Multi-Attach error for volume "${volume}"`;
  if (others.length === 0) return `${prefix} Volume is already exclusively attached to one node and can't be attached to another`;
  const namespaces = new Set(here.map(({ metadata }) => metadata?.namespace));
  const near = others.filter(({ metadata }) => namespaces.has(metadata?.namespace)).map(({ metadata }) => metadata?.name ?? '');
  const far = others.length - near.length;
  const elsewhere = `${far} pod(s) in different namespaces`;
  if (near.length === 0) return `${prefix} Volume is already used by ${elsewhere}`;
  const text = `${prefix} Volume is already used by pod(s) ${near.sort().join(', ')}`;
  return far === 0 ? text : `${text} and ${elsewhere}`;
}

const outOfServiceTaint = 'node.kubernetes.io/out-of-service';
/** After this long a volume is taken from a node that is not ready, though the node has not let go of it. */
export const forceAfterMs = 6 * 60_000;

export type DetachVerdict =
  | { readonly is: 'go'; readonly forced: boolean }
  /** `atMs`: when to look again by itself; the node's own word comes by its object. */
  | { readonly is: 'wait'; readonly atMs: number | undefined };

/** Whether a volume that nobody needs on the node may be taken from it. `sinceMs`: when that was first seen. */
export function detachVerdict(
  node: V1Node | undefined,
  of: { readonly id: CsiVolumeId; readonly sinceMs: number; readonly nowMs: number },
): DetachVerdict {
  if (!node?.status?.volumesInUse?.includes(csiUniqueName(of.id))) return { is: 'go', forced: false };
  if (node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) return { is: 'wait', atMs: undefined };
  const dueMs = of.sinceMs + forceAfterMs;
  if (dueMs <= of.nowMs || node.spec?.taints?.some(({ key }) => key === outOfServiceTaint)) return { is: 'go', forced: true };
  return { is: 'wait', atMs: dueMs };
}

const ours = 'kubernetes.io/csi/';

/** The node's `volumesAttached`; undefined: it is right as it is. `attached`: unique names. What others attach stays. */
export function volumesAttached(
  node: V1Node,
  attached: readonly string[],
): { readonly name: string; readonly devicePath: string }[] | undefined {
  const before = node.status?.volumesAttached ?? [];
  const kept = before.filter(({ name }) => !name.startsWith(ours) || attached.includes(name));
  const added = attached.filter((name) => !before.some((each) => each.name === name)).sort();
  if (kept.length === before.length && added.length === 0) return undefined;
  return [...kept, ...added.map((name) => ({ name, devicePath: '' }))];
}
