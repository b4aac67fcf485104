// Carries out what was decided of a pod's volumes: writes it on volumes and claims, and waits until all claims are bound.
import {
  boundByControllerAnnotation,
  isClaimBound,
  persistentvolumeclaims,
  persistentvolumes,
  selectedNodeAnnotation,
} from '../api/mod.ts';
import type { Clock } from '../base/mod.ts';
import { type Client, referenceTo } from '../client/mod.ts';
import { untilSettled } from './until-settled.ts';
import { type Claim, claimKeyOf, isReachable, type Volume, type VolumeCaches } from './volumes.ts';

/** What is to be done on a node for the claims of a pod that are not bound yet. */
export interface VolumeChoice {
  readonly bind: readonly { readonly claim: Claim; readonly volume: Volume }[];
  readonly provision: readonly Claim[];
}

export interface BinderContext {
  readonly client: Client;
  readonly clock: Clock;
  readonly caches: VolumeCaches;
  readonly signal: AbortSignal;
  /** How long claims may take to be bound: a provisioner may take its time. */
  readonly bindMs: number;
}

/** Rejects when a claim cannot be bound any more, or is not in time. */
export async function bindVolumes(context: BinderContext, choice: VolumeChoice, nodeName: string): Promise<void> {
  const { client, signal } = context;
  for (const { claim, volume } of choice.bind) {
    if (volume.spec?.claimRef?.uid) continue;
    const byHand = volume.spec?.claimRef !== undefined;
    const annotations = byHand ? volume.metadata.annotations : { ...volume.metadata.annotations, [boundByControllerAnnotation]: 'yes' };
    const spec = { ...volume.spec, claimRef: referenceTo(persistentvolumeclaims, claim) };
    await client.update(persistentvolumes, { ...volume, metadata: { ...volume.metadata, annotations }, spec }, { signal });
  }
  for (const claim of choice.provision) {
    const { namespace, name, uid } = claim.metadata;
    const patch = { metadata: { uid, annotations: { [selectedNodeAnnotation]: nodeName } } };
    await client.patch(persistentvolumeclaims, { namespace, name }, 'application/merge-patch+json', patch, { signal });
  }
  const claims = [...choice.bind.map(({ claim }) => claim), ...choice.provision];
  await untilBound(context, { claims, provisioned: new Set(choice.provision), nodeName });
}

interface Awaited {
  readonly claims: readonly Claim[];
  readonly provisioned: ReadonlySet<Claim>;
  readonly nodeName: string;
}

function untilBound({ clock, caches, signal, bindMs }: BinderContext, awaited: Awaited): Promise<void> {
  const left = new Map(awaited.claims.map((claim) => [claimKeyOf(claim), claim] as const));
  // The patch's own event may be still to come: only a node that was there and is gone again means anything.
  const seen = new Set<string>();
  return untilSettled({ clock, signal, ms: bindMs, late: 'context deadline exceeded' }, ({ settle, follow }) => {
    const look = () => {
      for (const [key, claim] of left) {
        const state = stateOf({ caches, awaited, seen }, key, claim);
        if (state.is === 'bound') left.delete(key);
        if (state.is === 'failed') return settle(new Error(state.why));
      }
      if (left.size === 0) settle();
    };
    follow(caches.claims.onChange(({ old, next }) => left.has(claimKeyOf(next ?? old ?? {})) && look()));
    follow(
      caches.volumes.onChange(({ next }) => next && left.has(`${next.spec?.claimRef?.namespace}/${next.spec?.claimRef?.name}`) && look()),
    );
    look();
  });
}

type ClaimState = { readonly is: 'waiting' | 'bound' } | { readonly is: 'failed'; readonly why: string };

function stateOf(of: { caches: VolumeCaches; awaited: Awaited; seen: Set<string> }, key: string, claim: Claim): ClaimState {
  const { caches, awaited, seen } = of;
  const now = caches.claims.get(key);
  const failed = (why: string): ClaimState => ({ is: 'failed', why });
  if (!now || now.metadata.uid !== claim.metadata.uid) return failed(`pvc ${key} not found`);
  if (awaited.provisioned.has(claim)) {
    const selected = now.metadata.annotations?.[selectedNodeAnnotation];
    if (selected === awaited.nodeName) seen.add(key);
    else if (seen.has(key)) return failed(`provisioning failed for PVC "${claim.metadata.name}"`);
  }
  if (!isClaimBound(now)) return { is: 'waiting' };
  const volume = caches.volumes.get(now.spec?.volumeName ?? '');
  if (!volume) return { is: 'waiting' };
  const node = caches.nodes.get(awaited.nodeName);
  if (!node) return failed(`node "${awaited.nodeName}" not found`);
  if (isReachable(volume, node)) return { is: 'bound' };
  return failed(`pv "${volume.metadata.name}" node affinity doesn't match node "${awaited.nodeName}": no matching NodeSelectorTerms`);
}
