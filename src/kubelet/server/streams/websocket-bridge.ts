// Between a WebSocket client (`v5.channel.k8s.io`) and the runtime's SPDY session: exec and attach of today's kubectl.
// Source: https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/4006-transition-spdy-to-websockets
import type { SpdyConnection, SpdyStream } from '../../../base/ports/spdy-client.ts';
import type { WebSocketConnection } from '../../../base/ports/websocket.ts';
import type { StreamFlags } from '../routes.ts';

/** The first byte of each message. */
export const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** In the order of preference. v5 can say that stdin has ended; v4 cannot. */
export const remoteCommandProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

/** The protocol of the streams within SPDY: the exit status comes as a Status object on the error stream. */
export const spdyStreamProtocol = 'v4.channel.k8s.io';

/** Carries everything both ways until the command has ended or either side has gone; both are closed then. */
export async function bridgeRemoteCommand(client: WebSocketConnection, runtime: SpdyConnection, flags: StreamFlags): Promise<void> {
  const error = runtime.open({ streamtype: 'error' });
  const stdin = flags.stdin ? runtime.open({ streamtype: 'stdin' }) : undefined;
  const stdout = flags.stdout ? runtime.open({ streamtype: 'stdout' }) : undefined;
  const stderr = flags.stderr ? runtime.open({ streamtype: 'stderr' }) : undefined;
  const resize = flags.tty ? runtime.open({ streamtype: 'resize' }) : undefined;
  const fromClient = readClient(client, { stdin, resize }).finally(() => runtime.close());
  const [status] = await Promise.all([collect(error), pump(stdout, client, channel.stdout), pump(stderr, client, channel.stderr)]);
  if (status.length > 0) await client.send(framed(channel.error, status));
  client.close(1000);
  runtime.close();
  await fromClient;
}

interface Inputs {
  readonly stdin: SpdyStream | undefined;
  readonly resize: SpdyStream | undefined;
}

async function readClient(client: WebSocketConnection, { stdin, resize }: Inputs): Promise<void> {
  for await (const { data } of client.messages) {
    const [to] = data;
    const rest = data.subarray(1);
    if (to === channel.stdin && rest.length > 0) await stdin?.write(rest);
    else if (to === channel.resize) await resize?.write(rest);
    else if (to === channel.close && rest[0] === channel.stdin) stdin?.end();
  }
}

async function pump(from: SpdyStream | undefined, client: WebSocketConnection, to: number): Promise<void> {
  if (!from) return;
  for await (const chunk of from.incoming) await client.send(framed(to, chunk));
}

async function collect(stream: SpdyStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream.incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function framed(to: number, data: Uint8Array): Uint8Array {
  const message = new Uint8Array(data.length + 1);
  message[0] = to;
  message.set(data, 1);
  return message;
}
