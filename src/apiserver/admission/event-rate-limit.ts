// EventRateLimit: events beyond a rate are refused, for the whole server, each namespace, each user, or each source of an object.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#eventratelimit
import { type CoreV1Event, type KubeObject, tooManyRequests } from '../../api/mod.ts';
import type { Clock } from '../../base/mod.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './chain.ts';
import type { EventLimit } from './settings.ts';

interface Bucket {
  tokens: number;
  atMs: number;
}

export function eventRateLimit(limits: readonly EventLimit[], clock: Pick<Clock, 'monotonicMs'>): AdmissionPlugin {
  const gates = limits.map((limit) => ({ limit, take: bucketsOf(limit, clock) }));
  return {
    name: 'EventRateLimit',
    validate(attributes, object) {
      const { kind, operation, subresource, dryRun } = attributes;
      if (kind.resource !== 'events' || subresource !== undefined || dryRun || (operation !== 'CREATE' && operation !== 'UPDATE')) return;
      if (kind.group !== '' && kind.group !== 'events.k8s.io') return;
      // Each is asked, so that one that is full does not keep the others from counting.
      const full = gates.filter(({ limit, take }) => !take(keyOf(limit, attributes, object)));
      const [first] = full;
      if (!first) return;
      const key = keyOf(first.limit, attributes, object);
      throw tooManyRequests(`limit reached on type ${first.limit.type}${key === '' ? '' : ` for key ${key}`}`, 1);
    },
  };
}

function keyOf({ type }: EventLimit, { user, namespace = '' }: AdmissionAttributes, object: KubeObject | undefined): string {
  switch (type) {
    case 'Server':
      return '';
    case 'Namespace':
      return namespace;
    case 'User':
      return user.name;
    case 'SourceAndObject': {
      const { source, involvedObject: about } = (object ?? {}) as Partial<CoreV1Event>;
      return [source?.component, source?.host, about?.kind, about?.namespace, about?.name, about?.uid, about?.apiVersion].join('');
    }
  }
}

/** False when the bucket of the key is empty. Of more keys than the limit keeps, the one that was asked longest ago begins anew. */
function bucketsOf({ qps, burst, cacheSize }: EventLimit, clock: Pick<Clock, 'monotonicMs'>): (key: string) => boolean {
  const buckets = new Map<string, Bucket>();
  return (key) => {
    const nowMs = clock.monotonicMs();
    const bucket = buckets.get(key) ?? { tokens: burst, atMs: nowMs };
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * qps);
    bucket.atMs = nowMs;
    buckets.delete(key);
    const [oldest] = buckets.keys();
    if (buckets.size >= cacheSize && oldest !== undefined) buckets.delete(oldest);
    buckets.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  };
}
