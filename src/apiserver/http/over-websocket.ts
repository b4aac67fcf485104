// Watches and logs over a WebSocket: for browsers, which cannot read a stream of another origin, and for clients that keep to it.
import { badRequest } from '../../api/mod.ts';
import type { AcceptOptions, WebSocketConnection } from '../../base/ports/websocket.ts';
import { withoutTokenProtocol } from '../authn/authenticate.ts';
import type { WatchFrame } from '../request.ts';
import { type EdgeRequest, type EdgeResponse, headerOf } from './exchange.ts';
import type { FrameEncoder } from './watch-frames.ts';

export type AcceptWebSocket = (options: AcceptOptions) => WebSocketConnection | undefined;

interface OverWebSocket {
  readonly request: EdgeRequest;
  readonly accept: AcceptWebSocket;
}

export const asksForWebSocket = (request: EdgeRequest): boolean => headerOf(request.headers, 'upgrade')?.toLowerCase() === 'websocket';

export interface WatchWebSocketOptions extends OverWebSocket {
  readonly frames: AsyncIterable<readonly WatchFrame[]>;
  readonly encode: FrameEncoder;
  /** The frames are protobuf, each behind its length, which a message needs not. */
  readonly binary: boolean;
}

const lengthBytes = 4;

/** One message an event, text or protobuf. */
export function watchOverWebSocket(options: WatchWebSocketOptions): EdgeResponse {
  const { frames, encode, binary } = options;
  async function* messages(): AsyncGenerator<Uint8Array | string> {
    for await (const batch of frames) {
      for (const frame of batch) {
        const bytes = encode(frame);
        yield binary ? bytes.subarray(lengthBytes) : withoutNewline(bytes);
      }
    }
  }
  return answer(options, offered(options.request)[0] ?? '', messages());
}

const withoutNewline = (line: Uint8Array): string => Buffer.from(line.buffer, line.byteOffset, line.byteLength - 1).toString('utf8');

/** Text messages in base 64; by the others binary ones. */
const base64Protocol = 'base64.binary.k8s.io';
const streamProtocols: readonly string[] = ['binary.k8s.io', base64Protocol];

export interface StreamWebSocketOptions extends OverWebSocket {
  readonly batches: AsyncIterable<readonly Uint8Array[]>;
}

/** Bytes as they come. Throws 400 for a client that offers none of our protocols. Source: k8s.io/apimachinery/pkg/util/httpstream/wsstream. */
export function streamOverWebSocket(options: StreamWebSocketOptions): EdgeResponse {
  const names = offered(options.request);
  const protocol = names.length === 0 ? '' : streamProtocols.find((name) => names.includes(name));
  if (protocol === undefined) {
    throw badRequest(`unable to negotiate a protocol: client offers [${names.join(', ')}], server speaks [${streamProtocols.join(', ')}]`);
  }
  async function* messages(): AsyncGenerator<Uint8Array | string> {
    // Tells that the stream stands, whenever its first bytes come.
    yield new Uint8Array();
    for await (const batch of options.batches)
      for (const bytes of batch) yield protocol === base64Protocol ? Buffer.from(bytes).toString('base64') : bytes;
  }
  return answer(options, protocol, messages());
}

const offered = (request: EdgeRequest): readonly string[] => {
  const names = withoutTokenProtocol(headerOf(request.headers, 'sec-websocket-protocol') ?? '');
  return names === '' ? [] : names.split(', ');
};

function answer({ request, accept }: OverWebSocket, protocol: string, messages: AsyncIterable<Uint8Array | string>): EdgeResponse {
  const run = async (upgraded: { socket: AcceptOptions['socket']; head: Uint8Array }) => {
    const connection = accept({ method: request.method, headers: request.headers, ...upgraded, protocol });
    if (!connection) return;
    const sent = sendAll(connection, messages);
    // After a client that has gone the request is over, and with it what the messages are made of.
    sent.catch(() => {});
    try {
      await Promise.race([sent, readNothing(connection)]);
    } finally {
      connection.close(1000);
    }
    await connection.closed;
  };
  return { status: 101, headers: {}, body: { as: 'upgrade', run } };
}

async function sendAll(connection: WebSocketConnection, messages: AsyncIterable<Uint8Array | string>): Promise<void> {
  for await (const message of messages) await connection.send(message);
}

/** Whatever the client says is passed over, to its end. */
async function readNothing(connection: WebSocketConnection): Promise<void> {
  for await (const _ of connection.messages);
}
