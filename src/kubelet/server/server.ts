// The kubelet's own HTTPS port: logs, exec, attach, port-forward, figures and what it knows of its pods, for whom the API server allows it.
import { type Clock, createMetrics, errorText, type Logger, onAbort } from '../../base/mod.ts';
import type { FileFollower } from '../../base/ports/file-follow.ts';
import { createHttpClient, type HttpClient } from '../../base/ports/http-client.ts';
import {
  type HttpServer,
  type HttpServerRequest,
  type HttpServerResponse,
  type ServerTls,
  startHttpServer,
} from '../../base/ports/http-server.ts';
import { collectProcess } from '../../base/ports/process-metrics.ts';
import { type ContainerRuntime, type ContainerStatus, RuntimeError } from '../cri/runtime.ts';
import type { Kubelet } from '../kubelet.ts';
import { containerNameLabel, podNameLabel, podNamespaceLabel, podUidLabel } from '../pod/labels.ts';
import { nameOf } from '../pod/observed.ts';
import type { PodView } from '../pod/worker.ts';
import type { KubeletAccess } from './access.ts';
import { serveLogs } from './logs/serve-logs.ts';
import { openNodeLog } from './node-logs.ts';
import { type ContainerPath, parseRoute, type Route } from './routes.ts';
import { metricsPage, summaryPage } from './serve-figures.ts';
import { StreamError, servePortForward, serveRemoteCommand } from './streams/serve-stream.ts';

/** How long streams that are open get to end when the kubelet stops. */
const closeGraceMs = 500;
/** Of a command by /run. */
const runSeconds = 120;
const machineLogs = '/var/log';

export interface KubeletHandlerOptions {
  readonly access: Pick<KubeletAccess, 'check'>;
  readonly runtime: ContainerRuntime;
  readonly follower: FileFollower;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface KubeletServerOptions extends KubeletHandlerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** `clientCa` signs the API server's client certificate. */
  readonly tls: ServerTls;
  readonly signal: AbortSignal;
}

/** Of requests to this port, and of the process. */
function createServerMetrics(nowMs: number) {
  const metrics = createMetrics();
  collectProcess(metrics, nowMs);
  const requests = metrics.counter({
    name: 'kubelet_http_requests_total',
    help: '[ALPHA] Number of the http requests received since the server started',
    labels: ['method', 'path'],
  });
  return { text: () => metrics.text(), requests };
}

/** What answers requests, whichever way they come. */
export interface KubeletHandler {
  readonly handle: (request: HttpServerRequest, response: HttpServerResponse) => Promise<void>;
  /** From now on this kubelet answers what is asked about the node and its pods; until then such requests get 503. */
  attach(kubelet: Kubelet): void;
  close(): void;
}

export function createKubeletHandler(options: KubeletHandlerOptions): KubeletHandler {
  const { clock } = options;
  const http = createHttpClient({ clock });
  const served: Served = { ...options, http, metrics: createServerMetrics(clock.nowMs()), kubelet: undefined };
  return {
    handle: (request, response) => serve(served, request, response),
    attach(kubelet) {
      served.kubelet = kubelet;
    },
    close: () => http.close(),
  };
}

export interface KubeletServer extends Pick<KubeletHandler, 'attach'> {
  readonly port: number;
  reloadCertificates(tls: ServerTls): void;
  /** Resolves when the signal has fired and everything is closed. */
  readonly closed: Promise<void>;
}

/** Starts listening. Throws ListenError. */
export async function startKubeletServer(options: KubeletServerOptions): Promise<KubeletServer> {
  const { host, port, tls, clock, log, signal } = options;
  const handler = createKubeletHandler(options);
  const server: HttpServer = await startHttpServer({
    host,
    port,
    tls,
    clock,
    handle: handler.handle,
    onError: (error) => log.debug('Connection to the kubelet failed', { error: errorText(error) }),
  });
  const closed = new Promise<void>((resolve, reject) => {
    onAbort(signal, () => {
      handler.close();
      server.close(closeGraceMs).then(resolve, reject);
    });
  });
  return {
    port: server.port,
    reloadCertificates: (next) => server.reloadCertificates(next),
    attach: handler.attach,
    closed,
  };
}

type Served = KubeletHandlerOptions & {
  readonly http: HttpClient;
  readonly metrics: ReturnType<typeof createServerMetrics>;
  kubelet: Kubelet | undefined;
};

async function serve(options: Served, request: HttpServerRequest, response: HttpServerResponse): Promise<void> {
  try {
    const route = parseRoute(request.target);
    await options.access.check(request, route);
    options.metrics.requests.of(request.method, route.to).add();
    await dispatch(options, route, request, response);
  } catch (error) {
    if (response.headSent || response.closed) return response.destroy();
    const code = error instanceof StreamError ? error.code : error instanceof RuntimeError && error.code === 'notFound' ? 404 : 500;
    if (code === 500) options.log.warn('Request to the kubelet failed', { target: request.target.split('?')[0], error: errorText(error) });
    answer(response, code, errorText(error));
  }
}

const answerJson = (response: HttpServerResponse, value: unknown): void => answer(response, 200, JSON.stringify(value), 'application/json');

function attached({ kubelet }: Served): Kubelet {
  if (!kubelet) throw new StreamError(503, 'the kubelet is starting');
  return kubelet;
}

function answer(response: HttpServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  const body = Buffer.from(`${text}\n`);
  response.head(status, { 'content-type': type, 'content-length': body.length });
  response.end(body);
}

async function dispatch(options: Served, route: Route, request: HttpServerRequest, response: HttpServerResponse): Promise<void> {
  const { runtime, http } = options;
  switch (route.to) {
    case 'healthz':
      return answer(response, 200, 'ok');
    case 'stats': {
      const { text, type } = await summaryPage(attached(options), route.cpuAndMemoryOnly);
      return answer(response, 200, text, type);
    }
    case 'metrics': {
      const { text, type } = await metricsPage(attached(options), route.of, () => options.metrics.text());
      return answer(response, 200, text, type);
    }
    case 'pods': {
      const items = attached(options)
        .pods()
        .map((view) => ({ ...view.pod, status: view.status ?? view.pod.status }));
      return answerJson(response, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
    }
    case 'runningPods':
      return answerJson(response, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: attached(options).pods().flatMap(runningPod) });
    case 'nodeLogs':
      return serveNodeLog(attached(options), route.path, response);
    case 'run': {
      if (route.command === '') throw new StreamError(400, 'you must specify a command: ?cmd=COMMAND');
      const id = await runningContainer(runtime, route.path);
      const { stdout, stderr } = await runtime.execSync(id, route.command.split(' '), runSeconds);
      return answer(response, 200, Buffer.concat([stdout, stderr]).toString('utf8').replace(/\n$/, ''));
    }
    case 'configz':
      return answerJson(response, { kubeletconfig: attached(options).configuration });
    case 'logs':
      return serveLogs({
        ...options,
        statuses: await findContainers(runtime, route.path),
        query: route.query,
        path: route.path,
        request,
        response,
      });
    case 'exec': {
      if (route.command.length === 0) throw new StreamError(400, 'you must specify at least 1 command for the container');
      const id = await runningContainer(runtime, route.path);
      const url = await runtime.exec(id, { command: route.command, ...route.flags });
      return serveRemoteCommand({ request, response, http, url }, route.flags);
    }
    case 'attach': {
      const id = await runningContainer(runtime, route.path);
      const url = await runtime.attach(id, route.flags);
      return serveRemoteCommand({ request, response, http, url }, route.flags);
    }
    case 'portForward': {
      const url = await runtime.portForward(await sandboxOf(runtime, route.path), route.ports);
      return servePortForward({ request, response, http, url }, route.ports);
    }
    case 'nowhere':
      return answer(response, 404, '404 page not found');
  }
}

/** A pod as the runtime has it: what it was told, and no more. */
function runningPod({ pod, observed }: PodView) {
  if (observed.sandbox?.state !== 'ready') return [];
  const { name, namespace, uid } = pod.metadata ?? {};
  const running = observed.containers.filter(({ state }) => state === 'running');
  const containers = running.map((run) => ({ name: nameOf(run), image: run.image, resources: {} }));
  return [{ metadata: { name, namespace, uid, creationTimestamp: null }, spec: { containers }, status: {} }];
}

async function serveNodeLog({ files }: Kubelet, path: string, response: HttpServerResponse): Promise<void> {
  if (!files) throw new StreamError(404, '404 page not found');
  const { type, bytes, chunks } = await openNodeLog(files, machineLogs, path);
  response.head(200, { 'content-type': type, 'content-length': bytes });
  for await (const chunk of chunks) await response.write([chunk]);
  response.end();
}

const labelsOf = (path: Omit<ContainerPath, 'container'>) => ({
  [podNamespaceLabel]: path.namespace,
  [podNameLabel]: path.pod,
  ...(path.uid === undefined ? {} : { [podUidLabel]: path.uid }),
});

/** Every run of the container that the runtime still knows, the newest first. */
async function findContainers(runtime: ContainerRuntime, path: ContainerPath): Promise<readonly ContainerStatus[]> {
  const found = await runtime.listContainers({ labels: { ...labelsOf(path), [containerNameLabel]: path.container } });
  const newest = [...found].sort((a, b) => b.createdAtMs - a.createdAtMs || b.metadata.attempt - a.metadata.attempt);
  return Promise.all(newest.map((container) => runtime.containerStatus(container.id)));
}

async function runningContainer(runtime: ContainerRuntime, path: ContainerPath): Promise<string> {
  const running = (await findContainers(runtime, path)).find((status) => status.state === 'running');
  if (!running) throw new StreamError(404, `container not found ("${path.container}")`);
  return running.id;
}

async function sandboxOf(runtime: ContainerRuntime, path: Omit<ContainerPath, 'container'>): Promise<string> {
  const ready = (await runtime.listSandboxes({ labels: labelsOf(path) })).filter((sandbox) => sandbox.state === 'ready');
  const newest = ready.sort((a, b) => b.createdAtMs - a.createdAtMs)[0];
  if (!newest) throw new StreamError(404, `pod not found ("${path.pod}_${path.namespace}")`);
  return newest.id;
}
