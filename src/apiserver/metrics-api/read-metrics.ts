// GET and LIST of NodeMetrics and PodMetrics: the nodes and pods as they are stored say which there are, their nodes what they use.
import {
  type KindDefinition,
  type KubeObject,
  type NodeUsage,
  nodeMetricsOf,
  nodes,
  notFound,
  type Persisted,
  podMetricsOf,
  pods,
  type V1Node,
  type V1Pod,
} from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import { selectionOf } from '../verbs/selection.ts';
import type { Services } from '../verbs/services.ts';
import { encoded } from '../verbs/write.ts';

/** Nodes that are asked at once. */
const askedAtOnce = 64;

export const getMetrics = async (services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> => {
  const { kind, name = '' } = request;
  const [found] = await measure(services, request, context);
  if (!found) {
    const shown = kind.namespaced ? `${request.namespace}/${name}` : name;
    throw notFound({ group: kind.group, resource: kind.kind.toLowerCase(), name: shown });
  }
  return { as: 'object', code: 200, kind, entry: encoded(found) };
};

export const listMetrics = async (services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> => {
  const found = await measure(services, request, context);
  return { as: 'list', kind: request.kind, entries: found.map(encoded), resourceVersion: '' };
};

/** What cannot be measured at the moment is left out. */
function measure(services: Services, request: ResourceRequest, context: RequestContext): Promise<readonly KubeObject[]> {
  return request.kind.namespaced ? measurePods(services, request, context) : measureNodes(services, request, context);
}

async function measureNodes(services: Services, request: ResourceRequest, context: RequestContext): Promise<readonly KubeObject[]> {
  const found = stored<V1Node>(services, nodes, request);
  const usages = await ask(services, found, context);
  const nowMs = context.clock.nowMs();
  return found.flatMap((node) => {
    const usage = usages.get(node.metadata.name);
    return (usage && nodeMetricsOf(node, usage.usage, nowMs)) ?? [];
  });
}

async function measurePods(services: Services, request: ResourceRequest, context: RequestContext): Promise<readonly KubeObject[]> {
  const running = stored<V1Pod>(services, pods, request).filter(({ status }) => status?.phase === 'Running');
  const names = new Set(running.map(({ spec }) => spec?.nodeName ?? ''));
  const { registry } = services;
  const on = [...names].flatMap((name) => (registry.of(nodes).get(undefined, name)?.object as Persisted<V1Node> | undefined) ?? []);
  const usages = await ask(services, on, context);
  const byUid = new Map([...usages.values()].flatMap((usage) => usage.pods.map((pod) => [pod.uid, pod] as const)));
  const nowMs = context.clock.nowMs();
  return running.flatMap((pod) => {
    // A mirror pod has a uid of its own: its node knows the pod by the one of its manifest.
    const usage = byUid.get(pod.metadata.annotations?.['kubernetes.io/config.hash'] ?? pod.metadata.uid) ?? byUid.get(pod.metadata.uid);
    return (usage && podMetricsOf(pod, usage, nowMs)) ?? [];
  });
}

/** The stored objects that the request selects, by what it may select by: name, namespace and labels. */
function stored<T extends KubeObject>(services: Services, kind: KindDefinition<T>, request: ResourceRequest): readonly Persisted<T>[] {
  const { cache, get } = services.registry.of(kind as unknown as KindDefinition);
  const { matches, namespace, name } = selectionOf(request).scope;
  const one = name === undefined ? undefined : get(namespace, name);
  const entries = name === undefined ? cache.page({ namespace }).entries : one ? [one] : [];
  const found = entries.map(({ object }) => object as unknown as Persisted<T>);
  return matches ? found.filter(matches) : found;
}

/** By node name. A node that does not answer is missing. */
async function ask(
  { nodeUsage }: Services,
  all: readonly Persisted<V1Node>[],
  { log }: RequestContext,
): Promise<ReadonlyMap<string, NodeUsage>> {
  const usages = new Map<string, NodeUsage>();
  const waiting = [...all];
  const worker = async () => {
    for (let node = waiting.pop(); node && nodeUsage; node = waiting.pop()) {
      try {
        usages.set(node.metadata.name, await nodeUsage.of(node));
      } catch (error) {
        log.debug('Node does not tell what it uses', { node: node.metadata.name, error: errorText(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(askedAtOnce, all.length) }, worker));
  return usages;
}
