// Services of type LoadBalancer on a machine without a cloud: each gets an address of a small range, which the proxy programs on this node.
import {
  addressAt,
  type IpRange,
  isInRange,
  type Persisted,
  parseRange,
  StatusError,
  services,
  sizeOf,
  type V1Service,
} from '../../api/mod.ts';
import { Backoff, type Clock, errorText, type Logger, onAbort, type Random, sleep } from '../../base/mod.ts';
import type { Client, Informers } from '../../client/mod.ts';
import { splitRanges } from '../addresses/choose-range.ts';
import { familyOf } from '../addresses/family.ts';

/** Whoever names another class has another controller. */
export const loadBalancerClass = 'minke';
const coalesceMs = 10;
const retry = { baseMs: 200, maxMs: 30_000, jitter: 0.5 };
const relevantIndex = 'load-balancer';

export interface Assignment {
  readonly service: Persisted<V1Service>;
  /** One of each of its families; none takes its addresses away. */
  readonly ips: readonly string[];
}

export interface LoadBalancerPlan {
  readonly assignments: readonly Assignment[];
  /** For whom no address is left. */
  readonly waiting: readonly Persisted<V1Service>[];
}

const ipsOf = ({ status }: V1Service): readonly string[] => (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);

function isOurs({ spec, metadata }: V1Service): boolean {
  const isClass = spec?.loadBalancerClass === undefined || spec.loadBalancerClass === loadBalancerClass;
  return spec?.type === 'LoadBalancer' && isClass && metadata?.deletionTimestamp === undefined;
}

/** Who has an address keeps it; the oldest come first. The first address of a range is nobody's. Pure. */
export function planLoadBalancers(all: readonly Persisted<V1Service>[], cidr: string): LoadBalancerPlan {
  const ranges = splitRanges(cidr).flatMap((text) => parseRange(text) ?? []);
  const isOurAddress = (ip: string) => ranges.some((range) => isGiven(ip, range));
  const inOrder = [...all].sort((a, b) => (ageKey(a) < ageKey(b) ? -1 : 1));
  const taken = new Set<string>();
  const assignments: Assignment[] = [];
  const wanting: (Assignment & { readonly missing: readonly IpRange[] })[] = [];
  for (const service of inOrder) {
    const has = ipsOf(service);
    if (!isOurs(service)) {
      if (service.spec?.type !== 'LoadBalancer' && has.some(isOurAddress)) assignments.push({ service, ips: [] });
      continue;
    }
    const wanted = rangesFor(service, ranges);
    const ips = wanted.map((range) => has.find((ip) => isGiven(ip, range) && !taken.has(ip)));
    const kept = ips.flatMap((ip) => ip ?? []);
    for (const ip of kept) taken.add(ip);
    const missing = wanted.filter((_, i) => ips[i] === undefined);
    if (missing.length > 0 || kept.length < has.length) wanting.push({ service, ips: kept, missing });
  }
  const waiting: Persisted<V1Service>[] = [];
  for (const { service, ips, missing } of wanting) {
    const chosen = missing.map((range) => choose(service.spec?.loadBalancerIP, taken, range));
    if (missing.length > 0 && chosen.every((ip) => ip === undefined)) waiting.push(service);
    else {
      const found = [...ips, ...chosen.flatMap((ip) => ip ?? [])];
      for (const ip of found) taken.add(ip);
      const order = (service.spec?.ipFamilies ?? []).map(String);
      assignments.push({ service, ips: found.sort((a, b) => order.indexOf(familyOf(a).name) - order.indexOf(familyOf(b).name)) });
    }
  }
  return { assignments, waiting };
}

/** Those of the service's families. */
function rangesFor({ spec }: V1Service, ranges: readonly IpRange[]): readonly IpRange[] {
  const families = spec?.ipFamilies ?? [];
  return families.length === 0 ? ranges.slice(0, 1) : ranges.filter(({ family }) => families.includes(family));
}

const ageKey = ({ metadata }: Persisted<V1Service>): string => `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`;

const isGiven = (ip: string, range: IpRange): boolean => isInRange(ip, range) && ip !== addressAt(range, 0);

/** An address asked for is given when it is of the range and free; otherwise the service waits for it. */
function choose(asked: string | undefined, taken: ReadonlySet<string>, range: IpRange): string | undefined {
  if (asked && familyOf(asked).name === range.family) return isGiven(asked, range) && !taken.has(asked) ? asked : undefined;
  for (let i = 1; i < sizeOf(range); i++) {
    const ip = addressAt(range, i);
    if (!taken.has(ip)) return ip;
  }
  return undefined;
}

export interface LoadBalancerOptions {
  /** `10.127.0.0/26`, or one of each family with a comma between. */
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
  cache.addIndex(relevantIndex, (service) => (service.spec?.type === 'LoadBalancer' || ipsOf(service).length > 0 ? [''] : []));
  const isRelevant = (service: V1Service | undefined) => service?.spec?.type === 'LoadBalancer' || (service && ipsOf(service).length > 0);
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

async function assign({ client, signal, log }: LoadBalancerOptions, { service, ips }: Assignment): Promise<void> {
  const loadBalancer = ips.length === 0 ? {} : { ingress: ips.map((ip) => ({ ip, ipMode: 'VIP' })) };
  try {
    await client.updateStatus(services, { ...service, status: { ...service.status, loadBalancer } }, { signal });
    const { namespace, name } = service.metadata;
    log.info('Load balancer address assigned', { service: `${namespace}/${name}`, ip: ips.join() });
  } catch (error) {
    // It has changed or gone: its next event brings it here again.
    if (error instanceof StatusError && (error.reason === 'Conflict' || error.reason === 'NotFound')) return;
    throw error;
  }
}
