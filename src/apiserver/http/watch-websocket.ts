// A watch over a WebSocket, one message an event, text or protobuf: for browsers, which cannot read a stream of another origin.
import type { AcceptOptions, WebSocketConnection } from '../../base/ports/websocket.ts';
import { withoutTokenProtocol } from '../authn/authenticate.ts';
import type { WatchFrame } from '../request.ts';
import { type EdgeRequest, type EdgeResponse, headerOf } from './exchange.ts';
import type { FrameEncoder } from './watch-frames.ts';

export type AcceptWebSocket = (options: AcceptOptions) => WebSocketConnection | undefined;

export interface WatchWebSocketOptions {
  readonly request: EdgeRequest;
  readonly frames: AsyncIterable<readonly WatchFrame[]>;
  readonly encode: FrameEncoder;
  readonly accept: AcceptWebSocket;
  /** The frames are protobuf, each behind its length, which a message needs not. */
  readonly binary: boolean;
}

const lengthBytes = 4;

export function watchOverWebSocket({ request, frames, encode, accept, binary }: WatchWebSocketOptions): EdgeResponse {
  const offered = withoutTokenProtocol(headerOf(request.headers, 'sec-websocket-protocol') ?? '');
  const protocol = offered.split(', ')[0] ?? '';
  const run = async (upgraded: { socket: AcceptOptions['socket']; head: Uint8Array }) => {
    const connection = accept({ method: request.method, headers: request.headers, ...upgraded, protocol });
    if (!connection) return;
    for await (const batch of frames) {
      for (const frame of batch) {
        const bytes = encode(frame);
        await connection.send(binary ? bytes.subarray(lengthBytes) : withoutNewline(bytes));
      }
    }
    connection.close();
    await connection.closed;
  };
  return { status: 101, headers: {}, body: { as: 'upgrade', run } };
}

const withoutNewline = (line: Uint8Array): string => Buffer.from(line.buffer, line.byteOffset, line.byteLength - 1).toString('utf8');
