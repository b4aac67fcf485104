// The claims of pods and the devices behind them, as the scheduler sees them now: what is allocated, promised, and still to be had.
import {
  claimInUseFinalizer,
  deviceclasses,
  formatTime,
  isMadeFor,
  type Persisted,
  type ResourceV1ResourceClaim,
  resourceClaimNameOf,
  resourceclaims,
  resourceslices,
  type V1AllocationResult,
  type V1Node,
  type V1Pod,
} from '../../api/mod.ts';
import type { Clock, Random } from '../../base/mod.ts';
import type { Client, Informers } from '../../client/mod.ts';
import { allocate } from './allocate.ts';
import type { DeviceSelects } from './device-selectors.ts';
import { devicesOf, type NodeDevices } from './devices.ts';
import { nothingTaken, type Taken, takenBy } from './holdings.ts';

export type Claim = Persisted<ResourceV1ResourceClaim>;

export type PodResourceClaims =
  | { readonly is: 'found'; readonly claims: readonly Claim[] }
  | { readonly is: 'missing'; readonly reason: string };

export interface ClaimNeeds {
  readonly allocated: readonly Claim[];
  readonly waiting: readonly Claim[];
  /** By node, reckoned once a cycle. */
  readonly devices: Map<string, NodeDevices>;
  readonly taken: Taken;
}

export interface ClaimBookOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly random: Random;
  readonly clock: Clock;
}

/** One for all profiles: two of them must not promise one device. */
export class ClaimBook {
  readonly claims;
  readonly slices;
  readonly classes;
  readonly #client: Client;
  readonly #random: Random;
  readonly #clock: Clock;
  /** Allocations of pods on their way to a node, by the claim's uid. Each ends when the cache shows what came of it. */
  readonly #promised = new Map<string, V1AllocationResult>();
  #selects: DeviceSelects | undefined;

  constructor({ client, informers, random, clock }: ClaimBookOptions) {
    this.#client = client;
    this.#random = random;
    this.#clock = clock;
    this.claims = informers.of(resourceclaims);
    this.slices = informers.of(resourceslices);
    this.classes = informers.of(deviceclasses);
  }

  /** Loads what evaluates selectors; until then nothing can be allocated. */
  async load(): Promise<void> {
    const { createDeviceSelects } = await import('./device-selectors.ts');
    this.#selects ??= createDeviceSelects();
  }

  claimsOf(pod: V1Pod): PodResourceClaims {
    const claims: Claim[] = [];
    const { namespace, name } = pod.metadata ?? {};
    for (const entry of pod.spec?.resourceClaims ?? []) {
      const claimName = resourceClaimNameOf(pod, entry);
      if (claimName === null) continue;
      if (claimName === undefined) return { is: 'missing', reason: `pod "${namespace}/${name}": ResourceClaim not created yet` };
      const claim = this.claims.get(`${namespace}/${claimName}`);
      if (!claim) return { is: 'missing', reason: `resourceclaim "${claimName}" not found` };
      if (entry.resourceClaimTemplateName !== undefined && !isMadeFor(claim, pod)) {
        const reason = `ResourceClaim ${namespace}/${claimName} was not created for pod ${namespace}/${name} (pod is not owner)`;
        return { is: 'missing', reason };
      }
      claims.push(claim);
    }
    return { is: 'found', claims };
  }

  needsOf(claims: readonly Claim[]): ClaimNeeds {
    const allocated = claims.filter((claim) => claim.status?.allocation !== undefined);
    const waiting = claims.filter((claim) => claim.status?.allocation === undefined);
    return { allocated, waiting, devices: new Map(), taken: waiting.length > 0 ? this.#taken() : nothingTaken };
  }

  /** Looks at every claim: pods that need no allocation never come here. */
  #taken(): Taken {
    const promised = this.#promised;
    const claims = this.claims;
    return takenBy(
      (function* () {
        for (const { metadata, status } of claims.list()) {
          // What is promised is counted below, until it is let go.
          if (!promised.has(metadata.uid)) yield* status?.allocation?.devices?.results ?? [];
        }
        for (const allocation of promised.values()) yield* allocation.devices?.results ?? [];
      })(),
    );
  }

  /** What is wrong with the requests whatever the node; undefined when nothing is. */
  missingClass(claims: readonly Claim[]): string | undefined {
    for (const request of claims.flatMap((claim) => claim.spec.devices?.requests ?? [])) {
      for (const { deviceClassName } of request.exactly ? [request.exactly] : (request.firstAvailable ?? [])) {
        if (!this.classes.get(deviceClassName)) return `request ${request.name}: device class ${deviceClassName} does not exist`;
      }
    }
    return undefined;
  }

  /** For each claim that waits; undefined when the devices do not suffice. Throws when a selector cannot be evaluated. */
  allocateOn(needs: ClaimNeeds, node: V1Node): readonly V1AllocationResult[] | undefined {
    const selects = this.#selects;
    if (!selects) return undefined;
    const nodeName = node.metadata?.name ?? '';
    const available = needs.devices.get(nodeName) ?? devicesOf(this.slices.list(), node);
    needs.devices.set(nodeName, available);
    return allocate({ claims: needs.waiting, available, taken: needs.taken, classOf: (name) => this.classes.get(name), selects });
  }

  isPromised(claim: Claim): boolean {
    return this.#promised.has(claim.metadata.uid);
  }

  /** Each share of a device gets its name, and what is to be made ready its time. */
  promise(claim: Claim, allocation: V1AllocationResult): void {
    const results = (allocation.devices?.results ?? []).map((result) =>
      result.consumedCapacity ? { ...result, shareID: this.#random.uuid() } : result,
    );
    const isToBeReady = results.some(({ bindingConditions = [] }) => bindingConditions.length > 0);
    this.#promised.set(claim.metadata.uid, {
      ...allocation,
      devices: { ...allocation.devices, results },
      ...(isToBeReady ? { allocationTimestamp: formatTime(this.#clock.nowMs()) } : {}),
    });
  }

  /** Whether devices of the claims are to be made ready by others before a pod may be bound. */
  waitsForDevices(claims: readonly Claim[]): boolean {
    return claims.some(({ metadata, status }) => {
      const allocation = this.#promised.get(metadata.uid) ?? status?.allocation;
      return (allocation?.devices?.results ?? []).some(({ bindingConditions = [] }) => bindingConditions.length > 0);
    });
  }

  /** Takes the allocation of claims back whose devices could not be made ready, where nobody else uses them. */
  async takeBack(claims: readonly Claim[], pod: V1Pod, signal: AbortSignal): Promise<void> {
    for (const { metadata } of claims) {
      const claim = this.claims.get(`${metadata.namespace}/${metadata.name}`);
      const others = (claim?.status?.reservedFor ?? []).filter(({ uid }) => uid !== pod.metadata?.uid);
      if (!claim || others.length > 0 || !this.waitsForDevices([claim])) continue;
      const { namespace, name, resourceVersion } = claim.metadata;
      const patch = { metadata: { resourceVersion }, status: { allocation: null, reservedFor: null, devices: null } };
      await this.#client.patch(resourceclaims, { namespace, name }, 'application/merge-patch+json', patch, {
        subresource: 'status',
        signal,
      });
    }
  }

  release(uid: string | undefined): void {
    this.#promised.delete(uid ?? '');
  }

  /** Writes the promised allocation, and that the pod uses the claim. A claim that has changed meanwhile is a conflict. */
  async reserve(claim: Claim, pod: V1Pod, signal: AbortSignal): Promise<void> {
    const { resourceVersion, finalizers = [], namespace, name, uid } = claim.metadata;
    const at = { namespace, name };
    let version = resourceVersion;
    if (!finalizers.includes(claimInUseFinalizer)) {
      const metadata = { resourceVersion, finalizers: [...finalizers, claimInUseFinalizer] };
      const held = await this.#client.patch(resourceclaims, at, 'application/merge-patch+json', { metadata }, { signal });
      version = held.metadata.resourceVersion;
    }
    const allocation = this.#promised.get(uid);
    const consumer = { resource: 'pods', name: pod.metadata?.name ?? '', uid: pod.metadata?.uid ?? '' };
    const status = { ...(allocation ? { allocation } : {}), reservedFor: [...(claim.status?.reservedFor ?? []), consumer] };
    const patch = { metadata: { resourceVersion: version }, status };
    await this.#client.patch(resourceclaims, at, 'application/merge-patch+json', patch, { subresource: 'status', signal });
  }
}
