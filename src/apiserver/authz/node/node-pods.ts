// Which pods are bound to which node, and what they refer to. Follows the watch cache when it is asked: where no node asks over the network, it costs nothing.
import type { V1Pod } from '../../../api/mod.ts';
import type { Registry } from '../../registry/registry.ts';
import { getOrMake } from '../rbac/grants.ts';
import { type Referenced, referencesOf } from './references.ts';

export interface NodePods {
  on(node: string): readonly V1Pod[];
  /** True when a pod on the node refers to it. */
  refers(node: string, kind: Referenced, namespace: string, name: string): boolean;
}

export function createNodePods(registry: Pick<Registry, 'find'>): NodePods {
  const pods = registry.find({ group: '', version: 'v1', resource: 'pods' });
  const references = new WeakMap<V1Pod, ReadonlySet<string>>();
  let byNode = new Map<string, Map<string, V1Pod>>();
  let nodeOf = new Map<string, string>();
  let seen = -1;

  const put = (key: string, pod: V1Pod | undefined) => {
    const before = nodeOf.get(key);
    const node = pod?.spec?.nodeName || undefined;
    if (before !== undefined && before !== node) {
      const others = byNode.get(before);
      others?.delete(key);
      if (others?.size === 0) byNode.delete(before);
      nodeOf.delete(key);
    }
    if (!pod || node === undefined) return;
    nodeOf.set(key, node);
    getOrMake(byNode, node, () => new Map<string, V1Pod>()).set(key, pod);
  };

  const follow = () => {
    const cache = pods?.cache;
    if (!cache || cache.lastChange === seen) return;
    if (seen < cache.ring.floor) {
      byNode = new Map();
      nodeOf = new Map();
      for (const { key, object } of cache.page({}).entries) put(key, object);
    } else {
      for (const { key, next } of cache.ring.after(seen)) put(key, next?.object);
    }
    seen = cache.lastChange;
  };

  const on = (node: string): readonly V1Pod[] => {
    follow();
    return [...(byNode.get(node)?.values() ?? [])];
  };
  return {
    on,
    refers: (node, kind, namespace, name) =>
      on(node).some((pod) => {
        if (pod.metadata?.namespace !== namespace) return false;
        const known = references.get(pod) ?? referencesOf(pod);
        references.set(pod, known);
        return known.has(`${kind}/${name}`);
      }),
  };
}
