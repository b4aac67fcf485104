// The API server on its socket: the pipeline behind the HTTPS port, and an orderly end.
import { type Clock, errorText, type Logger, type Metrics, onAbort, type Random, Tasks } from '../base/mod.ts';
import type { CertifiedKey } from '../base/ports/certificates.ts';
import type { HttpServerRequest, HttpServerResponse, ServerTls } from '../base/ports/http-server.ts';
import { type AggregationOptions, type Aggregator, type AggregatorParts, createAggregator } from './aggregation/aggregator.ts';
import type { Anonymous, TokenAuthenticator } from './authn/authenticate.ts';
import { createIssuerDocuments } from './authn/service-account/documents.ts';
import type { ServiceAccountTokens } from './authn/service-account/tokens.ts';
import type { Authorizer } from './authz/authorizer.ts';
import { createDefaultAuthorizer } from './authz/bootstrap/default-authorizer.ts';
import type { HealthCheck, VersionInfo } from './health/health.ts';
import type { HeavyTasks } from './heavy/mod.ts';
import type { ResourceCore } from './http/core-port.ts';
import { OpenRequests } from './http/deadline.ts';
import type { EdgeResponse } from './http/exchange.ts';
import { apiForms } from './http/forms.ts';
import { createServerMetrics } from './metrics/server.ts';
import { apiOpenApi } from './openapi/openapi.ts';
import { type AuditSteps, createPipeline, type Serve, type Step } from './pipeline.ts';
import type { NodeConnection } from './proxy/node-connection.ts';
import { createRoutes, type RoutesOptions } from './routes.ts';

/** How long requests under way may take to finish when the server stops. */
const drainMs = 10_000;

export interface ApiServerOptions {
  readonly core: ResourceCore;
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** PEM; `clientCa` signs the certificates of users and components. */
  readonly tls: ServerTls;
  readonly tokens: readonly TokenAuthenticator[];
  /** How kubelets are reached: `httpNodeConnection(createHttpClient(...))`, or a function for simulated nodes. */
  readonly nodes: NodeConnection;
  readonly version: VersionInfo;
  /** Their issuer's documents are served, for those who check such tokens themselves. */
  readonly serviceAccounts?: ServiceAccountTokens | undefined;
  /** Default: the default roles, as they are written. */
  readonly authorizer?: Authorizer | undefined;
  readonly anonymous?: Anonymous | undefined;
  /** Lets other servers answer for groups that APIServices give to them. Default: this server alone answers. */
  readonly aggregation?: AggregationOptions | undefined;
  /** Answers /debug/minke/why. Default: nobody does. */
  readonly explainPod?: RoutesOptions['explainPod'];
  /** Work that would hold the event loop for long. Default: it is done here. */
  readonly heavy?: HeavyTasks | undefined;
  /** Checks besides the server's own. */
  readonly health?: readonly HealthCheck[] | undefined;
  /** What /metrics shows; requests are counted in it. */
  readonly metrics?: Metrics | undefined;
  /** Records requests (`createAudit`). Default: nobody does. */
  readonly audit?: AuditSteps | undefined;
  /** Bounds the requests under way (`createFairness`). Default: nothing does. */
  readonly fairness?: Step | undefined;
  /** Where clients inside the cluster find the server. Default: where it listens. */
  readonly serverAddress?: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Fires when the server is to stop. */
  readonly signal: AbortSignal;
}

export interface ApiServer {
  readonly port: number;
  /** New connections get these; those that stand go on. `frontProxy` is for connections to aggregated servers. */
  reloadCertificates(tls: ServerTls, frontProxy?: CertifiedKey): void;
  /** Resolves when the server has stopped: watches ended, requests drained, sockets closed. */
  readonly closed: Promise<void>;
}

/** Starts to listen. Throws ListenError of the HTTP server port when it cannot. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { clock, log, signal, listen } = options;
  // Loaded here: whoever runs without a socket never pays for them.
  const [{ startHttpServer }, { acceptWebSocket }, { createHttpClient }] = await Promise.all([
    import('../base/ports/http-server.ts'),
    import('../base/ports/websocket.ts'),
    import('../base/ports/http-client.ts'),
  ]);
  signal.throwIfAborted();
  // What listens in a pod has a certificate of its own making, if any.
  const backends = createHttpClient({ clock, tls: { insecure: true } });
  const open = new OpenRequests();
  const tasks = new Tasks(log);
  const aggregator = options.aggregation && (await startAggregator(options, options.aggregation, createHttpClient));
  const serve = serveWith(options, { backends, aggregator, open, acceptWebSocket });
  const server = await startHttpServer({
    ...listen,
    clock,
    tls: options.tls,
    handle: (request, response) => handle(serve, request, response),
    onError: (error) => log.warn('Request broke off', { error: errorText(error) }),
  });
  const closed = new Promise<void>((resolve) => {
    onAbort(signal, () => {
      tasks.run('close the API server', undefined, async () => {
        open.stop();
        await server.close(drainMs);
        backends.close();
      });
      void tasks.settled().then(resolve);
    });
  });
  if (aggregator) tasks.run('aggregation', signal, () => aggregator.run());
  return {
    port: server.port,
    reloadCertificates(tls, frontProxy) {
      server.reloadCertificates(tls);
      if (frontProxy) aggregator?.setCertificate(frontProxy);
    },
    closed,
  };
}

async function startAggregator(
  { core, metrics, clock, random, log, signal }: ApiServerOptions,
  aggregation: AggregationOptions,
  createClient: AggregatorParts['createClient'],
): Promise<Aggregator> {
  const { createIssuerCheck } = await import('../base/ports/certificate-reader.ts');
  const isIssued = createIssuerCheck(aggregation.frontProxy.caPem);
  return createAggregator({
    ...aggregation,
    core,
    metrics,
    clock,
    random: random.child('aggregation'),
    log,
    signal,
    createClient,
    isIssued,
  });
}

/** The whole way of a request, but for the socket. */
function serveWith(
  options: ApiServerOptions,
  parts: Pick<RoutesOptions, 'backends' | 'aggregator' | 'acceptWebSocket'> & { open: OpenRequests },
): Serve {
  const { core, nodes, version, tokens, clock, random, log, metrics, listen, serviceAccounts } = options;
  const serverAddress = options.serverAddress ?? `${listen.host}:${listen.port}`;
  const measured = metrics && createServerMetrics(metrics, clock, core);
  const { backends, aggregator, acceptWebSocket, open } = parts;
  return createPipeline({
    measure: measured?.step,
    anonymous: options.anonymous,
    frontProxy: aggregator?.frontProxy,
    clock,
    random,
    log,
    tokens,
    authorizer: options.authorizer ?? createDefaultAuthorizer(),
    fairness: options.fairness,
    audit: options.audit,
    open,
    dispatch: createRoutes({
      core,
      nodes,
      backends,
      aggregator,
      version,
      metrics: metrics && (() => metrics.text()),
      explainPod: options.explainPod,
      heavy: options.heavy,
      watched: measured?.watched,
      clock,
      random,
      log,
      acceptWebSocket,
      forms: apiForms,
      openApi: apiOpenApi,
      health: [{ name: 'ping', check: () => {} }, ...(options.health ?? []), shutdownCheck(options.signal)],
      serverAddress,
      documents: serviceAccounts && createIssuerDocuments(serviceAccounts),
    }),
  });
}

const shutdownCheck = (signal: AbortSignal): HealthCheck => ({
  name: 'shutdown',
  in: ['readyz'],
  check: () => {
    if (signal.aborted) throw new Error('process is shutting down');
  },
});

/** One request from the socket through the pipeline and back. */
export async function handle(serve: Serve, request: HttpServerRequest, response: HttpServerResponse): Promise<void> {
  const answer = await serve(request);
  try {
    const sending = send(answer, request, response);
    if (sending) await sending;
  } finally {
    answer.finished?.();
  }
}

/** A promise where the answer takes longer than this turn. */
function send(
  { status, headers, body }: EdgeResponse,
  request: HttpServerRequest,
  response: HttpServerResponse,
): Promise<void> | undefined {
  switch (body.as) {
    case 'none':
      response.head(status, headers);
      response.end();
      return undefined;
    case 'bytes':
      response.head(status, headers);
      response.end(request.method === 'HEAD' ? undefined : body.bytes);
      return undefined;
    case 'stream':
      response.head(status, headers);
      return sendStream(body.batches, response);
    case 'upgrade':
      if (response.canUpgrade && !response.closed) return body.run(response.takeSocket());
      body.abandon?.();
      response.destroy();
      return undefined;
  }
}

/** A stream that breaks off half-way must not look complete: the connection is dropped then. */
async function sendStream(batches: AsyncIterable<readonly Uint8Array[]>, response: HttpServerResponse): Promise<void> {
  for await (const batch of batches) {
    await response.write(batch);
    if (response.closed) return;
  }
  response.end();
}
