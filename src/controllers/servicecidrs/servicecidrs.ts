// The ServiceCIDR controller: says that a range is ready, and keeps one that is deleted until no Service needs it.
// Source: https://kubernetes.io/docs/tasks/network/extend-service-ip-ranges/
import { formatTime, hasReason, ipaddresses as ipAddressType, servicecidrs as serviceCidrType, timeMs } from '../../api/mod.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { isCovered, isInUse, planServiceCidr } from './plan.ts';

/** Addresses that the API server has given to Services. */
const allocated = 'ipaddress.kubernetes.io/managed-by=ipallocator.k8s.io';

export async function runServiceCidrController(context: ControllerContext): Promise<void> {
  const { client, informers, clock } = context;
  const cidrs = informers.of(serviceCidrType);
  const controller = startController(context, {
    name: 'service-cidr-controller',
    workers: 1,
    caches: [cache(cidrs)],
    reconcile: async (name, signal) => {
      const cidr = cidrs.get(name);
      if (!cidr) return done;
      const leaving = cidr.metadata.deletionTimestamp !== undefined;
      const others = [...cidrs.list()].filter((other) => other.metadata.name !== name);
      // There may be many addresses, and ranges seldom go: they are asked for when one does.
      const inUse =
        leaving &&
        !isCovered(cidr, others) &&
        isInUse(
          cidr,
          others,
          (await client.list(ipAddressType, { labelSelector: allocated, signal })).items.map((item) => item.metadata.name),
        );
      const nowMs = clock.nowMs();
      const deletedMs = timeMs(cidr.metadata.deletionTimestamp);
      const plan = planServiceCidr(cidr, { inUse, nowMs, nowTime: formatTime(nowMs), deletedMs });
      try {
        const { finalizers, status } = plan;
        const held = finalizers
          ? await client.update(serviceCidrType, { ...cidr, metadata: { ...cidr.metadata, finalizers } }, { signal })
          : cidr;
        if (status) await client.updateStatus(serviceCidrType, { ...held, status }, { signal });
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
      return plan.againMs === undefined ? done : againAfter(plan.againMs);
    },
  });
  // Whether one may go depends on the others, of which there are few.
  controller.on(cidrs, () => {
    for (const cidr of cidrs.list()) controller.queue.add(cacheKeyOf(cidr));
  });
  await controller.stopped;
}
