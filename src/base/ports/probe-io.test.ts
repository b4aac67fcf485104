import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemProbeIo } from './probe-io.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function listen(server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'fine',
    (error: { code?: string }) => error.code,
  );

test('HTTP: status, body and headers', async () => {
  const port = await listen(http.createServer((request, response) => response.writeHead(418).end(request.headers['x-a'])));
  const answer = await systemProbeIo.httpGet({
    url: `http://127.0.0.1:${port}/x`,
    headers: [{ name: 'X-A', value: 'hi' }],
    timeoutMs: 2000,
  });
  expect(answer).toEqual({ status: 418, body: 'hi' });
});

test('HTTP: an answer whose lines end without a CR, as scripts write them', async () => {
  const port = await listen(
    net.createServer((socket) => socket.once('data', () => socket.end('HTTP/1.0 200 OK\nContent-Type: text/plain\n\nok'))),
  );
  const answer = await systemProbeIo.httpGet({ url: `http://127.0.0.1:${port}/`, headers: [], timeoutMs: 2000 });
  expect(answer).toEqual({ status: 200, body: 'ok' });
});

test('HTTP: no answer in time, and nobody there', async () => {
  const port = await listen(http.createServer(() => {}));
  expect(await code(systemProbeIo.httpGet({ url: `http://127.0.0.1:${port}/`, headers: [], timeoutMs: 50 }))).toBe('timeout');
  expect(await code(systemProbeIo.httpGet({ url: 'http://127.0.0.1:1/', headers: [], timeoutMs: 2000 }))).toBe('ECONNREFUSED');
});

test('TCP: a connection stands, or is refused, or is given up', async () => {
  const port = await listen(net.createServer());
  expect(await code(systemProbeIo.tcpConnect({ host: '127.0.0.1', port, timeoutMs: 2000 }))).toBe('fine');
  expect(await code(systemProbeIo.tcpConnect({ host: '127.0.0.1', port: 1, timeoutMs: 2000 }))).toBe('ECONNREFUSED');
  const signal = AbortSignal.abort();
  expect(await code(systemProbeIo.tcpConnect({ host: '127.0.0.1', port, timeoutMs: 2000, signal }))).toBe('aborted');
});

test('gRPC: the health service answers by its protocol', async () => {
  const asked: string[] = [];
  const server = http2.createServer();
  server.on('stream', (stream, headers) => {
    let body = Buffer.alloc(0);
    stream.on('data', (chunk: Buffer) => {
      body = Buffer.concat([body, chunk]);
    });
    stream.on('end', () => {
      const service = body.length > 7 ? body.subarray(7).toString() : '';
      asked.push(`${headers[':path']} ${service}`);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': service === 'none' ? '5' : '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 0x08, service === 'sick' ? 2 : 1]));
    });
  });
  const port = await listen(server as unknown as net.Server);
  const check = (service: string) => systemProbeIo.grpcHealth({ host: '127.0.0.1', port, service, timeoutMs: 2000 });
  expect(await check('')).toBe(1);
  expect(await check('sick')).toBe(2);
  expect(await code(check('none'))).toBe('grpc');
  expect(asked).toEqual(['/grpc.health.v1.Health/Check ', '/grpc.health.v1.Health/Check sick', '/grpc.health.v1.Health/Check none']);
});
