// Between a WebSocket client and the runtime's SPDY session: exec, attach, and port forwarding by channels.
import type { SpdyConnection, SpdyStream } from '../../../base/ports/spdy-client.ts';
import type { WebSocketConnection } from '../../../base/ports/websocket.ts';
import type { StreamFlags } from '../routes.ts';
import { type ChannelProtocol, decodeMessage, encodeMessage } from './channels.ts';

/** The channels of exec and attach. */
const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
/** What can say that stdin has ended, and needs no sign that the session stands. */
const v5 = 'v5.channel.k8s.io';

/** The protocol of the streams within SPDY: the exit status comes as a Status object on the error stream. */
export const spdyStreamProtocol = 'v4.channel.k8s.io';

interface Bridge {
  readonly client: WebSocketConnection;
  readonly protocol: ChannelProtocol;
  readonly runtime: SpdyConnection;
}

/** Carries everything both ways until the command has ended or either side has gone; both are closed then. */
export async function bridgeRemoteCommand(bridge: Bridge, flags: StreamFlags): Promise<void> {
  const { client, protocol, runtime } = bridge;
  const error = runtime.open({ streamtype: 'error' });
  const stdin = flags.stdin ? runtime.open({ streamtype: 'stdin' }) : undefined;
  const stdout = flags.stdout ? runtime.open({ streamtype: 'stdout' }) : undefined;
  const stderr = flags.stderr ? runtime.open({ streamtype: 'stderr' }) : undefined;
  const resize = flags.tty ? runtime.open({ streamtype: 'resize' }) : undefined;
  const send = (to: number, data: Uint8Array) => client.send(encodeMessage(protocol, to, data));
  // Nothing on the first channel that can carry something tells older clients that the session stands.
  const first = stdout ? channel.stdout : stderr ? channel.stderr : channel.error;
  if (protocol.name !== v5) await send(first, new Uint8Array());
  const fromClient = readClient(bridge, { stdin, resize }).finally(() => runtime.close());
  const [status] = await Promise.all([collect(error), pump(bridge, stdout, channel.stdout), pump(bridge, stderr, channel.stderr)]);
  const said = protocol.status === 'object' ? status : failureOf(status);
  if (said.length > 0) await send(channel.error, said);
  client.close(1000);
  runtime.close();
  await fromClient;
}

/** Carries each port's bytes on a channel of its own, and what goes wrong with it on the next one, until all have ended. */
export async function bridgePortForward(bridge: Bridge, ports: readonly number[]): Promise<void> {
  const { client, protocol, runtime } = bridge;
  const pairs = ports.map((port, i) => {
    const of = { port: String(port), requestid: String(i) };
    const error = runtime.open({ streamtype: 'error', ...of });
    error.end();
    return { port, error, data: runtime.open({ streamtype: 'data', ...of }) };
  });
  // Each channel begins with its port.
  for (const [i, { port }] of pairs.entries()) {
    const number = new Uint8Array([port & 0xff, port >> 8]);
    for (const to of [2 * i, 2 * i + 1]) await client.send(encodeMessage(protocol, to, number));
  }
  const fromClient = (async () => {
    for await (const { data: message } of client.messages) {
      const { channel: to = 1, data } = decodeMessage(protocol, message);
      if (to % 2 === 0 && data.length > 0) await pairs[to / 2]?.data.write(data);
    }
    runtime.close();
  })();
  await Promise.all(pairs.flatMap(({ data, error }, i) => [pump(bridge, data, 2 * i), pump(bridge, error, 2 * i + 1)]));
  client.close(1000);
  runtime.close();
  await fromClient;
}

interface Inputs {
  readonly stdin: SpdyStream | undefined;
  readonly resize: SpdyStream | undefined;
}

async function readClient({ client, protocol }: Bridge, { stdin, resize }: Inputs): Promise<void> {
  for await (const { data: message } of client.messages) {
    const { channel: to, data } = decodeMessage(protocol, message);
    if (to === channel.stdin && data.length > 0) await stdin?.write(data);
    else if (to === channel.resize) await resize?.write(data);
    else if (to === channel.close && protocol.name === v5 && data[0] === channel.stdin) stdin?.end();
  }
}

async function pump({ client, protocol }: Bridge, from: SpdyStream | undefined, to: number): Promise<void> {
  if (!from) return;
  for await (const chunk of from.incoming) await client.send(encodeMessage(protocol, to, chunk));
}

async function collect(stream: SpdyStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream.incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The words of a Status that is a failure; nothing for a success. What is no Status is given as it is. */
function failureOf(status: Uint8Array): Uint8Array {
  try {
    const { status: how, message = '' } = JSON.parse(Buffer.from(status).toString('utf8')) as { status?: string; message?: string };
    return how === 'Success' ? new Uint8Array() : Buffer.from(message);
  } catch {
    return status;
  }
}
