// The `proxy` subresources of pods, services and nodes: finds the backend, and passes the exchange through to it.
import { internalError, StatusError, type V1EndpointSlice, type V1Node, type V1Pod, type V1Service } from '../../api/mod.ts';
import type { Random } from '../../base/mod.ts';
import type { HttpClient } from '../../base/ports/http-client.ts';
import type { EdgeRequest, EdgeResponse } from '../http/exchange.ts';
import type { ResourceInfo } from '../http/request-info.ts';
import { type Backend, dialErrorText, httpBackend, originOf } from './backend.ts';
import { kubeletOrigin, type NodeConnection } from './node-connection.ts';
import { asksUpgrade, encodePath, requestHeaders, withLocation } from './proxy-headers.ts';
import {
  type Candidate,
  checkAddress,
  podHostPort,
  portNumber,
  proxyPath,
  readyEndpoints,
  servicePortName,
  splitName,
  unavailable,
} from './proxy-target.ts';
import { relay } from './relay.ts';

/** Objects as the verbs read them, for the request's user's sake: each throws 404. */
export interface ProxyReads {
  pod(namespace: string, name: string): Promise<V1Pod>;
  node(name: string): Promise<V1Node>;
  service(namespace: string, name: string): Promise<V1Service>;
  slices(namespace: string, service: string): Promise<readonly V1EndpointSlice[]>;
}

export interface ProxyOptions extends ProxyReads {
  readonly request: EdgeRequest;
  readonly info: ResourceInfo;
  /** Fires when the request is over, the client has gone, or the server stops. */
  readonly signal: AbortSignal;
  readonly nodes: NodeConnection;
  /** To pods and services: takes any certificate, has none of its own. */
  readonly client: HttpClient;
  readonly random: Random;
}

/** Every object that a proxy may be asked of. */
export type ProxiedResource = 'pods' | 'services' | 'nodes';

const backends: Readonly<Record<ProxiedResource, (options: ProxyOptions) => Promise<Backend>>> = {
  pods: podBackend,
  services: serviceBackend,
  nodes: nodeBackend,
};

/** Throws StatusError. */
export async function proxy(options: ProxyOptions): Promise<EdgeResponse> {
  const { request, info, signal } = options;
  const backend = await backends[info.resource as ProxiedResource](options);
  const { prefix, path } = proxyPath(info);
  const mark = request.target.indexOf('?');
  const search = mark < 0 ? '' : request.target.slice(mark);
  const upgrades = asksUpgrade(request.headers);
  // A page at the root could not find its neighbours by relative links.
  if (path === '' && !upgrades && (info.method === 'GET' || info.method === 'HEAD')) {
    return { status: 301, headers: { location: `${encodePath(prefix)}/${search}` }, body: { as: 'none' } };
  }
  const target = encodePath(path === '' ? '/' : path);
  const headers = requestHeaders(request);
  const place = { prefix: encodePath(prefix), hosts: [backend.origin.slice(backend.origin.indexOf('//') + 2), headers.host?.toString()] };
  return relay({
    request,
    backend,
    signal,
    target: `${target}${search}`,
    headers: { ...headers, 'x-forwarded-uri': `${place.prefix}${target}` },
    head: (_status, answered) => withLocation(answered, place),
    unreachable: (error) => unreachable(backend.origin, error, upgrades),
  });
}

function unreachable(origin: string, error: unknown, upgrades: boolean): Error {
  if (error instanceof StatusError) return error;
  const why = dialErrorText(origin, error);
  return upgrades ? internalError(`error dialing backend: ${why}`) : unavailable(`error trying to reach service: ${why}`);
}

async function podBackend(options: ProxyOptions): Promise<Backend> {
  const { info, client } = options;
  const parts = splitName('pod', info.name);
  const { host, port } = podHostPort(await options.pod(info.namespace, parts.name), parts);
  return httpBackend(client, originOf(parts.scheme, host, port));
}

async function serviceBackend(options: ProxyOptions): Promise<Backend> {
  const { info, client, random } = options;
  const parts = splitName('service', info.name);
  const portName = servicePortName(await options.service(info.namespace, parts.name), parts);
  const slices = await options.slices(info.namespace, parts.name);
  for (const candidate of readyEndpoints(slices, portName, random.fraction())) {
    if (!(await belongsToPod(options, candidate))) continue;
    checkAddress(candidate.host);
    return httpBackend(client, originOf(parts.scheme, candidate.host, candidate.port));
  }
  throw unavailable(`no endpoints available for service ${JSON.stringify(info.name)}`);
}

/** Whoever may write endpoints could otherwise have the server speak with any host. */
async function belongsToPod({ info, pod }: ProxyOptions, candidate: Candidate): Promise<boolean> {
  if (candidate.pod === undefined || candidate.pod.namespace !== info.namespace) return false;
  try {
    const { status } = await pod(info.namespace, candidate.pod.name);
    return (status?.podIPs ?? [{ ip: status?.podIP ?? '' }]).some(({ ip }) => ip === candidate.host);
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) return false;
    throw error;
  }
}

async function nodeBackend({ info, nodes, client, ...options }: ProxyOptions): Promise<Backend> {
  const parts = splitName('node', info.name);
  const node = await options.node(parts.name);
  const origin = kubeletOrigin(node);
  if (parts.port === '' || origin?.endsWith(`:${parts.port}`)) {
    return {
      origin: origin ?? '',
      request: async (request) => nodes.request({ ...request, node }),
      upgrade: async (request) => nodes.upgrade({ ...request, node }),
    };
  }
  const host = origin === undefined ? '' : new URL(origin).hostname.replace(/^\[|\]$/g, '');
  checkAddress(host);
  return httpBackend(client, originOf(parts.scheme, host, portNumber(parts.port)));
}
