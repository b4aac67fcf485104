// The attach/detach controller: asks for volumes to be attached to the nodes whose pods need them, and to be taken from nodes that
// have let go of them. Whoever attaches is the driver's own controller; it is asked by VolumeAttachment objects.
import {
  claimNamesOf,
  csidrivers,
  csiUniqueName,
  hasReason,
  mustAttach,
  type Persisted,
  type V1CSIDriver,
  type V1Node,
  type V1PersistentVolume,
  type V1PersistentVolumeClaim,
  type V1Pod,
  type V1VolumeAttachment,
  volumeattachments,
} from '../../api/mod.ts';
import { type Again, type EventRecorder, type Informer, referenceTo } from '../../client/mod.ts';
import { indexPodsByClaim, podsByClaim } from '../persistentvolume/pods-by-claim.ts';
import { againAfter, type Controller, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { nodeType, persistentVolumeClaimType, persistentVolumeType, podType } from '../runtime/resource-types.ts';
import { type AttachableVolume, detachVerdict, needsVolumes, planAttachments, volumesAttached } from './plan.ts';

type Attachment = Persisted<V1VolumeAttachment>;

interface Parts {
  readonly context: ControllerContext;
  readonly pods: Informer<V1Pod>;
  readonly claims: Informer<V1PersistentVolumeClaim>;
  readonly volumes: Informer<V1PersistentVolume>;
  readonly nodes: Informer<V1Node>;
  readonly drivers: Informer<V1CSIDriver>;
  readonly attachments: Informer<V1VolumeAttachment>;
  /** Attachments that are about to go: no node is told any more that it has them. */
  readonly detaching: Set<string>;
  /** When nobody was first seen to need an attachment. */
  readonly unneeded: Map<string, number>;
  readonly events: () => EventRecorder;
}

/** Of attachments. */
const byVolume = 'volume';
const byNode = 'node';
const volumeKey = (name: string): string => `volume:${name}`;
const nodeKey = (name: string): string => `node:${name}`;
const volumeOf = ({ spec }: V1VolumeAttachment): string => spec.source.persistentVolumeName ?? '';

export async function runAttachDetachController(context: ControllerContext): Promise<void> {
  const { informers } = context;
  const parts: Parts = {
    context,
    pods: informers.of(podType),
    claims: informers.of(persistentVolumeClaimType),
    volumes: informers.of(persistentVolumeType),
    nodes: informers.of(nodeType),
    drivers: informers.of(csidrivers),
    attachments: informers.of(volumeattachments),
    detaching: new Set(),
    unneeded: new Map(),
    events: () => controller.events,
  };
  const { pods, claims, volumes, nodes, drivers, attachments } = parts;
  attachments.addIndex(byVolume, (attachment) => [volumeOf(attachment)]);
  attachments.addIndex(byNode, ({ spec }) => [spec.nodeName]);
  indexPodsByClaim(pods);
  const controller: Controller = startController(context, {
    name: 'attachdetach-controller',
    workers: 8,
    caches: [cache(pods), cache(claims), cache(volumes), cache(nodes), cache(drivers), cache(attachments)],
    reconcile: (key, signal) => {
      const name = key.slice(key.indexOf(':') + 1);
      const own = { ...parts, context: { ...context, signal } };
      return key.startsWith('node:') ? reconcileNode(own, name) : reconcileVolume(own, name);
    },
  });
  follow(controller, parts);
  await controller.stopped;
}

function follow(controller: Controller, parts: Parts): void {
  const { pods, claims, volumes, nodes, drivers, attachments, detaching, unneeded } = parts;
  const { queue } = controller;
  const wakeClaim = (claim: V1PersistentVolumeClaim | undefined) => {
    if (claim?.spec?.volumeName) queue.add(volumeKey(claim.spec.volumeName));
  };
  controller.on(pods, ({ old, next }) => {
    const pod = next ?? old;
    if (!pod?.spec?.nodeName || (old && next && needsVolumes(old) === needsVolumes(next))) return;
    for (const key of claimKeysOf(pod)) wakeClaim(claims.get(key));
  });
  controller.on(claims, ({ old, next }) => {
    if (old?.spec?.volumeName !== next?.spec?.volumeName) wakeClaim(next ?? old);
  });
  controller.on(volumes, ({ old, next }) => {
    const volume = next ?? old;
    if (volume?.spec?.csi) queue.add(volumeKey(volume.metadata.name));
  });
  controller.on(drivers, ({ old, next }) => {
    if (mustAttach(old) === mustAttach(next)) return;
    const name = (next ?? old)?.metadata.name;
    for (const volume of volumes.list()) if (volume.spec?.csi?.driver === name) queue.add(volumeKey(volume.metadata.name));
  });
  controller.on(nodes, ({ old, next }) => {
    const name = (next ?? old)?.metadata.name ?? '';
    if (old && next && old.metadata.uid === next.metadata.uid && sameForVolumes(old, next)) return;
    for (const attachment of attachments.byIndex(byNode, name)) queue.add(volumeKey(volumeOf(attachment)));
    queue.add(nodeKey(name));
  });
  controller.on(attachments, ({ old, next }) => {
    const attachment = next ?? old;
    if (!attachment) return;
    if (!next || next.metadata.deletionTimestamp !== undefined) detaching.delete(attachment.metadata.name);
    if (!next) unneeded.delete(attachment.metadata.name);
    queue.add(volumeKey(volumeOf(attachment)));
    queue.add(nodeKey(attachment.spec.nodeName));
    if (next && next.metadata.deletionTimestamp === undefined) tellResult(parts, old, next);
  });
}

const sameForVolumes = (a: V1Node, b: V1Node): boolean => a.status === b.status || textForVolumes(a) === textForVolumes(b);
const textForVolumes = ({ status, spec }: V1Node): string =>
  JSON.stringify([
    status?.volumesInUse,
    status?.volumesAttached,
    spec?.taints?.map(({ key }) => key),
    status?.conditions?.find(({ type }) => type === 'Ready')?.status,
  ]);

const claimKeysOf = (pod: Persisted<V1Pod>): readonly string[] => claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`);

function attachable({ volumes, drivers }: Parts, name: string): AttachableVolume | undefined {
  const volume = volumes.get(name);
  const csi = volume?.spec?.csi;
  if (!volume || !csi || !mustAttach(drivers.get(csi.driver))) return undefined;
  const shared = ['ReadOnlyMany', 'ReadWriteMany'];
  const exclusive = !volume.spec?.accessModes?.some((mode) => shared.includes(mode));
  return { name, id: { driver: csi.driver, volumeHandle: csi.volumeHandle }, exclusive };
}

/** The pods that need the volume, by node. */
function podsThatNeed({ pods, claims, volumes, nodes }: Parts, name: string): ReadonlyMap<string, readonly V1Pod[]> {
  const found = new Map<string, V1Pod[]>();
  const ref = volumes.get(name)?.spec?.claimRef;
  const key = `${ref?.namespace}/${ref?.name}`;
  const claim = ref && claims.get(key);
  if (!claim || claim.metadata.uid !== ref?.uid || claim.spec?.volumeName !== name) return found;
  for (const pod of pods.byIndex(podsByClaim, key)) {
    const nodeName = pod.spec?.nodeName ?? '';
    if (needsVolumes(pod) && nodes.get(nodeName)) found.set(nodeName, [...(found.get(nodeName) ?? []), pod]);
  }
  return found;
}

async function reconcileVolume(parts: Parts, name: string): Promise<Again> {
  const { context, attachments, unneeded } = parts;
  const { client, signal } = context;
  const own = attachments.byIndex(byVolume, name);
  const actions = planAttachments({ volume: attachable(parts, name), pods: podsThatNeed(parts, name), attachments: own });
  const going = new Set(actions.flatMap((action) => (action.do === 'detach' ? [action.attachment.metadata?.name] : [])));
  for (const { metadata } of own) if (!going.has(metadata.name)) unneeded.delete(metadata.name);
  let again: Again = done;
  for (const action of actions) {
    if (action.do === 'refuse') {
      for (const pod of action.pods) parts.events().record(referenceTo(podType, pod), 'Warning', 'FailedAttachVolume', action.message);
    } else if (action.do === 'detach') {
      const waitMs = await detach(parts, action.attachment as Attachment);
      if (waitMs !== undefined) again = againAfter(waitMs);
    } else {
      try {
        await client.create(volumeattachments, action.attachment, { signal });
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists')) throw error;
      }
    }
  }
  return again;
}

/**
 * First the node is told that it has the volume no more, if it does not use it: it uses none that it was not told of. Both are in
 * the node's one object, so that of two who write at once one has to look again. Gives when to look again by itself, in ms.
 */
async function detach(parts: Parts, attachment: Attachment): Promise<number | undefined> {
  const { context, detaching, unneeded } = parts;
  const { client, clock, signal, log } = context;
  const { name, uid } = attachment.metadata;
  const id = idOf(parts, attachment);
  if (id) {
    const sinceMs = unneeded.get(name) ?? clock.nowMs();
    unneeded.set(name, sinceMs);
    const node = await nodeNow(parts, attachment.spec.nodeName);
    const verdict = detachVerdict(node, { id, sinceMs, nowMs: clock.nowMs() });
    if (verdict.is === 'wait') return verdict.atMs === undefined ? undefined : Math.max(1, verdict.atMs - clock.nowMs());
    if (verdict.forced) {
      log.warn('Taking a volume from a node that has not let go of it', { node: attachment.spec.nodeName, attachment: name });
    }
    detaching.add(name);
    const unique = csiUniqueName(id);
    const left = node?.status?.volumesAttached?.filter((each) => each.name !== unique);
    if (node && left && left.length !== node.status?.volumesAttached?.length) {
      await client.updateStatus(nodeType, { ...node, status: { ...node.status, volumesAttached: left } }, { signal });
    }
  }
  try {
    await client.delete(volumeattachments, { name }, { preconditions: { uid }, signal });
  } catch (error) {
    if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
  }
  return undefined;
}

/** What is attached: undefined where its volume is gone, and nobody can say what the node calls it. */
function idOf({ volumes }: Parts, attachment: Attachment): { readonly driver: string; readonly volumeHandle: string } | undefined {
  const csi = volumes.get(volumeOf(attachment))?.spec?.csi;
  return csi && { driver: csi.driver, volumeHandle: csi.volumeHandle };
}

/** Asked of the server: the node may have said a moment ago that it uses the volume. */
async function nodeNow({ context }: Parts, name: string): Promise<Persisted<V1Node> | undefined> {
  try {
    return await context.client.get(nodeType, { name }, { signal: context.signal });
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** Tells the node what it has. */
async function reconcileNode(parts: Parts, name: string): Promise<Again> {
  const { context, nodes, attachments, detaching } = parts;
  const node = nodes.get(name);
  if (!node) return done;
  const attached: string[] = [];
  for (const attachment of attachments.byIndex(byNode, name)) {
    const { metadata, status } = attachment;
    const id = idOf(parts, attachment);
    const going = metadata.deletionTimestamp !== undefined || detaching.has(metadata.name);
    if (id && status?.attached === true && !going) attached.push(csiUniqueName(id));
  }
  const next = volumesAttached(node, attached);
  if (next) {
    const status = { ...node.status, volumesAttached: next };
    await context.client.updateStatus(nodeType, { ...node, status }, { signal: context.signal });
  }
  return done;
}

/** What the driver's controller has said of the attachment, on the pods that wait for it. */
function tellResult(parts: Parts, old: Attachment | undefined, next: Attachment): void {
  const name = volumeOf(next);
  const pods = podsThatNeed(parts, name).get(next.spec.nodeName) ?? [];
  const tell = (type: 'Normal' | 'Warning', reason: string, message: string) => {
    for (const pod of pods) parts.events().record(referenceTo(podType, pod), type, reason, message);
  };
  // One that was there before this controller was has been told of.
  if (!old) return;
  const { attached, attachError } = next.status ?? {};
  if (attached && old.status?.attached !== true)
    tell('Normal', 'SuccessfulAttachVolume', `AttachVolume.Attach succeeded for volume "${name}" `);
  if (!attached && attachError?.message && attachError.time !== old.status?.attachError?.time) {
    tell('Warning', 'FailedAttachVolume', `AttachVolume.Attach failed for volume "${name}" : ${attachError.message}`);
  }
}
