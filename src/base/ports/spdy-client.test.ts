import { Duplex, PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { turn } from './clock.ts';
import { createSpdyClient } from './spdy-client.ts';

/** A socket whose other end the test holds. */
function pair(): { socket: Duplex; sent: () => Buffer; receive: (bytes: Buffer) => void; end: () => void } {
  const toClient = new PassThrough();
  const chunks: Buffer[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  toClient.on('data', (chunk) => socket.push(chunk));
  return { socket, sent: () => Buffer.concat(chunks), receive: (bytes) => void socket.push(bytes), end: () => void socket.push(null) };
}
const data = (id: number, text: string, flags = 0) => {
  const frame = Buffer.alloc(8 + text.length);
  frame.writeUInt32BE(id, 0);
  frame.writeUInt32BE(text.length, 4);
  frame[4] = flags;
  frame.write(text, 8);
  return frame;
};
async function readAll(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}

test('streams have odd numbers, and their headers go as stored blocks after one zlib head', () => {
  const { socket, sent } = pair();
  const client = createSpdyClient(socket, new Uint8Array(0));
  client.open({ streamtype: 'error' });
  const first = sent();
  expect(first.subarray(0, 4).toString('hex')).toBe('80030001');
  expect(first.readUInt32BE(8)).toBe(1);
  expect(first.subarray(18, 24).toString('hex')).toBe('7820e3c6a7c2');
  expect(first.includes(Buffer.from('streamtype'))).toBe(true);
  expect(first.subarray(-5).toString('hex')).toBe('000000ffff');
  client.open({ streamtype: 'stdin' });
  const second = sent().subarray(first.length);
  expect(second.readUInt32BE(8)).toBe(3);
  expect(second.subarray(18, 19).toString('hex')).toBe('00');
});

test('data goes to its stream, however it is cut, until the stream is finished', async () => {
  const { socket, receive } = pair();
  const a = data(1, 'hello ');
  const client = createSpdyClient(socket, a.subarray(0, 5));
  const one = client.open({ streamtype: 'stdout' });
  const two = client.open({ streamtype: 'stderr' });
  const texts = Promise.all([readAll(one.incoming), readAll(two.incoming)]);
  receive(Buffer.concat([a.subarray(5), data(3, 'oops', 1)]));
  receive(data(1, 'world', 1));
  expect(await texts).toEqual(['hello world', 'oops']);
});

test('a ping is echoed, writing and ending make frames', async () => {
  const { socket, sent, receive } = pair();
  const client = createSpdyClient(socket, new Uint8Array(0));
  const ping = Buffer.from('800300060000000400000001', 'hex');
  receive(ping);
  await turn();
  expect(sent()).toEqual(ping);
  const stream = client.open({ streamtype: 'stdin' });
  const before = sent().length;
  await stream.write(Buffer.from('hi'));
  stream.end();
  expect(sent().subarray(before)).toEqual(Buffer.concat([data(1, 'hi'), data(1, '', 1)]));
});

test('every reader ends when the connection does', async () => {
  const { socket, end } = pair();
  const client = createSpdyClient(socket, new Uint8Array(0));
  const text = readAll(client.open({ streamtype: 'stdout' }).incoming);
  end();
  expect(await text).toBe('');
});
