// VolumeBinding: nodes from which the pod's volumes can be reached; and for claims that wait for their first pod, the volume or
// the place where one is to be made, before the pod is bound.
// Source: https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode
import {
  findVolumeFor,
  isClaimBound,
  noProvisioner,
  requestedBytes,
  selectedNodeAnnotation,
  type V1Node,
  type V1StorageClass,
  waitsForConsumer,
} from '../../api/mod.ts';
import type { Clock } from '../../base/mod.ts';
import type { Client } from '../../client/mod.ts';
import { type CycleState, type Plugin, skip, success, unresolvable, type Verdict } from '../framework.ts';
import { bindVolumes, type VolumeChoice } from '../volume-binder.ts';
import {
  type Claim,
  cache,
  claimKeyOf,
  claimsOf,
  classOf,
  concerns,
  hasClaims,
  hasRoom,
  isReachable,
  tellOf,
  type Volume,
  type VolumeCaches,
} from '../volumes.ts';

const name = 'VolumeBinding';
const unboundImmediate = 'pod has unbound immediate PersistentVolumeClaims';
const wrongNode = "node(s) didn't match PersistentVolume's node affinity";
const noVolume = "node(s) didn't find available persistent volumes to bind";
const noRoom = 'node(s) did not have enough free storage';
const lostVolume = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';

interface Needs {
  /** Undefined: a claim is bound to a volume that is not there. */
  readonly bound: readonly (Volume | undefined)[];
  readonly waiting: readonly Claim[];
  /** Free volumes for the claims that wait. */
  readonly free: readonly Volume[];
}

/** What pods on their way to a node have been promised: volumes to claims by uid, and nodes to claims by key. */
export interface Promised {
  readonly volumes: Map<string, string>;
  readonly nodes: Map<string, string>;
}

export const createPromised = (): Promised => ({ volumes: new Map(), nodes: new Map() });

export interface VolumeBindingOptions {
  readonly caches: VolumeCaches;
  readonly client: Client;
  readonly clock: Clock;
  /** Shared by every profile: two of them must not promise one volume. */
  readonly promised: Promised;
  readonly bindTimeoutSeconds: number;
}

export function volumeBinding({ caches, client, clock, promised, bindTimeoutSeconds }: VolumeBindingOptions): Plugin {
  const choose = (state: CycleState, node: V1Node) => choiceOn(caches, promised, state.get(name) as Needs, node);
  return {
    name,
    helpedBy: 'a claim, volume or storage class that concerns the pod changes, or a node is added or changes',
    mayHelp: (_pod, event) => event.is === 'nodeAdded' || event.is === 'nodeChanged',
    objectMayHelp: concerns,
    watch: (happened) =>
      tellOf(
        [cache(caches.claims), cache(caches.volumes), cache(caches.classes), cache(caches.capacities), cache(caches.csiDrivers)],
        happened,
      ),
    preFilter: (state, pod) => {
      if (!hasClaims(pod)) return skip;
      const found = claimsOf(caches, pod);
      if (found.is === 'missing') return unresolvable(found.reason);
      const waiting = found.claims.filter((claim) => !isClaimBound(claim));
      if (waiting.some((claim) => claim.spec?.volumeName || !waitsForConsumer(classOf(caches, claim))))
        return unresolvable(unboundImmediate);
      const bound = found.claims.filter(isClaimBound).map((claim) => caches.volumes.get(claim.spec?.volumeName ?? ''));
      // The smallest wish first, so that it does not take the volume that a greater one needs.
      waiting.sort((a, b) => requestedBytes(a) - requestedBytes(b));
      const needs: Needs = { bound, waiting, free: waiting.length > 0 ? caches.volumes.list() : [] };
      state.set(name, needs);
      return success;
    },
    filter: (state, _pod, { node }) => {
      const needs = state.get(name) as Needs;
      if (!node) return success;
      const reasons: string[] = [];
      if (needs.bound.some((volume) => !volume)) reasons.push(lostVolume);
      if (needs.bound.some((volume) => volume && !isReachable(volume, node))) reasons.push(wrongNode);
      const choice = choose(state, node);
      if (typeof choice === 'string') reasons.push(choice);
      return reasons.length === 0 ? success : unresolvable(...reasons);
    },
    reserve: (state, _pod, nodeName) => reserve(state, { caches, promised, nodeName }),
    unreserve: (state) => release(state, promised),
    waitsLong: (state) => state.has(choiceKey),
    preBind: async (state, _pod, nodeName, signal) => {
      const choice = state.get(choiceKey) as VolumeChoice | undefined;
      if (!choice) return success;
      try {
        await bindVolumes({ client, clock, caches, signal, bindMs: bindTimeoutSeconds * 1000 }, choice, nodeName);
        release(state, promised);
        return success;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        // The text is the cause's own, in upstream's words: it would be told twice.
        return { is: 'error', error: new Error(`running PreBind plugin "${name}": binding volumes: ${why}`) };
      }
    },
  };
}

const choiceKey = `${name}/choice`;

/** For every waiting claim a volume that is there already, or a place where one can be made; else why some claim has neither. */
function choiceOn(caches: VolumeCaches, promised: Promised, needs: Needs, node: V1Node): VolumeChoice | string {
  const bind: { claim: Claim; volume: Volume }[] = [];
  const provision: Claim[] = [];
  const chosen = new Set<string>();
  for (const claim of needs.waiting) {
    const selected = promised.nodes.get(claimKeyOf(claim)) ?? claim.metadata.annotations?.[selectedNodeAnnotation];
    if (selected !== undefined && selected !== node.metadata?.name) return noVolume;
    const suits = (volume: Volume) => {
      const to = promised.volumes.get(volume.metadata.name);
      return !chosen.has(volume.metadata.name) && (to === undefined || to === claim.metadata.uid) && isReachable(volume, node);
    };
    const volume = selected === undefined ? findVolumeFor({ claim, volumes: needs.free, suits }) : undefined;
    if (volume) {
      chosen.add(volume.metadata.name);
      bind.push({ claim, volume });
      continue;
    }
    const storageClass = classOf(caches, claim);
    if (!storageClass || !canProvision(storageClass, node)) return noVolume;
    if (!hasRoom(caches, { claim, storageClass, node })) return noRoom;
    provision.push(claim);
  }
  return { bind, provision };
}

function canProvision(storageClass: V1StorageClass, node: V1Node): boolean {
  if (storageClass.provisioner === '' || storageClass.provisioner === noProvisioner) return false;
  const terms = storageClass.allowedTopologies ?? [];
  const labels = node.metadata?.labels ?? {};
  return (
    terms.length === 0 ||
    terms.some((term) => (term.matchLabelExpressions ?? []).every(({ key, values }) => values.includes(labels[key] ?? '')))
  );
}

interface Reservation {
  readonly caches: VolumeCaches;
  readonly promised: Promised;
  readonly nodeName: string;
}

/** Another pod may have been promised the volume since this one was decided on: it is chosen again here. */
function reserve(state: CycleState, { caches, promised, nodeName }: Reservation): Verdict {
  const needs = state.get(name) as Needs | undefined;
  if (!needs || needs.waiting.length === 0) return success;
  const node = caches.nodes.get(nodeName);
  const choice = node && choiceOn(caches, promised, needs, node);
  if (choice === undefined || typeof choice === 'string') return unresolvable(choice ?? noVolume);
  for (const { claim, volume } of choice.bind) promised.volumes.set(volume.metadata.name, claim.metadata.uid);
  for (const claim of choice.provision) promised.nodes.set(claimKeyOf(claim), nodeName);
  state.set(choiceKey, choice);
  return success;
}

function release(state: CycleState, promised: Promised): void {
  const choice = state.get(choiceKey) as VolumeChoice | undefined;
  state.delete(choiceKey);
  for (const { volume } of choice?.bind ?? []) promised.volumes.delete(volume.metadata.name);
  for (const claim of choice?.provision ?? []) promised.nodes.delete(claimKeyOf(claim));
}
