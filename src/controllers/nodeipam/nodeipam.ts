// The node IPAM controller: every node without a range for its pods gets a part of the cluster's, for as long as it is there.
import { hasReason, nodes as nodeType, type V1Node } from '../../api/mod.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { NodeRanges } from './plan.ts';

/** When a node for which nothing was left is looked at again. */
const lookAgainMs = 30_000;

export interface NodeIpamOptions extends ControllerContext {
  /** `10.42.0.0/16`, or one of each family with a comma between, the main one first. */
  readonly clusterCidr: string;
}

export async function runNodeIpamController(context: NodeIpamOptions): Promise<void> {
  const { client, informers, clusterCidr, log } = context;
  const cached = informers.of(nodeType);
  const families = clusterCidr.split(',').map(createHoldings);
  const controller = startController(context, {
    name: 'node-ipam-controller',
    component: 'cidrAllocator',
    // One after the other: nobody else takes what is chosen here.
    workers: 1,
    caches: [cache(cached)],
    reconcile: async (name, signal) => {
      const node = cached.get(name);
      if (!node || node.spec?.podCIDR || node.metadata.deletionTimestamp !== undefined) return done;
      const given = families.map((of) => of.give(name));
      const cidrs = given.flatMap((cidr) => cidr ?? []);
      if (cidrs.length < given.length) {
        for (const of of families) of.forget(name);
        const { uid } = node.metadata;
        controller.events.record({ kind: 'Node', name, uid }, 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`);
        log.warn('No range is left for the pods of a node', { node: name, clusterCidr });
        return againAfter(lookAgainMs);
      }
      const { uid, resourceVersion } = node.metadata;
      const patch = { metadata: { uid, resourceVersion }, spec: { podCIDR: cidrs[0], podCIDRs: cidrs } };
      try {
        await client.patch(nodeType, { name }, 'application/merge-patch+json', patch, { signal });
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
        for (const of of families) of.forget(name);
      }
      return done;
    },
  });
  controller.on(cached, ({ old, next }) => {
    for (const of of families) {
      if (next) of.see(next);
      else of.forget(old?.metadata.name ?? '');
    }
    if (!next) return;
    if (!next.spec?.podCIDR) controller.queue.add(next.metadata.name);
  });
  await controller.stopped;
}

/** Of one family. */
interface Holdings {
  /** Notes the range that a node has. */
  see(node: V1Node): void;
  /** The node's range, now or already; undefined when none is left. */
  give(name: string): string | undefined;
  /** The node is gone. Should it come back soon, it gets the same range again, in which its pods may still be. */
  forget(name: string): void;
}

/** Nodes that went, and are remembered; the oldest is forgotten first. */
const formerMax = 1_000;

function createHoldings(clusterCidr: string): Holdings {
  const ranges = new NodeRanges(clusterCidr);
  const held = new Map<string, string>();
  const former = new Map<string, string>();
  return {
    see({ metadata, spec }) {
      const name = metadata?.name ?? '';
      const cidr = (spec?.podCIDRs ?? [spec?.podCIDR ?? '']).find((one) => one.includes(':') === clusterCidr.includes(':'));
      const before = held.get(name);
      if (!cidr || cidr === before) return;
      if (before !== undefined) ranges.release(before);
      ranges.occupy(cidr);
      held.set(name, cidr);
    },
    give(name) {
      const standing = held.get(name);
      if (standing !== undefined) return standing;
      const cidr = ranges.allocate(former.get(name));
      if (cidr !== undefined) held.set(name, cidr);
      return cidr;
    },
    forget(name) {
      const cidr = held.get(name);
      if (cidr === undefined) return;
      ranges.release(cidr);
      held.delete(name);
      former.delete(name);
      former.set(name, cidr);
      const [oldest] = former.keys();
      if (former.size > formerMax && oldest !== undefined) former.delete(oldest);
    },
  };
}
