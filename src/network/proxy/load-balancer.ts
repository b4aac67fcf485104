// Services of type LoadBalancer on a machine without a cloud: each gets an address of a small range, which the proxy programs on this node.
import { type Persisted, StatusError, services, type V1Service } from '../../api/mod.ts';
import { Backoff, type Clock, errorText, type Logger, onAbort, type Random, sleep } from '../../base/mod.ts';
import type { Client, Informers } from '../../client/mod.ts';
import { formatAddress, parseRange, type Range, sizeOf } from '../cni/cidr.ts';

/** Whoever names another class has another controller. */
export const loadBalancerClass = 'minke';
const coalesceMs = 10;
const retry = { baseMs: 200, maxMs: 30_000, jitter: 0.5 };
const relevantIndex = 'load-balancer';

export interface Assignment {
  readonly service: Persisted<V1Service>;
  /** Undefined takes the address away. */
  readonly ip: string | undefined;
}

export interface LoadBalancerPlan {
  readonly assignments: readonly Assignment[];
  /** For whom no address is left. */
  readonly waiting: readonly Persisted<V1Service>[];
}

const ipOf = ({ status }: V1Service): string | undefined => status?.loadBalancer?.ingress?.[0]?.ip;

function isOurs({ spec, metadata }: V1Service): boolean {
  const isClass = spec?.loadBalancerClass === undefined || spec.loadBalancerClass === loadBalancerClass;
  return spec?.type === 'LoadBalancer' && isClass && metadata?.deletionTimestamp === undefined;
}

/** Who has an address keeps it; the oldest come first. The first address of the range is nobody's. Pure. */
export function planLoadBalancers(all: readonly Persisted<V1Service>[], cidr: string): LoadBalancerPlan {
  const range = parseRange(cidr);
  if (!range) return { assignments: [], waiting: [] };
  const inRange = (ip: string | undefined): ip is string => ip !== undefined && isIn(ip, range);
  const inOrder = [...all].sort((a, b) => (ageKey(a) < ageKey(b) ? -1 : 1));
  const taken = new Set<string>();
  const assignments: Assignment[] = [];
  const wanting: Persisted<V1Service>[] = [];
  for (const service of inOrder) {
    const ip = ipOf(service);
    if (!isOurs(service)) {
      if (service.spec?.type !== 'LoadBalancer' && inRange(ip)) assignments.push({ service, ip: undefined });
    } else if (inRange(ip) && !taken.has(ip)) taken.add(ip);
    else wanting.push(service);
  }
  const waiting: Persisted<V1Service>[] = [];
  for (const service of wanting) {
    const ip = choose(service.spec?.loadBalancerIP, taken, range);
    if (ip === undefined) waiting.push(service);
    else {
      taken.add(ip);
      assignments.push({ service, ip });
    }
  }
  return { assignments, waiting };
}

const ageKey = ({ metadata }: Persisted<V1Service>): string => `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`;

function isIn(ip: string, range: Range): boolean {
  const at = parseRange(ip)?.first ?? -1;
  return at > range.first && at < range.first + sizeOf(range.prefix);
}

/** An address asked for is given when it is of the range and free; otherwise the service waits for it. */
function choose(asked: string | undefined, taken: ReadonlySet<string>, range: Range): string | undefined {
  if (asked) return isIn(asked, range) && !taken.has(asked) ? asked : undefined;
  for (let i = 1; i < sizeOf(range.prefix); i++) {
    const ip = formatAddress(range.first + i);
    if (!taken.has(ip)) return ip;
  }
  return undefined;
}

export interface LoadBalancerOptions {
  /** `10.127.0.0/26` */
  readonly cidr: string;
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Runs until the signal fires. */
export async function runLoadBalancers(options: LoadBalancerOptions): Promise<void> {
  const { informers, clock, random, log, signal, cidr } = options;
  const cache = informers.of(services);
  cache.addIndex(relevantIndex, (service) => (service.spec?.type === 'LoadBalancer' || ipOf(service) !== undefined ? [''] : []));
  const isRelevant = (service: V1Service | undefined) => service?.spec?.type === 'LoadBalancer' || (service && ipOf(service) !== undefined);
  let wake = () => {};
  let isDirty = true;
  const mark = () => {
    isDirty = true;
    wake();
  };
  const offs = [cache.onChange(({ old, next }) => void ((isRelevant(old) || isRelevant(next)) && mark())), onAbort(signal, () => wake())];
  const backoff = new Backoff(retry, random);
  try {
    await cache.synced;
    while (!signal.aborted) {
      if (!isDirty) await new Promise<void>((resolve) => (wake = resolve));
      wake = () => {};
      if (signal.aborted) return;
      await sleep(clock, coalesceMs, signal);
      isDirty = false;
      const { assignments, waiting } = planLoadBalancers(cache.byIndex(relevantIndex, ''), cidr);
      for (const { metadata } of waiting)
        log.warn('No load balancer address is free', { service: `${metadata.namespace}/${metadata.name}`, cidr });
      try {
        for (const assignment of assignments) await assign(options, assignment);
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        log.warn('A load balancer address could not be written', { error: errorText(error) });
        isDirty = true;
        await sleep(clock, backoff.nextMs(), signal);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const off of offs) off();
  }
}

async function assign({ client, signal, log }: LoadBalancerOptions, { service, ip }: Assignment): Promise<void> {
  const loadBalancer = ip === undefined ? {} : { ingress: [{ ip, ipMode: 'VIP' }] };
  try {
    await client.updateStatus(services, { ...service, status: { ...service.status, loadBalancer } }, { signal });
    const { namespace, name } = service.metadata;
    log.info('Load balancer address assigned', { service: `${namespace}/${name}`, ip: ip ?? '' });
  } catch (error) {
    // It has changed or gone: its next event brings it here again.
    if (error instanceof StatusError && (error.reason === 'Conflict' || error.reason === 'NotFound')) return;
    throw error;
  }
}
