// Aggregation put together: requests for group versions that another server answers are passed on to it, in their user's name.
// Source: https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/

import { StatusError } from '../../api/mod.ts';
import type { Clock, Logger, Metrics, Random } from '../../base/mod.ts';
import type { CertifiedKey } from '../../base/ports/certificates.ts';
import { createRequestHeaderAuthenticator, headersFor, type RequestHeaderAuthenticator } from '../authn/request-header.ts';
import type { ResourceCore } from '../http/core-port.ts';
import { type EdgeResponse, textResponse } from '../http/exchange.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { Exchange } from '../pipeline.ts';
import { dialErrorText, withHeadTimeout } from '../proxy/backend.ts';
import { encodePath, requestHeaders } from '../proxy/proxy-headers.ts';
import { relay } from '../proxy/relay.ts';
import type { Registry } from '../registry/registry.ts';
import type { RequestContext } from '../request.ts';
import { createServiceResolver } from '../webhooks/resolve-service.ts';
import { createApiServices, type RemoteApi } from './api-services.ts';
import { publishAuthentication } from './authentication-config.ts';
import { runKeeper } from './keeper.ts';
import { createAggregatorMetrics } from './metrics.ts';
import { createRemoteDiscovery, type RemoteVersion } from './remote-discovery.ts';
import { createRemoteOpenApi, type RemoteOpenApi } from './remote-openapi.ts';
import { createRemoteServers, documentTimeoutMs, hostOf } from './remote-servers.ts';

export interface AggregationOptions {
  readonly registry: Registry;
  /** Who signs the certificates of users, for aggregated servers to know. */
  readonly clientCaPem: string;
  readonly frontProxy: {
    /** Signs the certificates of those who may speak for others. */
    readonly caPem: string;
    /** The server's own certificate of that kind. */
    readonly client: CertifiedKey;
  };
}

export interface AggregatorParts extends AggregationOptions {
  readonly core: ResourceCore;
  /** Default: nobody counts. */
  readonly metrics?: Metrics | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly createClient: Parameters<typeof createRemoteServers>[0]['createClient'];
  readonly isIssued: (certificate: Uint8Array) => boolean;
}

export interface Aggregator {
  readonly frontProxy: RequestHeaderAuthenticator;
  readonly openApi: RemoteOpenApi;
  /** The answer of another server; undefined when this one is to answer. */
  serve(exchange: Exchange): Promise<EdgeResponse> | undefined;
  /** The same list until something changes. */
  versions(): readonly RemoteVersion[];
  setCertificate(certificate: CertifiedKey): void;
  /** Registers what is served here, and looks after what is served elsewhere. Resolves when the signal has fired and all has ended. */
  run(): Promise<void>;
}

export function createAggregator(parts: AggregatorParts): Aggregator {
  const { registry, core, clock, random, log, signal, createClient } = parts;
  const apiServices = createApiServices(registry);
  const metrics = parts.metrics && createAggregatorMetrics(parts.metrics, apiServices.all);
  const resolve = createServiceResolver(registry, random);
  const servers = createRemoteServers({ resolve, clock, createClient, certificate: parts.frontProxy.client });
  const discovery = createRemoteDiscovery(apiServices.remotes);
  const serverUser = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };
  const context: RequestContext = { user: serverUser, clock, random, log, signal, userAgent: 'kube-aggregator', warn: () => {} };
  return {
    frontProxy: createRequestHeaderAuthenticator(parts.isIssued),
    openApi: createRemoteOpenApi({ remotes: apiServices.remotes, servers, clock, signal }),
    versions: discovery.versions,
    setCertificate: servers.setCertificate,
    serve(exchange) {
      const remotes = apiServices.remotes();
      if (remotes.size === 0) return undefined;
      const remote = remoteFor(remotes, exchange.info);
      return remote && passOn(remote, servers, exchange);
    },
    async run() {
      await Promise.all([
        publishAuthentication({ core, context, clientCaPem: parts.clientCaPem, frontProxyCaPem: parts.frontProxy.caPem }),
        runKeeper({ core, registry, apiServices, servers, discovery, metrics, context, random }),
      ]);
      servers.close();
    },
  };
}

/** By group and version of a resource, of a discovery document (`/apis/g/v`) or of an OpenAPI document (`/openapi/v3/apis/g/v`). */
function remoteFor(remotes: ReadonlyMap<string, RemoteApi>, info: RequestInfo): RemoteApi | undefined {
  if (info.as === 'resource') return remotes.get(`${info.group}/${info.version}`);
  const [, group, version] = /^(?:\/openapi\/v3)?\/apis\/([^/]+)\/([^/]+)\/?$/.exec(info.path) ?? [];
  return group === undefined ? undefined : remotes.get(`${group}/${version}`);
}

const unavailable = (): EdgeResponse => textResponse(503, 'service unavailable\n');

async function passOn(remote: RemoteApi, servers: ReturnType<typeof createRemoteServers>, exchange: Exchange): Promise<EdgeResponse> {
  const { request, info, user, auditId, deadline } = exchange;
  if (!remote.available) return unavailable();
  let backend: ReturnType<typeof servers.backend>;
  try {
    backend = servers.backend(remote);
  } catch {
    return unavailable();
  }
  const mark = request.target.indexOf('?');
  const answer = await relay({
    request,
    // Discovery is what every client begins with: a server that is slow with it must not hold them up.
    backend: info.as === 'path' ? withHeadTimeout(backend, documentTimeoutMs) : backend,
    target: `${encodePath(info.path)}${mark < 0 ? '' : request.target.slice(mark)}`,
    // Who asks comes last: nothing of the client's own can stand in its place.
    headers: { ...requestHeaders(request), host: hostOf(remote), 'audit-id': auditId, ...headersFor(user) },
    signal: deadline.signal,
    head: (status, headers) =>
      status >= 300 && status <= 399 && headers.location !== undefined
        ? textResponse(502, 'the backend attempted to redirect this request, which is not permitted')
        : headers,
    unreachable: (cause) => {
      // The request's own deadline.
      if (cause instanceof StatusError) return cause;
      const message = `error trying to reach service: ${dialErrorText(backend.origin, cause)}`;
      return new StatusError({ code: 503, reason: 'ServiceUnavailable', message, cause });
    },
  });
  // Consoles and the like: whatever the subresource is called, its connection is not a request any more.
  if (answer.body.as === 'upgrade') deadline.lift();
  return answer;
}
