// A reverse proxy for HTTP/1.1: takes requests in on plain and TLS ports, asks where each one goes, and passes it through by the library
// httpxy. Bounded everywhere: connections, heads, silence. Certificates are chosen by the name that the client asks for, at each handshake.
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import tls from 'node:tls';
import { ProxyServer } from 'httpxy';
import { type Clock, DeadlineError } from '../clock.ts';
import { ciphers, ListenError } from './http-server.ts';
import { backendHeaders, cleanAnswer, hasBody, isWebSocket, type RawHead, readHead } from './reverse-proxy-headers.ts';
import { dialTcp } from './tcp.ts';

const headBytesMax = 32 * 1024;
const headMs = 15_000;
/** How often the server looks for clients that are late with their heads. */
const headCheckMs = 5_000;
const handshakeMs = 10_000;
/** Of a kept connection between two requests, and of one within a request where nobody sends anything. */
const clientIdleMs = 75_000;
/** A WebSocket on which nothing moves. */
const socketIdleMs = 3_600_000;
const connectMs = 5_000;
/** How long a backend may be silent, before its answer and within it. */
const backendIdleMs = 60_000;
/** How long a connection to a backend is kept without a request: less than servers commonly do, so that the proxy is the first to end it. */
const keptMs = 4_000;
const keptMax = 32;
/** Of a client, on one port. */
const connectionsMax = 4_096;
/** To one backend. */
const backendConnectionsMax = 512;
/** How many backends one request is tried at. */
const triesMax = 3;

export interface ProxyBackend {
  readonly address: string;
  readonly port: number;
  /** Spoken to over TLS; whose certificate it shows is not looked at. Default false. */
  readonly secure?: boolean;
}

/** What is to be done with a request: passed to one of `backends`, the first that can be reached, or answered here. */
export type ProxyRoute =
  | {
      readonly to: 'backends';
      readonly backends: readonly ProxyBackend[] /** For the answer when none can be reached. */;
      readonly name: string;
    }
  | { readonly to: 'answer'; readonly status: number; readonly text: string };

export interface ProxiedRequest {
  /** In lower case, without its port. */
  readonly host: string;
  readonly path: string;
}

/** PEM texts. Each object is read once: a renewed certificate is another object. */
export interface ProxyCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface ReverseProxyOptions {
  readonly clock: Clock;
  readonly route: (request: ProxiedRequest) => ProxyRoute;
  /** For the name that a client asks for; empty when it asks for none. */
  readonly certificate: (serverName: string) => ProxyCertificate;
}

export interface ReverseProxy {
  /** Gives the port. 0 takes a free one. Throws {@link ListenError}. */
  listen(at: { readonly host: string; readonly port: number; readonly secure: boolean }): Promise<number>;
  /** Stops accepting; what is under way may finish for `graceMs`. */
  close(graceMs: number): Promise<void>;
}

export function createReverseProxy(options: ReverseProxyOptions): ReverseProxy {
  const engine = createEngine(options);
  const servers: http.Server[] = [];
  return {
    async listen({ host, port, secure }) {
      const server = secure ? https.createServer(secureOptions(options)) : http.createServer(limits);
      server.maxConnections = connectionsMax;
      server.on('request', (req, res) => void engine.web(req, res, secure));
      server.on('upgrade', (req, socket, head) => void engine.upgrade(req, socket as Socket, head, secure));
      server.on('clientError', refuseMalformed);
      server.on('connection', (socket) => void socket.on('error', () => {}));
      await listening(server, host, port);
      servers.push(server);
      return (server.address() as AddressInfo).port;
    },
    async close(graceMs) {
      const closed = servers.splice(0).map((server) => closeServer(server, options.clock, graceMs));
      const timer = options.clock.after(graceMs, () => engine.dropSockets());
      await Promise.all(closed);
      timer.cancel();
      engine.close();
    },
  };
}

/** Node's own parser refuses what two servers could read in two ways: a length beside chunks, spaces before colons, bare line feeds. */
const limits: http.ServerOptions = {
  maxHeaderSize: headBytesMax,
  headersTimeout: headMs,
  connectionsCheckingInterval: headCheckMs,
  // A body may take as long as it keeps coming: the socket's silence is what ends it.
  requestTimeout: 0,
  keepAliveTimeout: clientIdleMs,
  insecureHTTPParser: false,
  requireHostHeader: true,
  noDelay: true,
};

function secureOptions({ certificate }: ReverseProxyOptions): https.ServerOptions {
  const contexts = new WeakMap<ProxyCertificate, tls.SecureContext>();
  const contextOf = (serverName: string) => {
    const found = certificate(serverName.toLowerCase());
    const known = contexts.get(found);
    if (known) return known;
    const context = tls.createSecureContext({ cert: found.cert, key: found.key, ciphers, minVersion: 'TLSv1.2' });
    contexts.set(found, context);
    return context;
  };
  return {
    ...limits,
    ...certificate(''),
    ciphers,
    minVersion: 'TLSv1.2',
    handshakeTimeout: handshakeMs,
    ALPNProtocols: ['http/1.1'],
    SNICallback: (serverName, done) => {
      try {
        done(null, contextOf(serverName));
      } catch (error) {
        done(error as Error);
      }
    },
  };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new ListenError(host, port, error)));
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      server.on('error', () => {});
      resolve();
    });
  });
}

function closeServer(server: http.Server, clock: Clock, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(graceMs, () => server.closeAllConnections());
    server.close(() => {
      timer.cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}

const malformedStatus: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

function refuseMalformed(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  socket.end(rawAnswer(malformedStatus[error.code ?? ''] ?? '400 Bad Request', 'The request could not be read.\n'));
}

const rawAnswer = (status: string, text: string): string =>
  `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`;

interface Engine {
  web(req: http.IncomingMessage, res: http.ServerResponse, secure: boolean): Promise<void>;
  upgrade(req: http.IncomingMessage, socket: Socket, head: Buffer, secure: boolean): Promise<void>;
  /** Those that were upgraded: the server does not know them any more. */
  dropSockets(): void;
  close(): void;
}

interface Failure {
  readonly status: 502 | 504;
  readonly text: string;
}

function createEngine({ clock, route }: ReverseProxyOptions): Engine {
  const proxy = new ProxyServer();
  const kept = keptConnections();
  const upgraded = new Set<Socket>();
  proxy.on('proxyRes', (proxyRes, _req, res) => {
    cleanAnswer(proxyRes.headers);
    proxyRes.headers.connection = res.shouldKeepAlive ? 'keep-alive' : 'close';
  });
  /** What has been decided before anything is sent on; undefined when it has been answered. */
  const decide = (req: http.IncomingMessage, res: http.ServerResponse, secure: boolean): Decided | undefined => {
    res.on('error', () => {});
    req.socket.setTimeout(clientIdleMs, () => req.socket.destroy());
    const raw = rawHead(req);
    const head = readHead(raw);
    if ('problem' in head) {
      answer(req, res, 400, head.problem);
      return undefined;
    }
    const found = route(head);
    if (found.to === 'answer') {
      answer(req, res, found.status, found.text);
      return undefined;
    }
    req.headers = backendHeaders(raw, head, { secure, remoteAddress: plainAddress(req.socket.remoteAddress) }) as http.IncomingHttpHeaders;
    req.url = head.target;
    return { raw, backends: found.backends.slice(0, triesMax), name: found.name };
  };
  return {
    async web(req, res, secure) {
      const decided = decide(req, res, secure);
      if (!decided) return;
      const failure = await (mayRepeat(decided.raw) ? repeatable : once)(decided, { proxy, kept, clock, req, res });
      if (failure) answer(req, res, failure.status, failure.text);
    },
    async upgrade(req, socket, head, secure) {
      socket.on('error', () => {});
      const res = responseOn(req, socket);
      // Another protocol than this one is not spoken here, which is answered by going on without it (RFC 9110, section 7.8).
      if (!isWebSocket(rawHead(req))) {
        if (hasBody(rawHead(req))) return answer(req, res, 501, 'Only WebSocket upgrades are passed on.');
        return this.web(req, res, secure);
      }
      const decided = decide(req, res, secure);
      if (!decided) return;
      const dialed = await dialFirst(decided, clock);
      if ('status' in dialed) return answer(req, res, dialed.status, dialed.text);
      res.detachSocket(socket);
      upgraded.add(socket);
      socket.on('close', () => upgraded.delete(socket));
      const ended = proxy.ws(
        req,
        socket,
        { target: urlOf(dialed.backend), agent: agentOf(dialed.socket), upgradeTimeout: backendIdleMs },
        head,
      );
      socket.setTimeout(socketIdleMs, () => socket.destroy());
      // Whatever went wrong: the socket is closed by now, and its end ends the backend's.
      await ended.catch(() => void socket.destroy());
    },
    dropSockets() {
      for (const socket of upgraded) socket.destroy();
    },
    close() {
      kept.plain.destroy();
      kept.secure.destroy();
    },
  };
}

interface Decided {
  readonly raw: RawHead;
  readonly backends: readonly ProxyBackend[];
  readonly name: string;
}

interface Passing {
  readonly proxy: ProxyServer;
  readonly kept: Kept;
  readonly clock: Clock;
  readonly req: http.IncomingMessage;
  readonly res: http.ServerResponse;
}

const rawHead = (req: http.IncomingMessage): RawHead => ({
  method: req.method ?? 'GET',
  target: req.url ?? '/',
  headers: req.headers,
  rawHeaders: req.rawHeaders,
});

/** Without effect, and without a body that would be gone after the first try. */
const mayRepeat = (raw: RawHead): boolean => ['GET', 'HEAD', 'OPTIONS'].includes(raw.method) && !hasBody(raw);

/** Over kept connections, at one backend after the other. Undefined when it has been answered. */
async function repeatable({ backends, name }: Decided, { proxy, kept, clock, req, res }: Passing): Promise<Failure | undefined> {
  let failure: Failure | undefined;
  // A connection that ends just as it is taken says nothing about the backend: it is asked once more, over another one.
  for (const backend of backends.length === 1 ? [...backends, ...backends] : backends) {
    const begunMs = clock.monotonicMs();
    const error = await passed(proxy, req, res, {
      target: urlOf(backend, backend.secure ? 'https' : 'http'),
      agent: backend.secure ? kept.secure : kept.plain,
      secure: false,
      buffer: Readable.from([]),
      proxyTimeout: backendIdleMs,
    });
    if (!error || res.headersSent || res.destroyed) return undefined;
    if (clock.monotonicMs() - begunMs >= backendIdleMs) return tooLate(name);
    failure = notReached(name, error);
  }
  return failure ?? notReached(name, undefined);
}

/** Over a connection of its own, which stands before the body is begun. */
async function once(decided: Decided, { proxy, clock, req, res }: Passing): Promise<Failure | undefined> {
  const dialed = await dialFirst(decided, clock);
  if ('status' in dialed) return dialed;
  const begunMs = clock.monotonicMs();
  const agent = agentOf(dialed.socket);
  const error = await passed(proxy, req, res, { target: urlOf(dialed.backend), agent, proxyTimeout: backendIdleMs });
  dialed.socket.destroy();
  if (!error || res.headersSent || res.destroyed) return undefined;
  return clock.monotonicMs() - begunMs >= backendIdleMs ? tooLate(decided.name) : notReached(decided.name, error);
}

/** Resolves when the answer has been given, or with what went wrong. */
function passed(
  proxy: ProxyServer,
  req: http.IncomingMessage,
  res: http.ServerResponse,
  how: NonNullable<Parameters<ProxyServer['web']>[2]>,
): Promise<Error | undefined> {
  return proxy.web(req, res, how).then(
    () => undefined,
    (error: unknown) => {
      if (res.headersSent) res.destroy();
      return error instanceof Error ? error : new Error(String(error));
    },
  );
}

async function dialFirst(
  { backends, name }: Decided,
  clock: Clock,
): Promise<{ readonly socket: Duplex; readonly backend: ProxyBackend } | Failure> {
  let last: unknown;
  for (const backend of backends) {
    try {
      const socket = await dialTcp({ host: backend.address, port: backend.port, clock, timeoutMs: connectMs });
      return { backend, socket: backend.secure ? await secured(socket, clock) : socket };
    } catch (error) {
      last = error;
    }
  }
  return last instanceof DeadlineError && backends.length === 1 ? tooLate(name) : notReached(name, last);
}

const tooLate = (name: string): Failure => ({ status: 504, text: `${name} did not answer in time.` });

function notReached(name: string, error: unknown): Failure {
  const code = (error as { code?: string } | undefined)?.code;
  return { status: 502, text: `${name} could not be reached${code ? ` (${code})` : ''}.` };
}

/** Resolves when both sides have shaken hands. */
function secured(socket: Duplex, clock: Clock): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const over = tls.connect({ socket, ...unnamed });
    const timer = clock.after(connectMs, () => over.destroy(new DeadlineError(`No TLS handshake within ${connectMs} ms`)));
    over.on('error', (error) => {
      timer.cancel();
      socket.destroy();
      reject(error);
    });
    over.on('close', () => {
      timer.cancel();
      reject(new Error('The connection ended within the TLS handshake'));
    });
    over.once('secureConnect', () => {
      timer.cancel();
      resolve(over);
    });
  });
}

/** Endpoints are addresses: there is no name to ask for or to compare. */
const unnamed = { servername: '', rejectUnauthorized: false, ciphers, minVersion: 'TLSv1.2' } as const;

interface Kept {
  readonly plain: http.Agent;
  readonly secure: https.Agent;
}

function keptConnections(): Kept {
  /** Its timeout also ends a connection that does not come to stand. */
  const options: http.AgentOptions = {
    keepAlive: true,
    maxSockets: backendConnectionsMax,
    maxFreeSockets: keptMax,
    timeout: keptMs,
    scheduling: 'lifo',
  };
  return { plain: new http.Agent(options), secure: new https.Agent({ ...options, ...unnamed }) };
}

/** Gives the one connection that stands already. */
const agentOf = (socket: Duplex): http.Agent => Object.assign(new http.Agent({ keepAlive: false }), { createConnection: () => socket });

/** Over a connection that stands already, whatever is below it, plain HTTP is spoken. */
const urlOf = ({ address, port }: ProxyBackend, scheme: 'http' | 'https' = 'http'): URL =>
  new URL(`${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`);

/** As a server that listens for both families names a client of IPv4. */
const plainAddress = (address = ''): string => address.replace(/^::ffff:/, '');

function responseOn(req: http.IncomingMessage, socket: Socket): http.ServerResponse {
  const res = new http.ServerResponse(req);
  res.assignSocket(socket);
  res.shouldKeepAlive = false;
  res.on('finish', () => socket.end());
  return res;
}

/** A body that nobody wants any more must not be taken for the next request: then the connection ends with the answer. */
function answer(req: http.IncomingMessage, res: http.ServerResponse, status: number, text: string): void {
  if (res.headersSent || res.destroyed) return void res.destroy();
  const body = Buffer.from(`${text}\n`);
  const unread = hasBody(rawHead(req)) && !req.complete;
  res.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': body.length,
    'x-content-type-options': 'nosniff',
    ...(unread ? { connection: 'close' } : {}),
  });
  res.end(req.method === 'HEAD' ? undefined : body);
}
