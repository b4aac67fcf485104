// The subresources that connect, from the route to the connection: what they need is read as the verbs read it, for the same user.
import { notFound, serviceNameLabel, type V1EndpointSlice, type V1Node, type V1Pod, type V1Service } from '../../api/mod.ts';
import type { Random } from '../../base/mod.ts';
import type { HttpClient } from '../../base/ports/http-client.ts';
import type { ResourceCore } from '../http/core-port.ts';
import type { EdgeResponse } from '../http/exchange.ts';
import type { AcceptWebSocket } from '../http/over-websocket.ts';
import type { ResourceInfo } from '../http/request-info.ts';
import type { Exchange } from '../pipeline.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import { connectToPod } from './connect.ts';
import type { NodeConnection } from './node-connection.ts';
import { type ProxyReads, proxy } from './proxy.ts';
import type { Connect } from './target.ts';

export interface ConnectParts {
  readonly core: ResourceCore;
  readonly nodes: NodeConnection;
  readonly backends: HttpClient;
  readonly random: Random;
  readonly acceptWebSocket: AcceptWebSocket;
}

interface Asked {
  readonly info: ResourceInfo;
  readonly context: RequestContext;
}

/** Logs, exec, attach, port-forward on to the kubelet; proxy to whatever listens. Throws StatusError. */
export async function connectThrough(
  parts: ConnectParts,
  { request, deadline }: Exchange,
  { info, context }: Asked,
): Promise<EdgeResponse> {
  const { nodes, backends: client, random, acceptWebSocket } = parts;
  await admit(parts.core, info, context);
  const common = { ...readsOf(parts.core, context), request, info, signal: deadline.signal, nodes };
  return info.subresource === 'proxy'
    ? proxy({ ...common, client, random })
    : connectToPod({ ...common, connect: info.subresource as Connect, acceptWebSocket });
}

/** Admission sees the path behind a proxy as one of its options. */
async function admit(core: ResourceCore, info: ResourceInfo, context: RequestContext): Promise<void> {
  const kind = core.find(info);
  if (!kind) throw notFound(info);
  const { name, subresource, rest } = info;
  const query = subresource === 'proxy' && rest.length > 0 ? { ...info.query, path: rest.join('/') } : info.query;
  await core.admitConnect({ kind, namespace: kind.namespaced ? info.namespace : undefined, name, subresource, query }, context);
}

function readsOf(core: ResourceCore, context: RequestContext): ProxyReads {
  const ask = (of: { group: string; resource: string }, request: Omit<ResourceRequest, 'kind'>): Promise<Result> => {
    const kind = core.find({ ...of, version: 'v1' });
    if (!kind) throw notFound({ ...of, name: request.name });
    return core.execute({ ...request, kind }, context);
  };
  const one = async (resource: string, name: string, namespace?: string): Promise<unknown> => {
    const result = await ask({ group: '', resource }, { verb: 'get', name, query: {}, ...(namespace === undefined ? {} : { namespace }) });
    if (result.as !== 'object') throw notFound({ group: '', resource, name });
    return result.entry.object;
  };
  return {
    pod: async (namespace, name) => (await one('pods', name, namespace)) as V1Pod,
    node: async (name) => (await one('nodes', name)) as V1Node,
    service: async (namespace, name) => (await one('services', name, namespace)) as V1Service,
    async slices(namespace, service) {
      const query = { labelSelector: `${serviceNameLabel}=${service}` };
      const result = await ask({ group: 'discovery.k8s.io', resource: 'endpointslices' }, { verb: 'list', namespace, query });
      return result.as === 'list' ? result.entries.map(({ object }) => object as V1EndpointSlice) : [];
    },
  };
}
