// Devices that somebody has to make ready for the node before the pod may be bound: their binding conditions are waited for.
// Source: https://kubernetes.io/docs/concepts/resource-management/dynamic-resource-allocation/dra-features/#device-binding-conditions
import type { ResourceV1ResourceClaim } from '../../api/mod.ts';
import type { Clock } from '../../base/mod.ts';
import type { Informer } from '../../client/mod.ts';
import { untilSettled } from '../until-settled.ts';

export type Readiness = { readonly is: 'ready' | 'waiting' } | { readonly is: 'failed'; readonly why: string };

/** Whether any device of the claim waits to be made ready, as things stand. */
export function readinessOf({ metadata, status }: ResourceV1ResourceClaim): Readiness {
  let waiting = false;
  for (const result of status?.allocation?.devices?.results ?? []) {
    const { driver, pool, device, shareID, bindingConditions = [], bindingFailureConditions = [] } = result;
    if (bindingConditions.length === 0) continue;
    const told = status?.devices?.find(
      (one) => one.driver === driver && one.pool === pool && one.device === device && (one.shareID ?? '') === (shareID ?? ''),
    );
    const holds = (type: string) => told?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
    const failure = bindingFailureConditions.find(holds);
    if (failure !== undefined) {
      const message = told?.conditions?.find((condition) => condition.type === failure)?.message;
      const id = `${driver}/${pool}/${device}`;
      return { is: 'failed', why: `claim ${metadata?.name}: device ${id} could not be bound: ${failure}${message ? `: ${message}` : ''}` };
    }
    waiting ||= !bindingConditions.every(holds);
  }
  return { is: waiting ? 'waiting' : 'ready' };
}

export interface DeviceWait {
  readonly claims: Informer<ResourceV1ResourceClaim>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly ms: number;
}

/** Resolves when every device of the claims is ready. Rejects when one fails, a claim goes, or time is up. */
export function untilReady({ claims, clock, signal, ms }: DeviceWait, keys: readonly string[]): Promise<void> {
  return untilSettled({ clock, signal, ms, late: 'device binding timeout' }, (wait) => {
    const look = () => {
      let waiting = false;
      for (const key of keys) {
        const claim = claims.get(key);
        if (!claim) return wait.settle(new Error(`resourceclaim ${key} not found`));
        const readiness = readinessOf(claim);
        if (readiness.is === 'failed') return wait.settle(new Error(readiness.why));
        // Until the cache shows the allocation nothing is known of it.
        waiting ||= readiness.is === 'waiting' || claim.status?.allocation === undefined;
      }
      if (!waiting) wait.settle();
    };
    wait.follow(claims.onChange(() => !wait.ended && look()));
    look();
  });
}
