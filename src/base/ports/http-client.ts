// HTTP/1.1 over TLS or plain TCP, as a client: kept-alive connections, client certificates, streams, upgrades, deadlines.
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import type tls from 'node:tls';
import { onAbort } from '../abort.ts';
import { type Clock, DeadlineError, type Timer } from '../clock.ts';
import { ciphers } from './http-server.ts';

/** Milliseconds until a response's head must have come, unless the request says otherwise. */
export const headTimeoutDefaultMs = 30_000;

export type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** PEM texts. */
export interface ClientTls {
  /** Who signs servers. Default: the machine's own list. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the server's certificate must carry, where it differs from the URL's host. */
  readonly serverName?: string | undefined;
  /** True takes any server certificate. */
  readonly insecure?: boolean | undefined;
}

export interface HttpRequest {
  /** Default GET. */
  readonly method?: string;
  /** `https://host:port/path?query` */
  readonly url: string;
  readonly headers?: HttpHeaders;
  /** A whole body gets a Content-Length; a stream is sent in chunks with back-pressure. */
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array> | undefined;
  /** Ends the request, and its response's body, whenever it fires. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the response's head must have come; `none` where `signal` alone decides. The body has no deadline but `signal`. */
  readonly headTimeoutMs?: number | 'none';
  /** Milliseconds until the connection must stand, TLS included. Default: the head's. */
  readonly connectTimeoutMs?: number;
  /** Path and query, sent as they are: the URL's own would be normalized. Default: the URL's. */
  readonly target?: string | undefined;
  /** For this request alone, where the client's own `tls` says nothing of it. Connections are kept apart by it. */
  readonly tls?: Pick<ClientTls, 'ca' | 'serverName'> | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: HttpHeaders;
  /** The bytes as they come; breaking off the iteration drops the connection. Read it to its end, or call `discard`. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Reads the rest. Throws {@link HttpClientError} with code `EMSGSIZE` when there is more than `limitBytes`. */
  readAll(limitBytes: number): Promise<Uint8Array>;
  /** Drops the connection. */
  discard(): void;
}

/** The server agreed: `socket` is the caller's now, and what the server said after its head is in `head`; or it gave an ordinary answer. */
export type UpgradeAnswer =
  | { readonly as: 'upgraded'; readonly headers: HttpHeaders; readonly socket: Duplex; readonly head: Uint8Array }
  | { readonly as: 'refused'; readonly response: HttpResponse };

export interface HttpClient {
  /** Gives every answer, whatever its status. Throws {@link HttpClientError}, DeadlineError, or the signal's reason. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Like `request`, where `headers` must say `connection: Upgrade` and `upgrade: ...`. The signal ends the socket too. */
  upgrade(request: HttpRequest): Promise<UpgradeAnswer>;
  /** Later connections use these; those that are in use go on. */
  setTls(tls: ClientTls): void;
  /** Drops every connection. */
  close(): void;
}

/** The server could not be reached or broke off. `code` is the system's: `ECONNREFUSED`, `ECONNRESET`, ... */
export class HttpClientError extends Error {
  override readonly name = 'HttpClientError';
  readonly code: string;
  constructor(what: string, cause: unknown, code?: string) {
    super(what, { cause });
    this.code = code ?? (cause as { code?: string } | undefined)?.code ?? '';
  }
}

export interface HttpClientOptions {
  readonly clock: Clock;
  readonly tls?: ClientTls;
  /** Connections to one host at a time. Default: no limit (each watch holds one). */
  readonly maxSockets?: number;
}

interface Agents {
  readonly http: http.Agent;
  readonly https: https.Agent;
  readonly tls: tls.ConnectionOptions;
}

/** A client with its own pool of connections. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { clock, maxSockets = Number.POSITIVE_INFINITY } = options;
  let agents = makeAgents(options.tls ?? {}, maxSockets);
  const send = (request: HttpRequest, attempt = 0): Promise<HttpResponse> =>
    exchange({ request, clock, agents, upgrade: false }).then(
      (answer) => (answer.as === 'refused' ? answer.response : Promise.reject(new HttpClientError('Unexpected upgrade', undefined))),
      (error: unknown) => (attempt === 0 && mayRetry(request, error) ? send(request, 1) : Promise.reject(error)),
    );
  return {
    request: (request) => send(request),
    upgrade: (request) => exchange({ request, clock, agents, upgrade: true }),
    setTls(tls) {
      const old = agents;
      agents = makeAgents(tls, maxSockets);
      retire(old.https);
      old.http.destroy();
    },
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

function makeAgents(from: ClientTls, maxSockets: number): Agents {
  const common = { keepAlive: true, maxSockets, maxFreeSockets: 64 };
  const secure: tls.ConnectionOptions = {
    ciphers,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: from.insecure !== true,
    ...trustOf(from),
    ...(from.cert === undefined ? {} : { cert: from.cert }),
    ...(from.key === undefined ? {} : { key: from.key }),
  };
  return { http: new http.Agent(common), https: new https.Agent({ ...common, ...(secure as https.AgentOptions) }), tls: secure };
}

const trustOf = ({ ca, serverName }: ClientTls): tls.ConnectionOptions => ({
  ...(ca === undefined ? {} : { ca }),
  ...(serverName === undefined ? {} : { servername: serverName }),
});

/** Lets connections in use finish, and keeps none of them afterwards. */
function retire(agent: https.Agent): void {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  agent.maxFreeSockets = 0;
}

/** A kept connection may have been closed by the server just as it was taken: a request without effect is sent again. */
function mayRetry(request: HttpRequest, error: unknown): boolean {
  const method = request.method ?? 'GET';
  return (method === 'GET' || method === 'HEAD') && error instanceof HttpClientError && error.code === 'ECONNRESET_REUSED';
}

interface Exchange {
  readonly request: HttpRequest;
  readonly clock: Clock;
  readonly agents: Agents;
  readonly upgrade: boolean;
}

function exchange({ request, clock, agents, upgrade }: Exchange): Promise<UpgradeAnswer> {
  const { signal } = request;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const outgoing = open(request, agents, upgrade);
    const timer = headTimer(request, clock, outgoing);
    const offAbort = onAbort(signal, (reason) => outgoing.destroy(asError(reason)));
    outgoing.on('error', (error: Error & { code?: string }) => {
      timer.cancel();
      offAbort();
      if (signal?.aborted) return reject(signal.reason);
      if (error instanceof DeadlineError) return reject(error);
      const code = error.code === 'ECONNRESET' && outgoing.reusedSocket ? 'ECONNRESET_REUSED' : error.code;
      reject(new HttpClientError(`Cannot reach ${originOf(request.url)}`, error, code));
    });
    outgoing.on('response', (incoming) => {
      timer.cancel();
      incoming.on('close', offAbort);
      resolve({ as: 'refused', response: readResponse(incoming) });
    });
    outgoing.on('upgrade', (incoming, socket, head) => {
      timer.cancel();
      offAbort();
      const offSocket = onAbort(signal, () => socket.destroy());
      socket.on('close', offSocket);
      resolve({ as: 'upgraded', headers: incoming.headers, socket, head });
    });
    sendBody(outgoing, request.body);
  });
}

const untimed: Timer = { cancel: () => {} };

/** Ends the request when the connection does not stand in time, or the head has not come. */
function headTimer(request: HttpRequest, clock: Clock, outgoing: http.ClientRequest): Timer {
  const { headTimeoutMs = headTimeoutDefaultMs, connectTimeoutMs } = request;
  const end = (what: string, ms: number) => () =>
    void outgoing.destroy(new DeadlineError(`No ${what} ${originOf(request.url)} within ${ms} ms`));
  const head = headTimeoutMs === 'none' ? untimed : clock.after(headTimeoutMs, end('answer from', headTimeoutMs));
  if (connectTimeoutMs === undefined) return head;
  const dial = clock.after(connectTimeoutMs, end('connection to', connectTimeoutMs));
  outgoing.on('socket', (socket) => {
    if (outgoing.reusedSocket) dial.cancel();
    else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => dial.cancel());
  });
  return {
    cancel() {
      head.cancel();
      dial.cancel();
    },
  };
}

function open(request: HttpRequest, agents: Agents, upgrade: boolean): http.ClientRequest {
  const secure = request.url.startsWith('https:');
  const headers: http.OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : [...value];
  }
  if (request.body instanceof Uint8Array || typeof request.body === 'string') headers['content-length'] = Buffer.byteLength(request.body);
  const method = request.method ?? 'GET';
  const common = { method, headers, ...(request.target === undefined ? {} : { path: request.target }) };
  // An upgraded connection never goes back to a pool.
  const tls = { ...trustOf(request.tls ?? {}), ...agents.tls };
  if (secure) return https.request(request.url, { ...common, ...tls, agent: upgrade ? false : agents.https });
  return http.request(request.url, { ...common, agent: upgrade ? false : agents.http });
}

function sendBody(outgoing: http.ClientRequest, body: HttpRequest['body']): void {
  if (body === undefined) outgoing.end();
  else if (typeof body === 'string' || body instanceof Uint8Array) outgoing.end(body);
  else void pump(outgoing, body).catch((error: unknown) => outgoing.destroy(asError(error)));
}

async function pump(outgoing: http.ClientRequest, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of body) {
    if (outgoing.destroyed) return;
    if (outgoing.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const go = () => {
        outgoing.off('drain', go);
        outgoing.off('close', go);
        resolve();
      };
      outgoing.on('drain', go);
      outgoing.on('close', go);
    });
  }
  outgoing.end();
}

function readResponse(incoming: http.IncomingMessage): HttpResponse {
  // Without a listener an error between two reads would end the process; readers still get it from the stream.
  incoming.on('error', () => {});
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    body: incoming,
    discard: () => void incoming.destroy(),
    async readAll(limitBytes) {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of incoming as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > limitBytes) throw new HttpClientError(`The answer is larger than ${limitBytes} bytes`, undefined, 'EMSGSIZE');
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    },
  };
}

const originOf = (url: string): string => url.slice(0, url.indexOf('/', url.indexOf('//') + 2) >>> 0);
const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
