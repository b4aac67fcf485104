// The pods of one node, out of a cache that may hold every node's. One handler on the cache serves all the nodes of a process.
import type { Persisted, V1Pod } from '../api/mod.ts';
import type { Informer } from '../client/mod.ts';

export type StoredPod = Persisted<V1Pod>;

export interface PodSource {
  /** Resolves when every pod that exists has been told. */
  readonly synced: Promise<void>;
  /** Is first called with every pod that is there. `gone` is true when the pod has left the API, or this node. Returns what removes it. */
  onChange(handler: (pod: StoredPod, gone: boolean) => void): () => void;
}

export interface PodRouter {
  forNode(nodeName: string): PodSource;
  stop(): void;
}

type Handler = (pod: StoredPod, gone: boolean) => void;

/** Hands each pod to the kubelet of its node: the cost of a change does not grow with the number of nodes in the process. */
export function createPodRouter(pods: Informer<V1Pod>): PodRouter {
  const handlers = new Map<string, Handler>();
  pods.addIndex('spec.nodeName', (pod) => [pod.spec?.nodeName ?? '']);
  const nodeOf = (pod: StoredPod | undefined) => pod?.spec?.nodeName ?? '';
  const off = pods.onChange(({ old, next }) => {
    // A pod of the same name made anew is one change in a cache that has missed the time between.
    const replaced = old && next && old.metadata.uid !== next.metadata.uid;
    if (old && (!next || replaced || nodeOf(old) !== nodeOf(next))) handlers.get(nodeOf(old))?.(old, true);
    if (next) handlers.get(nodeOf(next))?.(next, false);
  });
  return {
    stop: off,
    forNode: (nodeName) => ({
      synced: pods.synced,
      onChange(handler) {
        handlers.set(nodeName, handler);
        for (const pod of pods.byIndex('spec.nodeName', nodeName)) handler(pod, false);
        return () => {
          if (handlers.get(nodeName) === handler) handlers.delete(nodeName);
        };
      },
    }),
  };
}
