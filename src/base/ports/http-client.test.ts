import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { DeadlineError } from '../clock.ts';
import { systemClock } from './clock.ts';
import { createHttpClient, type HttpClient, HttpClientError } from './http-client.ts';
import { dialTcp, listenTcp } from './tcp.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function serve(handle: http.RequestListener): Promise<{ url: string; server: http.Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = http.createServer(handle);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, sockets };
}

function client(): HttpClient {
  const made = createHttpClient({ clock: systemClock });
  cleanups.push(() => made.close());
  return made;
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

describe('request()', () => {
  test('sends method, headers and a whole body with its length; keeps the connection', async () => {
    const { url, sockets } = await serve((request, response) => {
      let got = '';
      request.on('data', (chunk: Buffer) => {
        got += chunk.toString();
      });
      request.on('end', () =>
        response.end(`${request.method} ${request.url} ${request.headers['content-length']} ${request.headers['x-a']} ${got}`),
      );
    });
    const one = client();
    for (let i = 0; i < 3; i++) {
      const response = await one.request({
        method: 'PUT',
        url: `${url}/p?q=1`,
        headers: { 'x-a': ['1', '2'], 'x-b': undefined },
        body: 'é',
      });
      expect([response.status, text(await response.readAll(100))]).toEqual([200, 'PUT /p?q=1 2 1, 2 é']);
    }
    expect(sockets.size).toBe(1);
  });

  test('an answer larger than the limit is an error', async () => {
    const { url } = await serve((_request, response) => response.end('x'.repeat(1000)));
    const response = await client().request({ url });
    await expect(response.readAll(999)).rejects.toMatchObject({ name: 'HttpClientError', code: 'EMSGSIZE' });
  });

  test('no head within its time is a DeadlineError', async () => {
    const { url } = await serve(() => {});
    await expect(client().request({ url: `${url}/slow`, headTimeoutMs: 20 })).rejects.toEqual(
      new DeadlineError(`No answer from ${url} within 20 ms`),
    );
  });

  test('no connection within its time is a DeadlineError, however long the head may take', async () => {
    // It accepts, and never answers the TLS handshake.
    const silent = await listenTcp({ host: '127.0.0.1', port: 0, onConnection: () => {} });
    cleanups.push(() => silent.close());
    const url = `https://127.0.0.1:${silent.port}`;
    await expect(client().request({ url: `${url}/`, headTimeoutMs: 'none', connectTimeoutMs: 20 })).rejects.toEqual(
      new DeadlineError(`No connection to ${url} within 20 ms`),
    );
  });

  test('a target is sent as it is, where the URL would be normalized', async () => {
    const { url } = await serve((request, response) => response.end(request.url));
    const response = await client().request({ url: `${url}/`, target: '/a/../b/./c%2e?d=..' });
    expect(text(await response.readAll(100))).toBe('/a/../b/./c%2e?d=..');
  });

  test('a server that is not there', async () => {
    const listener = await listenTcp({ host: '127.0.0.1', port: 0, onConnection: () => {} });
    await listener.close();
    await expect(client().request({ url: `http://127.0.0.1:${listener.port}/` })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      message: `Cannot reach http://127.0.0.1:${listener.port}`,
    });
  });

  test('the signal ends a request, and later its body, with its reason', async () => {
    const { url } = await serve((request, response) => {
      if (request.url === '/body') response.write('first');
    });
    const before = new AbortController();
    const waiting = client().request({ url, signal: before.signal });
    const gone = new Error('gone');
    before.abort(gone);
    await expect(waiting).rejects.toBe(gone);
    await expect(client().request({ url, signal: before.signal })).rejects.toBe(gone);
    const during = new AbortController();
    const response = await client().request({ url: `${url}/body`, signal: during.signal });
    const read = (async () => {
      for await (const chunk of response.body) {
        expect(text(chunk)).toBe('first');
        during.abort(gone);
      }
    })();
    await expect(read).rejects.toThrow();
  });

  test('a streamed body that fails ends the request', async () => {
    const { url } = await serve(() => {});
    const body = (async function* () {
      yield Buffer.from('a');
      throw new Error('no more');
    })();
    await expect(client().request({ method: 'POST', url, body })).rejects.toBeInstanceOf(HttpClientError);
  });

  test('a read on a kept connection that the server just closed is sent again, a write is not', async () => {
    let requests = 0;
    const { url } = await serve((request, response) => {
      requests++;
      if (requests % 2 === 0) request.socket.destroy();
      else response.end('ok');
    });
    const one = client();
    const ask = async (method: string) => text(await (await one.request({ method, url })).readAll(10));
    expect(await ask('GET')).toBe('ok');
    expect([await ask('GET'), requests]).toEqual(['ok', 3]);
    await expect(ask('POST')).rejects.toBeInstanceOf(HttpClientError);
    expect(requests).toBe(4);
  });
});

describe('TCP', () => {
  test('both ways, with half-closed ends', async () => {
    const listener = await listenTcp({ host: '127.0.0.1', port: 0, onConnection: (socket) => socket.pipe(socket) });
    cleanups.push(() => listener.close());
    const socket = await dialTcp({ host: '127.0.0.1', port: listener.port, clock: systemClock, timeoutMs: 1000 });
    socket.end('ping');
    let got = '';
    for await (const chunk of socket) got += (chunk as Buffer).toString();
    expect(got).toBe('ping');
  });

  test('errors: nobody listens, a port in use, the signal', async () => {
    const listener = await listenTcp({ host: '127.0.0.1', port: 0, onConnection: () => {} });
    await expect(listenTcp({ host: '127.0.0.1', port: listener.port, onConnection: () => {} })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    const stop = new AbortController();
    const socket = await dialTcp({ host: '127.0.0.1', port: listener.port, clock: systemClock, timeoutMs: 1000, signal: stop.signal });
    const closed = new Promise((resolve) => socket.on('close', resolve));
    stop.abort();
    await closed;
    await listener.close();
    await expect(dialTcp({ host: '127.0.0.1', port: listener.port, clock: systemClock, timeoutMs: 1000 })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });
});
