// Exec, attach and port-forward: finds the runtime's session, then speaks with the client as it can (WebSocket or SPDY).
import type { HttpClient, HttpHeaders, UpgradeAnswer } from '../../../base/ports/http-client.ts';
import type { HttpServerRequest, HttpServerResponse } from '../../../base/ports/http-server.ts';
import { createSpdyClient } from '../../../base/ports/spdy-client.ts';
import { acceptWebSocket, asksForWebSocket, offeredProtocols } from '../../../base/ports/websocket.ts';
import type { StreamFlags } from '../routes.ts';
import { type ChannelProtocol, chooseProtocol, portForwardProtocols, remoteCommandProtocols } from './channels.ts';
import { joinSockets, tunnel } from './passthrough.ts';
import { bridgePortForward, bridgeRemoteCommand, spdyStreamProtocol } from './websocket-bridge.ts';

const portForwardProtocol = 'portforward.k8s.io';
/** What a WebSocket client offers that tunnels SPDY. */
const portForwardTunnel = 'SPDY/3.1+portforward.k8s.io';

/** The request cannot be served; `code` is the HTTP status. */
export class StreamError extends Error {
  override readonly name = 'StreamError';
  readonly code: number;
  constructor(code: number, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export interface StreamSession {
  readonly request: HttpServerRequest;
  readonly response: HttpServerResponse;
  /** Talks to the runtime's streaming server on loopback. */
  readonly http: HttpClient;
  /** Where the runtime serves this session. */
  readonly url: string;
}

/** Exec and attach. Throws {@link StreamError} before anything has been answered. */
export async function serveRemoteCommand(session: StreamSession, flags: StreamFlags): Promise<void> {
  const { request, response } = session;
  if (!response.canUpgrade) throw new StreamError(400, 'unable to upgrade: missing upgrade headers in request');
  if (!asksForWebSocket(request.headers)) return passSpdy(session);
  const protocol = agreedProtocol(remoteCommandProtocols, request);
  const runtime = await upgradeRuntime(session, { 'x-stream-protocol-version': spdyStreamProtocol });
  const { socket, head } = response.takeSocket();
  const client = acceptWebSocket({ method: request.method, headers: request.headers, socket, head, protocol: protocol.name });
  if (!client) return void runtime.socket.destroy();
  await bridgeRemoteCommand({ client, protocol, runtime: createSpdyClient(runtime.socket, runtime.head) }, flags);
}

export async function servePortForward(session: StreamSession, ports: readonly number[]): Promise<void> {
  const { request, response } = session;
  if (!response.canUpgrade) throw new StreamError(400, 'unable to upgrade: missing upgrade headers in request');
  if (!asksForWebSocket(request.headers)) return passSpdy(session);
  const tunnels = offeredProtocols(request.headers).includes(portForwardTunnel);
  const protocol = tunnels ? undefined : agreedProtocol(portForwardProtocols, request);
  if (protocol && ports.length === 0) throw new StreamError(400, 'query parameter "port" is required');
  const runtime = await upgradeRuntime(session, { 'x-stream-protocol-version': portForwardProtocol });
  const { socket, head } = response.takeSocket();
  const { method, headers } = request;
  const client = acceptWebSocket({ method, headers, socket, head, protocol: protocol?.name ?? portForwardTunnel });
  if (!client) return void runtime.socket.destroy();
  if (!protocol) return tunnel(client, runtime);
  await bridgePortForward({ client, protocol, runtime: createSpdyClient(runtime.socket, runtime.head) }, ports);
}

function agreedProtocol(known: readonly ChannelProtocol[], { headers }: HttpServerRequest): ChannelProtocol {
  const offered = offeredProtocols(headers);
  const protocol = chooseProtocol(known, offered);
  if (protocol) return protocol;
  const names = JSON.stringify(known.map(({ name }) => name));
  throw new StreamError(403, `unable to negotiate a protocol: client offers ${JSON.stringify(offered)}, server speaks ${names}`);
}

/** The runtime's own server speaks SPDY: the client's bytes are its bytes. */
async function passSpdy(session: StreamSession): Promise<void> {
  const { request, response } = session;
  const upgrade = request.headers.upgrade;
  if (typeof upgrade !== 'string' || !/^spdy\/3\.1$/i.test(upgrade))
    throw new StreamError(400, `unable to upgrade: cannot speak ${JSON.stringify(upgrade ?? '')}`);
  const runtime = await upgradeRuntime(session, { 'x-stream-protocol-version': request.headers['x-stream-protocol-version'] });
  const client = response.takeSocket();
  const chosen = runtime.headers['x-stream-protocol-version'];
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1'];
  if (typeof chosen === 'string') lines.push(`X-Stream-Protocol-Version: ${chosen}`);
  client.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await joinSockets(client, runtime);
}

async function upgradeRuntime(session: StreamSession, headers: HttpHeaders): Promise<Extract<UpgradeAnswer, { as: 'upgraded' }>> {
  const { http, url, request } = session;
  const answer = await http.upgrade({
    method: 'POST',
    url,
    headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', ...headers },
    signal: request.signal,
  });
  if (answer.as === 'upgraded') return answer;
  const body = Buffer.from(await answer.response.readAll(64 * 1024)).toString('utf8');
  throw new StreamError(500, `the container runtime refused the session (${answer.response.status}): ${body.trim()}`);
}
