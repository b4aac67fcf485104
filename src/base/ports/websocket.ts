// WebSockets (RFC 6455), server and client side: messages as an async iterable, sends with back-pressure.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { onAbort } from '../abort.ts';
import { BoundedQueue } from '../bounded-queue.ts';
import type { ClientTls, HttpHeaders } from './http-client.ts';
import type { IncomingHeaders } from './http-server-request.ts';

/** Bytes of one incoming message. */
const messageMaxBytes = 4 * 1024 * 1024;
/** Above this many unsent bytes `send` waits, down to which it waits. */
const sendHighBytes = 1024 * 1024;
/** Messages that wait to be read; above it reading from the network pauses. */
const unreadMax = 16;
const handshakeTimeoutMs = 15_000;
const closeTimeoutMs = 2_000;

export interface WebSocketMessage {
  readonly data: Uint8Array;
  readonly binary: boolean;
}

export interface WebSocketConnection {
  /** The subprotocol agreed on; empty when none. */
  readonly protocol: string;
  /** Ends when the connection does, whatever the cause. For one reader. */
  readonly messages: AsyncIterable<WebSocketMessage>;
  /** Resolves when there is room for more; at once after the connection has ended. Strings go as text messages. */
  send(data: Uint8Array | string): Promise<void>;
  /** Says goodbye, and drops the connection when the other side does not answer. */
  close(code?: number, reason?: string): void;
  /** Resolves with what the other side gave as the reason: code 1006 when it just went away. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

/** The subprotocols that a client offers, in its order. */
export function offeredProtocols(headers: IncomingHeaders): string[] {
  const value = headers['sec-websocket-protocol'];
  const text = typeof value === 'string' ? value : (value ?? []).join(',');
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** True when the client asks to upgrade to WebSocket. */
export const asksForWebSocket = (headers: IncomingHeaders): boolean =>
  typeof headers.upgrade === 'string' && headers.upgrade.toLowerCase() === 'websocket';

const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false, maxPayload: messageMaxBytes });
const chosen = new WeakMap<object, string>();
server.options.handleProtocols = (_offered, request) => chosen.get(request) || false;

export interface AcceptOptions {
  readonly method: string;
  readonly headers: IncomingHeaders;
  readonly socket: Duplex;
  readonly head: Uint8Array;
  /** One of {@link offeredProtocols}, or empty for none. Check before: a client that offered some and gets none fails. */
  readonly protocol: string;
}

/** Finishes the server's side of the handshake. A malformed one is answered with 400 and given as undefined. */
export function acceptWebSocket(options: AcceptOptions): WebSocketConnection | undefined {
  const { method, headers, socket, protocol } = options;
  // The library wants Node's request, but looks at no more than this.
  const request = { method, headers, url: '/' } as unknown as IncomingMessage;
  chosen.set(request, protocol);
  let connection: WebSocketConnection | undefined;
  server.handleUpgrade(request, socket, Buffer.from(options.head), (webSocket) => {
    connection = wrap(webSocket);
  });
  return connection;
}

export interface ConnectOptions {
  /** `wss://...` or `https://...` */
  readonly url: string;
  readonly protocols?: readonly string[];
  readonly headers?: HttpHeaders;
  readonly tls?: ClientTls;
  /** Ends the connection too. */
  readonly signal?: AbortSignal | undefined;
}

/** The server answered the handshake with something else than 101; `code` is the HTTP status. */
export class HandshakeError extends Error {
  override readonly name = 'HandshakeError';
  readonly code: number;
  readonly body: string;
  constructor(code: number, body: string) {
    super(`The server refused the WebSocket with status ${code}`);
    this.code = code;
    this.body = body;
  }
}

/** Opens a connection. Throws {@link HandshakeError}, the system's error, or the signal's reason. */
export function connectWebSocket(options: ConnectOptions): Promise<WebSocketConnection> {
  const { tls = {}, signal } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const webSocket = new WebSocket(options.url.replace(/^http/, 'ws'), [...(options.protocols ?? [])], {
      perMessageDeflate: false,
      handshakeTimeout: handshakeTimeoutMs,
      maxPayload: messageMaxBytes,
      headers: Object.fromEntries(Object.entries(options.headers ?? {}).map(([name, value]) => [name, String(value ?? '')])),
      rejectUnauthorized: tls.insecure !== true,
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    });
    const off = onAbort(signal, () => webSocket.terminate());
    webSocket.on('close', off);
    webSocket.on('error', (error) => reject(signal?.aborted ? signal.reason : error));
    webSocket.on('unexpected-response', (_request, incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('close', () => {
        off();
        reject(new HandshakeError(incoming.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')));
      });
    });
    // Wrapped before it opens: the first message may come in the same turn.
    const connection = wrap(webSocket);
    webSocket.on('open', () => resolve(connection));
  });
}

function wrap(webSocket: WebSocket): WebSocketConnection {
  const unread = new BoundedQueue<WebSocketMessage>(Number.POSITIVE_INFINITY);
  let roomWanted: (() => void)[] = [];
  const wake = () => {
    const waiting = roomWanted;
    roomWanted = [];
    for (const go of waiting) go();
  };
  webSocket.on('message', (data, binary) => {
    unread.push({ data: data as Buffer, binary });
    if (unread.size >= unreadMax) webSocket.pause();
  });
  webSocket.on('error', () => {});
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    webSocket.on('close', (code, reason) => {
      unread.close();
      wake();
      resolve({ code, reason: reason.toString('utf8') });
    });
  });
  async function* messages(): AsyncGenerator<WebSocketMessage> {
    for await (const message of unread) {
      if (webSocket.isPaused && unread.size < unreadMax / 2) webSocket.resume();
      yield message;
    }
  }
  return {
    get protocol() {
      return webSocket.protocol;
    },
    messages: messages(),
    send(data) {
      if (webSocket.readyState !== WebSocket.OPEN) return Promise.resolve();
      webSocket.send(data, () => {
        if (webSocket.bufferedAmount < sendHighBytes) wake();
      });
      if (webSocket.bufferedAmount < sendHighBytes) return Promise.resolve();
      return new Promise((resolve) => roomWanted.push(resolve));
    },
    close(code = 1000, reason = '') {
      // A reader that has stopped reading would never see the other side's goodbye.
      webSocket.resume();
      webSocket.close(code, reason);
      const timer = setTimeout(() => webSocket.terminate(), closeTimeoutMs);
      void closed.then(() => clearTimeout(timer));
    },
    closed,
  };
}
