// The TTL controller: tells each node, by an annotation, how long what it has read may be served from its cache.
import { hasReason, type V1Node } from '../../api/mod.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { nodeType } from '../runtime/resource-types.ts';
import { ttlAnnotation, ttlSecondsOf, ttlStep } from './plan.ts';

/** A node without the annotation has none of the load that it is for: a small cluster saves one write for each node. */
const ttlOf = (node: V1Node): string => node.metadata?.annotations?.[ttlAnnotation] ?? '0';

export async function runTtlController(context: ControllerContext): Promise<void> {
  const { client, informers } = context;
  const nodes = informers.of(nodeType);
  let count = 0;
  let step = 0;
  const controller = startController(context, {
    name: 'ttl-controller',
    caches: [cache(nodes)],
    reconcile: async (name, signal) => {
      const node = nodes.get(name);
      const wanted = String(ttlSecondsOf(step));
      if (!node || node.metadata.deletionTimestamp !== undefined || ttlOf(node) === wanted) return done;
      const patch = { metadata: { annotations: { [ttlAnnotation]: wanted } } };
      try {
        await client.patch(nodeType, { name }, 'application/merge-patch+json', patch, { signal });
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
      return done;
    },
  });
  controller.on(nodes, ({ old, next }) => {
    count += Number(next !== undefined) - Number(old !== undefined);
    const before = step;
    step = ttlStep(count, step);
    if (step !== before) for (const node of nodes.list()) controller.queue.add(node.metadata.name);
    else if (next && ttlOf(next) !== String(ttlSecondsOf(step))) controller.queue.add(next.metadata.name);
  });
  await controller.stopped;
}
