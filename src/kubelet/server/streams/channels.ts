// Several streams in one WebSocket: each message begins with the number of its channel. Pure.
// Source: k8s.io/apimachinery/pkg/util/httpstream/wsstream, and KEP 4006 for v5.

/** One of the protocols in which clients and the kubelet tell channels apart. */
export interface ChannelProtocol {
  /** The WebSocket's subprotocol; empty for a client that offers none. */
  readonly name: string;
  /** Text messages, the data in base 64: for browsers. Otherwise binary ones. */
  readonly base64: boolean;
  /** How a command's end is told: as a Status object, or before version 4 only its failure, in words. */
  readonly status: 'object' | 'words';
}

const v4Protocols: readonly ChannelProtocol[] = [
  { name: 'v4.channel.k8s.io', base64: false, status: 'object' },
  { name: 'v4.base64.channel.k8s.io', base64: true, status: 'object' },
];

/** Of exec and attach, in the order of preference. Only v5 can say that stdin has ended. */
export const remoteCommandProtocols: readonly ChannelProtocol[] = [
  { name: 'v5.channel.k8s.io', base64: false, status: 'object' },
  ...v4Protocols,
  { name: 'channel.k8s.io', base64: false, status: 'words' },
  { name: 'base64.channel.k8s.io', base64: true, status: 'words' },
  { name: '', base64: false, status: 'words' },
];

/** Of port forwarding without SPDY within. */
export const portForwardProtocols: readonly ChannelProtocol[] = [...v4Protocols, { name: '', base64: false, status: 'object' }];

/** The first that the client speaks too; a client that offers nothing speaks the one without a name. */
export const chooseProtocol = (known: readonly ChannelProtocol[], offered: readonly string[]): ChannelProtocol | undefined =>
  known.find(({ name }) => (offered.length === 0 ? name === '' : offered.includes(name)));

/** A message for {@link ChannelProtocol}: text where it is in base 64. */
export function encodeMessage({ base64 }: ChannelProtocol, channel: number, data: Uint8Array): Uint8Array | string {
  if (base64) return `${channel}${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}`;
  const message = new Uint8Array(data.length + 1);
  message[0] = channel;
  message.set(data, 1);
  return message;
}

const zero = 48;

/** An empty message is for no channel. */
export function decodeMessage({ base64 }: ChannelProtocol, message: Uint8Array): { channel: number | undefined; data: Uint8Array } {
  const rest = message.subarray(1);
  if (!base64) return { channel: message[0], data: rest };
  const channel = message[0] === undefined ? undefined : message[0] - zero;
  return { channel, data: Buffer.from(Buffer.from(rest).toString('latin1'), 'base64') };
}
