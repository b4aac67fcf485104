import { expect, test } from 'vitest';
import { chooseProtocol, decodeMessage, encodeMessage, portForwardProtocols, remoteCommandProtocols } from './channels.ts';

test.each([
  [[], ''],
  [['v5.channel.k8s.io'], 'v5.channel.k8s.io'],
  [['base64.channel.k8s.io', 'channel.k8s.io', 'v4.channel.k8s.io'], 'v4.channel.k8s.io'],
  [['channel.k8s.io'], 'channel.k8s.io'],
  [['soap', 'base64.channel.k8s.io'], 'base64.channel.k8s.io'],
  [['soap'], undefined],
])('to a client of exec that offers %j the kubelet speaks %j', (offered, expected) => {
  expect(chooseProtocol(remoteCommandProtocols, offered)?.name).toBe(expected);
});

test.each([
  [[], ''],
  [['v5.channel.k8s.io'], undefined],
  [['v4.base64.channel.k8s.io'], 'v4.base64.channel.k8s.io'],
])('to a client of port-forward that offers %j the kubelet speaks %j', (offered, expected) => {
  expect(chooseProtocol(portForwardProtocols, offered)?.name).toBe(expected);
});

const data = new Uint8Array([104, 105, 0, 255]);

test.each(remoteCommandProtocols)('messages of $name are read as they were written', (protocol) => {
  for (const channel of [0, 1, 4, 9]) {
    for (const bytes of [data, new Uint8Array()]) {
      const message = encodeMessage(protocol, channel, bytes);
      expect(typeof message).toBe(protocol.base64 ? 'string' : 'object');
      const read = decodeMessage(protocol, Buffer.from(message as string));
      expect([read.channel, Buffer.from(read.data)]).toEqual([channel, Buffer.from(bytes)]);
    }
  }
  expect(decodeMessage(protocol, new Uint8Array()).channel).toBeUndefined();
});

test('messages as other clients write them', () => {
  const [binary, base64] = ['v4.channel.k8s.io', 'base64.channel.k8s.io'].map((name) => chooseProtocol(remoteCommandProtocols, [name]));
  expect(binary && encodeMessage(binary, 1, data)).toEqual(new Uint8Array([1, ...data]));
  expect(base64 && encodeMessage(base64, 1, data)).toBe('1aGkA/w==');
  expect(base64 && decodeMessage(base64, Buffer.from('0aGkA/w=='))).toEqual({ channel: 0, data: Buffer.from(data) });
});
