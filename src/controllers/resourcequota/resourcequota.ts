// The resource quota controller: counts what a namespace holds, and gives back what objects no longer use.
// Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/
import { type Counted, hasReason, type KubeObject, resourcequotas, type V1ResourceQuota } from '../../api/mod.ts';
import { cacheKeyOf, type Informer } from '../../client/mod.ts';
import { againAfter, type ControllerContext, cache, done, forget, type ServedKind, startController } from '../runtime/controller.ts';
import { watchedKinds } from '../runtime/kinds.ts';
import { concerns, frees, isNews, planQuota } from './plan.ts';

/** Many objects may go at once: they are counted together. */
const gatherMs = 50;
/** The count may have been without objects that were admitted just then and are stored by now. */
const lookAgainMs = 1_000;
/** As upstream: what nobody was told of, such as a pod whose time to end is over, is found after so long. */
const resyncMs = 300_000;

interface CountedCache {
  readonly kind: ServedKind;
  readonly informer: Informer<KubeObject>;
}

export async function runResourceQuotaController(context: ControllerContext): Promise<void> {
  const { client, clock, informers } = context;
  const quotas = informers.of(resourcequotas);
  let caches: readonly CountedCache[] = watchedKinds(context.kinds)
    .filter((kind) => kind.namespaced)
    .map((kind) => ({ kind, informer: informers.of<KubeObject>(kind) }));
  const controller = startController(context, {
    name: 'resourcequota-controller',
    caches: [cache(quotas), ...caches.map(({ informer }) => cache(informer))],
    reconcile: async (key, signal) => {
      const quota = quotas.get(key);
      if (!quota || quota.metadata.deletionTimestamp !== undefined) return done;
      const status = planQuota({ quota, all: objectsFor(quota, quota.metadata.namespace, caches), nowMs: clock.nowMs() });
      if (!status) return againAfter(resyncMs);
      try {
        await client.updateStatus(resourcequotas, { ...quota, status }, { signal });
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
      return againAfter(lookAgainMs);
    },
  });
  controller.on(quotas, ({ old, next }) => {
    if (next && isNews(old, next)) controller.queue.add(cacheKeyOf(next));
  });
  const handlers = new Map<ServedKind, () => void>();
  const follow = ({ kind, informer }: CountedCache) => {
    const off = controller.on(informer, ({ old, next }) => {
      const concerned = quotas.list((next ?? old)?.metadata.namespace).filter((quota) => concerns(quota, kind));
      if (concerned.length === 0 || !frees(kind, old, next, clock.nowMs())) return;
      for (const quota of concerned) controller.queue.addAfter(cacheKeyOf(quota), gatherMs);
    });
    handlers.set(kind, off);
  };
  for (const each of caches) follow(each);
  const off = context.customKinds?.onChange({
    added(kind) {
      if (!kind.namespaced) return;
      const made: CountedCache = { kind, informer: informers.of<KubeObject>(kind) };
      caches = [...caches, made];
      follow(made);
    },
    removed(kind) {
      caches = caches.filter((each) => each.kind !== kind);
      forget(handlers, kind);
    },
  });
  await controller.stopped;
  off?.();
}

const objectsFor = (quota: V1ResourceQuota, namespace: string | undefined, caches: readonly CountedCache[]): readonly Counted[] =>
  caches.filter(({ kind }) => concerns(quota, kind)).map(({ kind, informer }) => ({ of: kind, objects: informer.list(namespace) }));
