// Leader election on a Lease: at most one of several candidates does the work at a time.
// Source: client-go's leader election; the lease's fields as KEP-0589 gives them.
import { formatMicroTime, hasReason, type Persisted, type ResourceType, type V1Lease } from '../api/mod.ts';
import { type Clock, childController, errorText, type Logger, type Random, StoppedError, sleep } from '../base/mod.ts';
import type { Client } from './client.ts';

const leases: ResourceType<V1Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  resource: 'leases',
  namespaced: true,
};

export interface LeaderElectionOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly namespace: string;
  /** The lease's name: what is led. */
  readonly name: string;
  /** Who this candidate is; unique among the candidates. */
  readonly identity: string;
  /** Runs while this candidate leads; its signal fires when it leads no longer. The lease is given up when it returns. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  /** Others wait this long after the last renewal that they saw. Default 15 s. */
  readonly leaseMs?: number;
  /** The leader stops itself when it has not renewed for this long; less than `leaseMs`. Default 10 s. */
  readonly renewDeadlineMs?: number;
  /** Default 2 s. */
  readonly retryMs?: number;
}

/** What this candidate saw last, and when by its own clock: the clocks of others are not trusted. */
interface Seen {
  readonly lease: Persisted<V1Lease>;
  readonly atMs: number;
}

/** Stands for election until the signal fires; settles when the lease is given up and `lead` has ended. */
export async function runLeaderElection(options: LeaderElectionOptions): Promise<void> {
  const { clock, random, log, signal, retryMs = 2_000 } = options;
  let seen: Seen | undefined;
  while (!signal.aborted) {
    const attempt = await tryAcquire(options, seen);
    seen = attempt.seen;
    if (attempt.acquired) {
      log.info('Became leader', { lease: options.name, identity: options.identity });
      seen = await leadWhileRenewing(options, attempt.seen);
      log.info('Leads no longer', { lease: options.name, identity: options.identity });
    }
    await pause(clock, retryMs * (1 + 0.2 * random.fraction()), signal);
  }
}

type Attempt = { readonly acquired: true; readonly seen: Seen } | { readonly acquired: false; readonly seen: Seen | undefined };

async function tryAcquire(options: LeaderElectionOptions, seen: Seen | undefined): Promise<Attempt> {
  const { client, clock, log, namespace, name, identity, signal, leaseMs = 15_000 } = options;
  try {
    const lease = await client.get(leases, { namespace, name }, { signal });
    const now: Seen = seen?.lease.metadata.resourceVersion === lease.metadata.resourceVersion ? seen : { lease, atMs: clock.monotonicMs() };
    const holder = lease.spec?.holderIdentity ?? '';
    const held = holder !== '' && holder !== identity && clock.monotonicMs() < now.atMs + leaseMs;
    return held ? { acquired: false, seen: now } : { acquired: true, seen: await claim(options, lease) };
  } catch (error) {
    if (signal.aborted) return { acquired: false, seen };
    try {
      if (hasReason(error, 'NotFound')) return { acquired: true, seen: await claim(options, undefined) };
    } catch {
      // Another candidate was first.
    }
    log.debug('Could not acquire a lease', { lease: name, error: errorText(error) });
    return { acquired: false, seen };
  }
}

/** Writes the lease in this candidate's name. Throws when another one was faster (409). */
async function claim(options: LeaderElectionOptions, old: Persisted<V1Lease> | undefined): Promise<Seen> {
  const { client, clock, namespace, name, identity, signal, leaseMs = 15_000 } = options;
  const now = formatMicroTime(clock.nowMs());
  const mine = old?.spec?.holderIdentity === identity;
  const spec = {
    ...old?.spec,
    holderIdentity: identity,
    leaseDurationSeconds: Math.round(leaseMs / 1000),
    acquireTime: mine ? (old?.spec?.acquireTime ?? now) : now,
    renewTime: now,
    leaseTransitions: (old?.spec?.leaseTransitions ?? 0) + (old && !mine ? 1 : 0),
  };
  const lease = old
    ? await client.update(leases, { ...old, spec }, { signal })
    : await client.create(leases, { metadata: { namespace, name }, spec }, { signal });
  return { lease, atMs: clock.monotonicMs() };
}

async function leadWhileRenewing(options: LeaderElectionOptions, acquired: Seen): Promise<Seen> {
  const { clock, log, signal, retryMs = 2_000, renewDeadlineMs = 10_000 } = options;
  const { controller, unlink } = childController(signal);
  let seen = acquired;
  const leading = options
    .lead(controller.signal)
    .catch((error: unknown) => {
      if (!controller.signal.aborted) log.error('The leader failed', { lease: options.name, error: errorText(error) });
    })
    .finally(() => controller.abort(new StoppedError('the work has ended')));
  while (!controller.signal.aborted) {
    await pause(clock, retryMs, controller.signal);
    if (controller.signal.aborted) break;
    try {
      seen = await claim({ ...options, signal: controller.signal }, seen.lease);
    } catch (error) {
      const lost = hasReason(error, 'Conflict', 'NotFound') || clock.monotonicMs() - seen.atMs >= renewDeadlineMs;
      if (lost) controller.abort(new StoppedError('lost the lease'));
    }
  }
  await leading;
  unlink();
  await giveUp(options, seen);
  return seen;
}

/** Lets the next candidate in at once. Failing that, it waits until the lease has run out. */
async function giveUp(options: LeaderElectionOptions, seen: Seen): Promise<void> {
  const spec = { ...seen.lease.spec, holderIdentity: '', leaseDurationSeconds: 1 };
  try {
    await options.client.update(leases, { ...seen.lease, spec });
  } catch (error) {
    options.log.debug('Could not give up a lease', { lease: options.name, error: errorText(error) });
  }
}

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await sleep(clock, ms, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
