// The node's lease: a sign of life every 10 s, far cheaper than a status.
// Source: https://kubernetes.io/docs/concepts/architecture/leases/#node-heart-beats
import { formatMicroTime, hasReason, type Persisted, type V1Lease } from '../../api/mod.ts';
import { Backoff, type Clock, errorText, type Logger, type Random, sleep } from '../../base/mod.ts';
import type { Client } from '../../client/mod.ts';
import { leases } from '../api-resources.ts';

export const leaseNamespace = 'kube-node-lease';
export const leaseDurationSeconds = 40;
const renewEveryMs = 10_000;

export interface LeaseOptions {
  readonly nodeName: string;
  /** Ties the lease to its node, so that it goes with it. */
  readonly nodeUid: string;
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export async function runLease(options: LeaseOptions): Promise<void> {
  const { clock, random, log, signal } = options;
  const backoff = new Backoff({ baseMs: 200, maxMs: 7000 }, random);
  let held: Persisted<V1Lease> | undefined;
  let first = true;
  for (;;) {
    // Nodes that start together do not go on together.
    let waitMs = first ? random.below(renewEveryMs) : renewEveryMs + random.below(400);
    first = false;
    try {
      held = await renew(options, held);
      backoff.reset();
    } catch (error) {
      if (signal.aborted) return;
      held = undefined;
      waitMs = backoff.nextMs();
      log.warn('Cannot renew the lease of this node', { error: errorText(error) });
    }
    await sleep(clock, waitMs, signal);
  }
}

async function renew(options: LeaseOptions, held: Persisted<V1Lease> | undefined): Promise<Persisted<V1Lease>> {
  const { client, clock, nodeName, nodeUid, signal } = options;
  const renewTime = formatMicroTime(clock.nowMs());
  const spec = { holderIdentity: nodeName, leaseDurationSeconds, renewTime };
  const key = { namespace: leaseNamespace, name: nodeName };
  if (held) return client.update(leases, { ...held, spec: { ...held.spec, ...spec } }, { signal });
  try {
    const found = await client.get(leases, key, { signal });
    return await client.update(leases, { ...found, spec: { ...found.spec, ...spec } }, { signal });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid }];
  return client.create(
    leases,
    { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { ...key, ownerReferences }, spec },
    { signal },
  );
}
