// An HTTPS server for HTTP/1.1 and HTTP/2 with client certificates, back-pressure, upgrades, and renewal without a restart.
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';
import { Endings } from './http-server-endings.ts';
import { Handshakes } from './http-server-handshakes.ts';
import { type HttpServerRequest, RequestView } from './http-server-request.ts';
import { type HttpServerResponse, ResponseWriter } from './http-server-response.ts';

export { BodyError, type HttpServerRequest, type IncomingHeaders, type PeerCertificate } from './http-server-request.ts';
export type { HttpServerResponse, OutgoingHeaders, UpgradedSocket } from './http-server-response.ts';

/** Bytes of all header fields of one request. */
export const headersMaxBytes = 64 * 1024;
const headersTimeoutDefaultMs = 15_000;
const timeoutCheckMs = 5_000;
const requestTimeoutMs = 120_000;
const keepAliveMs = 120_000;
const handshakeTimeoutMs = 10_000;
const streamsPerSessionMax = 250;
/** What one HTTP/2 session may hold in memory, in MB: its streams' queued data included. */
const sessionMemoryMaxMb = 64;
const tcpKeepAliveMs = 30_000;

/** PEM texts. `clientCa` signs the clients' certificates that count as verified. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string | undefined;
}

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tls: ServerTls;
  readonly clock: Clock;
  /** How long a client may take to send a request's head. Default 15 s. */
  readonly headersTimeoutMs?: number | undefined;
  /** Answers one request. It settles when the answer is finished; a rejection drops the connection and goes to `onError`. */
  readonly handle: (request: HttpServerRequest, response: HttpServerResponse) => Promise<void>;
  /** Trouble that no request's handler sees. */
  readonly onError?: (error: unknown) => void;
}

export interface HttpServer {
  readonly port: number;
  /** New connections get these; those that stand go on. */
  reloadCertificates(tls: ServerTls): void;
  /** Stops accepting at once, lets requests under way finish for `graceMs`, then drops them. Resolves when all is closed. */
  close(graceMs: number): Promise<void>;
}

/** The server cannot listen. `code` is the system's: `EADDRINUSE`, `EACCES`, ... */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code: string;
  constructor(host: string, port: number, cause: unknown) {
    const code = (cause as { code?: string }).code ?? '';
    super(`Cannot listen on ${host}:${port}: ${code === 'EADDRINUSE' ? 'the port is in use' : code}`, { cause });
    this.code = code;
  }
}

/** Starts listening. Throws {@link ListenError}. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, clock, headersTimeoutMs = headersTimeoutDefaultMs } = options;
  const server = http2.createSecureServer({
    allowHTTP1: true,
    requestCert: true,
    // Whoever brings no certificate, or a foreign one, may still have a token.
    rejectUnauthorized: false,
    handshakeTimeout: handshakeTimeoutMs,
    maxSessionMemory: sessionMemoryMaxMb,
    settings: { maxConcurrentStreams: streamsPerSessionMax, maxHeaderListSize: headersMaxBytes, initialWindowSize: 256 * 1024 },
    ...secureContext(options.tls),
  });
  Object.assign(server, {
    maxHeaderSize: headersMaxBytes,
    headersTimeout: headersTimeoutMs,
    connectionsCheckingInterval: Math.min(timeoutCheckMs, headersTimeoutMs),
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveMs,
  });
  const connections = trackConnections(server, clock);
  const handshakes = paceHandshakes(server, clock);
  serveRequests(server, connections, options);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new ListenError(host, port, error)));
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      server.on('error', (error) => options.onError?.(error));
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    reloadCertificates: (tls) => server.setSecureContext(secureContext(tls)),
    close: (graceMs) => {
      handshakes.close();
      return closeServer(server, connections, { clock, graceMs });
    },
  };
}

/** With forward secrecy and authenticated encryption, those of TLS 1.3 first. Node's own list also has CBC and key exchange by RSA. */
export const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const secureContext = ({ cert, key, clientCa }: ServerTls) => ({
  cert,
  key,
  ciphers,
  minVersion: 'TLSv1.2' as const,
  ...(clientCa === undefined ? {} : { ca: clientCa }),
});

/** What is open. A socket is busy while a request on it is being answered. */
interface Connections {
  readonly sockets: Set<TLSSocket>;
  readonly sessions: Set<http2.Http2Session>;
  /** What is under way on a socket (HTTP/1.1). */
  readonly busy: Map<Duplex, { requests: number; latest: http.ServerResponse }>;
  closing: boolean;
}

/** Puts a queue before what the server itself does with a new connection. */
function paceHandshakes(server: http2.Http2SecureServer, clock: Clock): Handshakes {
  const begin = server.listeners('connection');
  server.removeAllListeners('connection');
  const handshakes = new Handshakes((socket) => {
    for (const listener of begin) listener.call(server, socket);
  }, clock);
  server.on('connection', (socket: Socket) => handshakes.take(socket));
  server.on('secureConnection', (socket) => handshakes.done(socket));
  return handshakes;
}

function trackConnections(server: http2.Http2SecureServer, clock: Clock): Connections {
  const connections: Connections = { sockets: new Set(), sessions: new Set(), busy: new Map(), closing: false };
  const endings = new Endings<TLSSocket>(clock, { quiet: () => quiet(connections), stop: stopReading, start: startReading });
  server.on('secureConnection', (socket) => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, tcpKeepAliveMs);
    connections.sockets.add(socket);
    socket.on('close', () => {
      connections.sockets.delete(socket);
      connections.busy.delete(socket);
    });
    socket.on('end', () => endings.ended());
    // A connection reset is the client's business; what was under way on it sees its signal fire.
    socket.on('error', () => endings.ended());
  });
  server.on('session', (session) => {
    connections.sessions.add(session);
    session.on('close', () => connections.sessions.delete(session));
    session.on('error', () => {});
  });
  server.on('sessionError', () => {});
  server.on('tlsClientError', () => {});
  (server as unknown as http.Server).on('clientError', refuseMalformed);
  return connections;
}

/**
 * The connections of HTTP/1.1 whose answer has begun and goes on: watches and other streams, whose clients have nothing more to say for now.
 * And those of HTTP/2, whose clients may have: what they say waits no longer than all would for the ends of the others.
 */
function* quiet({ sockets, busy }: Connections): Iterable<TLSSocket> {
  for (const socket of sockets) {
    const latest = busy.get(socket)?.latest;
    const streams = latest?.headersSent && !latest.writableEnded && !isUpgraded(socket);
    if (streams || isHttp2(socket)) yield socket;
  }
}

const isHttp2 = (socket: TLSSocket): boolean => socket.alpnProtocol === 'h2';

/** Of a session of HTTP/2 the stream's own methods do nothing: Node reads the connection beneath them. */
const handleOf = (socket: TLSSocket) => (socket as { _handle?: { readStart(): void; readStop(): void } | null })._handle;

function stopReading(socket: TLSSocket): void {
  if (isHttp2(socket)) handleOf(socket)?.readStop();
  else socket.pause();
}

function startReading(socket: TLSSocket): void {
  if (isHttp2(socket)) handleOf(socket)?.readStart();
  else socket.resume();
}

/** Answers what is no HTTP/1.1 request, as far as the client still listens. */
function refuseMalformed(error: Error & { code?: string }, socket: Duplex): void {
  const status = malformedStatus[error.code ?? ''] ?? '400 Bad Request';
  if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  else socket.destroy();
}

const malformedStatus: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

function serveRequests(server: http2.Http2SecureServer, connections: Connections, options: HttpServerOptions): void {
  const run = (request: RequestView, response: ResponseWriter) => {
    const failed = (error: unknown) => {
      response.destroy();
      options.onError?.(error);
    };
    try {
      options.handle(request, response).catch(failed);
    } catch (error) {
      failed(error);
    }
  };
  server.on(
    'request',
    (incoming: http2.Http2ServerRequest | http.IncomingMessage, outgoing: http2.Http2ServerResponse | http.ServerResponse) => {
      if (incoming instanceof http.IncomingMessage) markBusy(connections, incoming.socket, outgoing as http.ServerResponse);
      run(new RequestView(incoming, outgoing), new ResponseWriter(outgoing));
    },
  );
  // The server's types know only HTTP/2; over HTTP/1.1 it also emits what http.Server does.
  (server as unknown as http.Server).on('upgrade', (incoming: http.IncomingMessage, socket: TLSSocket, head: Buffer) => {
    const outgoing = new http.ServerResponse(incoming);
    outgoing.assignSocket(socket);
    outgoing.shouldKeepAlive = false;
    outgoing.on('finish', () => socket.end());
    run(new RequestView(incoming, outgoing), new ResponseWriter(outgoing, { socket, head }));
  });
}

function markBusy(connections: Connections, socket: Duplex, outgoing: http.ServerResponse): void {
  const { busy } = connections;
  const own = busy.get(socket) ?? { requests: 0, latest: outgoing };
  own.requests++;
  own.latest = outgoing;
  busy.set(socket, own);
  outgoing.on('close', () => {
    if (--own.requests > 0) return;
    busy.delete(socket);
    if (connections.closing) socket.end();
  });
}

async function closeServer(
  server: http2.Http2SecureServer,
  connections: Connections,
  { clock, graceMs }: { clock: Clock; graceMs: number },
): Promise<void> {
  connections.closing = true;
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  const ofSessions = new Set([...connections.sessions].map((session) => session.socket?.remotePort));
  for (const session of connections.sessions) session.close();
  for (const socket of connections.sockets) {
    if (!connections.busy.has(socket) && !ofSessions.has(socket.remotePort) && !isUpgraded(socket)) socket.destroy();
  }
  const timer = clock.after(graceMs, () => {
    for (const session of connections.sessions) session.destroy();
    for (const socket of connections.sockets) socket.destroy();
  });
  await closed;
  timer.cancel();
}

/** An upgraded socket has no HTTP parser any more. */
const isUpgraded = (socket: TLSSocket): boolean => (socket as { parser?: unknown }).parser === null;
