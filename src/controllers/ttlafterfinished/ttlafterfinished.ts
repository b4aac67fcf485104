// Deletes Jobs, and their pods with them, some time after they have ended: `ttlSecondsAfterFinished`. A job is woken by its own
// changes, and when its time has come.
import { hasReason } from '../../api/mod.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { jobType } from '../runtime/workload-types.ts';
import { expiresInMs } from './plan.ts';

export async function runTtlAfterFinishedController(context: ControllerContext): Promise<void> {
  const { client, clock, informers } = context;
  const jobs = informers.of(jobType);
  const controller = startController(context, {
    name: 'ttl-after-finished-controller',
    caches: [cache(jobs)],
    async reconcile(key, signal) {
      const cached = jobs.get(key);
      if (!cached) return done;
      const cachedMs = expiresInMs(cached, clock.nowMs());
      if (cachedMs === undefined) return done;
      if (cachedMs > 0) return againAfter(cachedMs);
      // Its time may have been set anew meanwhile: what is deleted does not come back.
      const { namespace, name } = cached.metadata;
      try {
        const fresh = await client.get(jobType, { namespace, name }, { signal });
        const ms = expiresInMs(fresh, clock.nowMs());
        if (ms === undefined) return done;
        if (ms > 0) return againAfter(ms);
        const { uid, resourceVersion } = fresh.metadata;
        await client.delete(
          jobType,
          { namespace, name },
          { propagationPolicy: 'Foreground', preconditions: { uid, resourceVersion }, signal },
        );
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
      return done;
    },
  });
  controller.on(jobs, ({ next }) => {
    if (next && expiresInMs(next, clock.nowMs()) !== undefined) controller.queue.add(cacheKeyOf(next));
  });
  await controller.stopped;
}
