// DynamicResources: the pod's claims are allocated, or can be on the node; devices are promised at once and written before the bind.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import {
  hasResourceClaims,
  isReservedFor,
  matchesNodeSelector,
  type ResourceV1ResourceClaim,
  resourceClaimNamesOf,
  type V1Node,
  type V1Pod,
} from '../../api/mod.ts';
import { type Clock, errorText } from '../../base/mod.ts';
import type { PluginArgs } from '../config/plugin-args.ts';
import type { Claim, ClaimBook, ClaimNeeds } from '../dra/claim-book.ts';
import { untilReady } from '../dra/device-binding.ts';
import { type CycleState, type ObjectEvent, type Plugin, skip, success, unresolvable, unschedulable, type Verdict } from '../framework.ts';
import { cache, tellOf } from '../volumes.ts';

const name = 'DynamicResources';
const reservedKey = `${name}/reserved`;
const notAllocatable = unschedulable('cannot allocate all claims');
const inProgress = unresolvable('resourceclaim is being allocated for another pod');

export interface DynamicResourcesOptions {
  readonly book: ClaimBook;
  /** The node as it stands. */
  readonly nodeOf: (name: string) => V1Node | undefined;
  readonly clock: Clock;
  readonly args: PluginArgs['DynamicResources'];
}

export function dynamicResources({ book, nodeOf, clock, args }: DynamicResourcesOptions): Plugin {
  return {
    name,
    helpedBy: 'a claim of the pod is made, allocated or given back, a device class or slice changes, or a node is added or changes',
    mayHelp: (_pod, event) =>
      event.is === 'nodeAdded' || event.is === 'nodeChanged' || (event.is === 'podGone' && hasResourceClaims(event.pod)),
    objectMayHelp: (pod, event) => hasResourceClaims(pod) && mayHelp(pod, event),
    watch: (happened) => watch(book, happened),
    preEnqueue: (pod) => {
      if (!hasResourceClaims(pod)) return success;
      const found = book.claimsOf(pod);
      return found.is === 'missing' ? unresolvable(found.reason) : success;
    },
    preFilter: (state, pod) => {
      if (!hasResourceClaims(pod)) return skip;
      const found = book.claimsOf(pod);
      if (found.is === 'missing') return unresolvable(found.reason);
      if (found.claims.some((claim) => claim.metadata.deletionTimestamp !== undefined))
        return unresolvable('resourceclaim is being deleted');
      const needs = book.needsOf(found.claims);
      if (needs.waiting.some((claim) => book.isPromised(claim))) return inProgress;
      const missing = book.missingClass(needs.waiting);
      if (missing !== undefined) return unresolvable(missing);
      state.set(name, needs);
      return success;
    },
    filter: (state, _pod, { node }) => {
      const needs = state.get(name) as ClaimNeeds;
      if (!node) return success;
      if (!needs.allocated.every((claim) => isReachable(claim, node))) return unschedulable('resourceclaim not available on the node');
      if (needs.waiting.length === 0) return success;
      return attempt(() => (book.allocateOn(needs, node) ? success : notAllocatable));
    },
    reserve: (state, pod, nodeName) => {
      const node = nodeOf(nodeName);
      return state.has(name) && node ? attempt(() => reserve(book, { state, pod, node })) : success;
    },
    unreserve: (state) => {
      for (const claim of reservedIn(state)) book.release(claim.metadata.uid);
      state.delete(reservedKey);
    },
    waitsLong: (state) => book.waitsForDevices(reservedIn(state)),
    preBind: async (state, pod, _nodeName, signal) => {
      const claims = reservedIn(state);
      const waits = book.waitsForDevices(claims);
      for (const claim of claims) {
        if (isReservedFor(claim, pod)) continue;
        try {
          await book.reserve(claim, pod, signal);
        } catch (error) {
          const text = `running PreBind plugin "${name}": reserve ResourceClaim "${claim.metadata.name}": ${errorText(error)}`;
          return { is: 'error', error: new Error(text, { cause: error }) };
        }
      }
      return waits ? devicesReady({ book, clock, args, signal }, claims, pod) : success;
    },
  };
}

const reservedIn = (state: CycleState): readonly Claim[] => (state.get(reservedKey) as readonly Claim[] | undefined) ?? [];

type Waiting = Pick<DynamicResourcesOptions, 'book' | 'clock' | 'args'> & { readonly signal: AbortSignal };

/** Devices that cannot be made ready are given back: the next try may find others. */
async function devicesReady({ book, clock, args, signal }: Waiting, claims: readonly Claim[], pod: V1Pod): Promise<Verdict> {
  const keys = claims.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  try {
    await untilReady({ claims: book.claims, clock, signal, ms: args.bindingTimeoutMs }, keys);
    return success;
  } catch (error) {
    const failed = signal.aborted ? undefined : await book.takeBack(claims, pod, signal).catch(errorText);
    const text = `running PreBind plugin "${name}": ${errorText(error)}${failed ? `; the allocation stays: ${failed}` : ''}`;
    return { is: 'error', error: new Error(text, { cause: error }) };
  }
}

/** Others may have been promised a device since this pod was decided on: it is chosen again here. */
function reserve(
  book: ClaimBook,
  { state, pod, node }: { readonly state: CycleState; readonly pod: V1Pod; readonly node: V1Node },
): Verdict {
  const found = book.claimsOf(pod);
  if (found.is === 'missing') return unresolvable(found.reason);
  const needs = book.needsOf(found.claims);
  if (needs.waiting.some((claim) => book.isPromised(claim))) return inProgress;
  const results = needs.waiting.length === 0 ? [] : book.allocateOn(needs, node);
  if (!results) return notAllocatable;
  for (const [i, result] of results.entries()) book.promise(needs.waiting[i] as Claim, result);
  state.set(reservedKey, found.claims);
  return success;
}

function watch(book: ClaimBook, happened: (event: ObjectEvent) => void): () => void {
  let loading = false;
  const offs = [
    tellOf([cache(book.claims), cache(book.slices), cache(book.classes)], happened),
    // Until the cache shows the allocation, the promise alone says that the device is taken.
    book.claims.onChange(({ old, next }) => {
      if (!next || next.status?.allocation) book.release((next ?? old)?.metadata.uid);
    }),
    book.classes.onChange(({ next }) => {
      if (loading || !next) return;
      loading = true;
      void book.load().then(() => happened({ kind: 'DeviceClass', object: next }));
    }),
  ];
  return () => {
    for (const off of offs) off();
  };
}

function isReachable(claim: Claim, node: V1Node): boolean {
  const selector = claim.status?.allocation?.nodeSelector;
  return selector === undefined || matchesNodeSelector(selector, node);
}

/** A claim of the pod; of others' those whose devices may be free by now. */
function mayHelp(pod: V1Pod, { kind, object }: ObjectEvent): boolean {
  if (kind === 'DeviceClass' || kind === 'ResourceSlice') return true;
  if (kind !== 'ResourceClaim') return false;
  const { metadata, status } = object as ResourceV1ResourceClaim;
  const isMine = metadata?.namespace === pod.metadata?.namespace && resourceClaimNamesOf(pod).includes(metadata?.name ?? '');
  return isMine || status?.allocation === undefined || metadata?.deletionTimestamp !== undefined;
}

function attempt(work: () => Verdict): Verdict {
  try {
    return work();
  } catch (error) {
    return unresolvable(`device selector: ${errorText(error)}`);
  }
}
