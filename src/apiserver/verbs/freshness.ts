// How fresh a read must be: the meaning of resourceVersion "" (newest), "0" (any) and N (not older than).
import { StatusError } from '../../api/mod.ts';
import { DeadlineError, withDeadline } from '../../base/mod.ts';
import type { Revision } from '../../store/mod.ts';
import type { RequestContext } from '../request.ts';
import type { Services } from './services.ts';

/** A read of a revision that is yet to come waits so long for it. */
const futureWaitMs = 3000;

/** Waits until the cache is as fresh as `asked` demands, where it is not yet; undefined asks for the newest. Rejects with 504 when it does not come. */
export function freshEnough(services: Services, asked: Revision | undefined, context: RequestContext): Promise<void> | undefined {
  // Alone on the store, the cache has every acknowledged write: each waits for it.
  if (asked === undefined) return services.sharedStore ? newest(services, context) : undefined;
  return services.registry.cache.revision >= asked ? undefined : reach(services, asked, context);
}

const newest = async (services: Services, context: RequestContext): Promise<void> =>
  reach(services, await services.registry.cache.store.revision(), context);

async function reach(services: Services, wanted: Revision, context: RequestContext): Promise<void> {
  const { cache } = services.registry;
  if (cache.revision >= wanted) return;
  try {
    const wait = { clock: context.clock, ms: futureWaitMs, what: 'waiting for the revision', signal: context.signal };
    await withDeadline(wait, (signal) => cache.reach(wanted, { signal }));
  } catch (error) {
    if (error instanceof DeadlineError) throw tooLargeRevision(wanted, cache.revision);
    throw error;
  }
}

export function tooLargeRevision(asked: Revision, current: Revision): StatusError {
  return new StatusError({
    code: 504,
    reason: 'Timeout',
    message: `Too large resource version: ${asked}, current: ${current}`,
    details: { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1 },
  });
}
