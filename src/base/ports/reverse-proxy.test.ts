// The reverse proxy between real sockets: what passes and what does not, also when clients or backends mean harm or go away.
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createAuthority, issueCertificate } from './certificates.ts';
import { systemClock } from './clock.ts';
import { createReverseProxy, type ProxyBackend, type ProxyRoute } from './reverse-proxy.ts';
import { backendHeaders, readHead } from './reverse-proxy-headers.ts';

const nowMs = systemClock.nowMs();
const validity = { notBeforeMs: nowMs - 1000, notAfterMs: nowMs + 3_600_000 };
const authority = await createAuthority({ commonName: 'ca', ...validity });
const issue = async (name: string) => {
  const { certificatePem, keyPem } = await issueCertificate(authority, {
    commonName: name,
    dnsNames: [name],
    usages: ['server'],
    ...validity,
  });
  return { cert: certificatePem, key: keyPem };
};
let ofA = await issue('a.example');
const ofNobody = await issue('nobody.example');

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

let decide: (host: string, path: string) => ProxyRoute = () => ({ to: 'answer', status: 404, text: 'nothing' });
const proxy = createReverseProxy({
  clock: systemClock,
  route: ({ host, path }) => decide(host, path),
  certificate: (name) => (name === 'a.example' ? ofA : ofNobody),
});
const port = await proxy.listen({ host: '127.0.0.1', port: 0, secure: false });
const securePort = await proxy.listen({ host: '127.0.0.1', port: 0, secure: true });
afterAll(() => proxy.close(0));

async function backend(handle: http.RequestListener): Promise<ProxyBackend & { readonly server: http.Server }> {
  const server = http.createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { address: '127.0.0.1', port: (server.address() as AddressInfo).port, server };
}

/** A port on which nobody listens. */
async function closedPort(): Promise<ProxyBackend> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: free } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return { address: '127.0.0.1', port: free };
}

const to = (...backends: readonly ProxyBackend[]) => {
  decide = () => ({ to: 'backends', backends, name: 'The service "x"' });
};

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}
const ask = (options: http.RequestOptions = {}, body?: string | Buffer): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const sent = http.request({ host: '127.0.0.1', port, agent: false, ...options }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks).toString() }));
      res.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });

/** All that comes back for bytes sent as they are. */
const raw = (text: string): Promise<string> =>
  new Promise((resolve) => {
    let got = '';
    const socket = net.connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      got += chunk.toString();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(got));
    setTimeout(() => socket.end(), 300);
  });

const echo: http.RequestListener = (req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    res.setHeader('x-hop', 'no');
    res.setHeader('connection', 'x-hop');
    res.setHeader('proxy-authenticate', 'Basic');
    res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers, body: Buffer.concat(chunks).toString() }));
  });
};

test('a request passes with its host, path and body, without what is of the connection, and with where it came from', async () => {
  to(await backend(echo));
  const headers = {
    host: 'A.example:8080',
    'x-forwarded-for': '203.0.113.7',
    forwarded: 'for=203.0.113.7',
    connection: 'keep-alive, x-secret',
    'x-secret': '1',
    te: 'trailers',
    'proxy-authorization': 'Basic x',
    'x-own': 'stays',
  };
  const { status, body, headers: got } = await ask({ method: 'POST', path: '/a/../b%2F?q=1', headers }, 'hello');
  const seen = JSON.parse(body) as { method: string; url: string; headers: Record<string, string>; body: string };
  expect([status, seen.method, seen.url, seen.body]).toEqual([200, 'POST', '/a/../b%2F?q=1', 'hello']);
  expect(seen.headers).toMatchObject({
    host: 'A.example:8080',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'A.example:8080',
    'x-forwarded-port': '8080',
    'x-forwarded-proto': 'http',
    'x-real-ip': '127.0.0.1',
    'x-own': 'stays',
  });
  for (const name of ['forwarded', 'x-secret', 'te', 'proxy-authorization']) expect(seen.headers).not.toHaveProperty(name);
  for (const name of ['x-hop', 'proxy-authenticate']) expect(got).not.toHaveProperty(name);
});

test('large bodies stream both ways', async () => {
  const size = 20 * 1024 * 1024;
  const target = await backend((req, res) => req.pipe(res));
  to(target);
  const block = Buffer.alloc(64 * 1024, 'x');
  const received = await new Promise<number>((resolve, reject) => {
    let got = 0;
    const sent = http.request({ host: '127.0.0.1', port, method: 'PUT', agent: false }, (res) => {
      res.on('data', (chunk: Buffer) => {
        got += chunk.length;
      });
      res.on('end', () => resolve(got));
    });
    sent.on('error', reject);
    let left = size;
    const more = () => {
      while (left > 0) {
        left -= block.length;
        if (!sent.write(block)) return void sent.once('drain', more);
      }
      sent.end();
    };
    more();
  });
  expect(received).toBe(size);
});

describe('backends that cannot be reached', () => {
  test.each(['GET', 'POST'])('%s goes to the next one', async (method) => {
    to(await closedPort(), await backend(echo));
    const { status, body } = await ask({ method }, method === 'POST' ? 'x' : undefined);
    expect([status, (JSON.parse(body) as { body: string }).body]).toEqual([200, method === 'POST' ? 'x' : '']);
  });

  test('none left: 502 says so', async () => {
    to(await closedPort());
    expect(await ask()).toMatchObject({ status: 502, body: 'The service "x" could not be reached (ECONNREFUSED).\n' });
    expect(await ask({ method: 'POST' }, 'x')).toMatchObject({ status: 502 });
  });

  test('one that breaks off before its answer is 502, and a request with effect is not sent twice', async () => {
    let asked = 0;
    const breaks = await backend((req) => {
      asked++;
      req.socket.destroy();
    });
    to(breaks, breaks);
    expect((await ask({ method: 'POST' }, 'x')).status).toBe(502);
    expect(asked).toBe(1);
  });

  test('one that breaks off within its answer breaks off the client’s', async () => {
    to(
      await backend((_req, res) => {
        res.writeHead(200, { 'content-length': 100 });
        res.write('part');
        setTimeout(() => res.destroy(), 20);
      }),
    );
    await expect(ask()).rejects.toThrow();
  });
});

test('answers of its own say why, and end a connection whose body nobody reads', async () => {
  decide = () => ({ to: 'answer', status: 404, text: 'No Ingress is for this.' });
  expect(await ask()).toMatchObject({ status: 404, body: 'No Ingress is for this.\n' });
  const got = await raw('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(got.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  expect(got).toMatch(/^connection: close/im);
});

test.each<[string, string]>([
  ['a length beside chunks', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd'],
  ['a list of lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 4\r\n\r\nabcd'],
  ['an encoding after chunks', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
  ['an encoding that is hidden', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n'],
  ['a folded header', 'GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n b\r\n\r\n'],
  ['two hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['a host that is none', 'GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n'],
  ['a target that is none', 'GET x HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['no HTTP', '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n'],
  ['a chunk of no size', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n'],
])('%s never reaches a backend as a whole request', async (_name, text) => {
  const finished: string[] = [];
  to(await backend((req, res) => req.on('end', () => finished.push(req.url ?? '')).pipe(res)));
  const got = await raw(text);
  expect(got === '' || got.startsWith('HTTP/1.1 400')).toBe(true);
  expect(finished).toEqual([]);
});

test('the body of a GET stays a body: no second request comes out of it', async () => {
  const urls: string[] = [];
  to(await backend((req, res) => req.resume().on('end', () => res.end(String(urls.push(req.url ?? ''))))));
  const inner = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
  await raw(`GET /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`);
  await raw(`GET /two HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`);
  expect(urls).toEqual(['/one', '/two']);
});

test('a head that is too large is refused', async () => {
  to(await backend(echo));
  expect(await raw(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
});

describe('TLS', () => {
  const secure = (servername: string) =>
    new Promise<{ name: string; proto: string; serial: string }>((resolve, reject) => {
      const sent = https.get({ host: '127.0.0.1', port: securePort, servername, rejectUnauthorized: false, agent: false }, (res) => {
        const { subject, serialNumber } = (res.socket as import('node:tls').TLSSocket).getPeerCertificate();
        let body = '';
        res.on('data', (chunk) => {
          body += chunk;
        });
        res.on('end', () =>
          resolve({
            name: String(subject.CN),
            serial: serialNumber,
            proto: (JSON.parse(body) as { headers: Record<string, string> }).headers['x-forwarded-proto'] ?? '',
          }),
        );
      });
      sent.on('error', reject);
    });

  test('the certificate is that of the name asked for, and a renewed one counts from the next connection on', async () => {
    to(await backend(echo));
    const first = await secure('a.example');
    expect([first.name, first.proto, (await secure('b.example')).name]).toEqual(['a.example', 'https', 'nobody.example']);
    ofA = await issue('a.example');
    const second = await secure('a.example');
    expect([second.name, second.serial === first.serial]).toEqual(['a.example', false]);
  });
});

describe('backends over TLS', () => {
  /** Its certificate is for another name, by an authority that nobody trusts. */
  async function secureBackend(): Promise<ProxyBackend & { readonly server: https.Server }> {
    const server = https.createServer(ofNobody, echo);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    return { address: '127.0.0.1', port: (server.address() as AddressInfo).port, secure: true, server };
  }

  test('requests with and without a body get there, past one that cannot be reached', async () => {
    to(await closedPort(), await secureBackend());
    const [got, again, posted] = [await ask({ path: '/x' }), await ask({ path: '/y' }), await ask({ method: 'POST', path: '/z' }, 'body')];
    expect([got.status, JSON.parse(got.body).url, JSON.parse(again.body).url]).toEqual([200, '/x', '/y']);
    expect([posted.status, JSON.parse(posted.body)]).toMatchObject([200, { method: 'POST', url: '/z', body: 'body' }]);
  });

  test('a WebSocket passes', async () => {
    const target = await secureBackend();
    const sockets = new WebSocketServer({ server: target.server });
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`got ${data}`)));
    to(target);
    const client = new WebSocket(`ws://127.0.0.1:${port}/socket`);
    const answer = await new Promise<string>((resolve, reject) => {
      client.on('open', () => client.send('hi'));
      client.on('message', (data) => resolve(String(data)));
      client.on('error', reject);
    });
    client.terminate();
    expect(answer).toBe('got hi');
  });

  test('one that speaks plain HTTP is 502, with a body and without', async () => {
    to({ ...(await backend(echo)), secure: true });
    expect([(await ask()).status, (await ask({ method: 'POST' }, 'body')).status]).toEqual([502, 502]);
  });
});

describe('upgrades', () => {
  test('a WebSocket passes both ways, and its end too', async () => {
    const target = await backend(echo);
    const sockets = new WebSocketServer({ server: target.server });
    sockets.on('connection', (socket, req) => socket.on('message', (data) => socket.send(`${req.headers['x-forwarded-proto']} ${data}`)));
    to(await closedPort(), target);
    const client = new WebSocket(`ws://127.0.0.1:${port}/socket`);
    const answer = await new Promise<string>((resolve, reject) => {
      client.on('open', () => client.send('hi'));
      client.on('message', (data) => resolve(String(data)));
      client.on('error', reject);
    });
    const closed = new Promise((resolve) => client.on('close', resolve));
    for (const one of sockets.clients) one.close();
    expect([answer, await closed]).toEqual(['http hi', 1005]);
  });

  test('one that the backend refuses is an ordinary answer', async () => {
    to(await backend((_req, res) => res.writeHead(403).end('no')));
    const client = new WebSocket(`ws://127.0.0.1:${port}/`);
    const status = await new Promise((resolve) => {
      client.on('unexpected-response', (_req, res) => resolve(res.statusCode));
      client.on('error', () => {});
    });
    client.terminate();
    expect(status).toBe(403);
  });

  test('nobody to reach: 502', async () => {
    to(await closedPort());
    const client = new WebSocket(`ws://127.0.0.1:${port}/`);
    const status = await new Promise((resolve) => {
      client.on('unexpected-response', (_req, res) => resolve(res.statusCode));
      client.on('error', () => {});
    });
    client.terminate();
    expect(status).toBe(502);
  });

  test('another protocol is not spoken: the request goes on without it', async () => {
    to(await backend(echo));
    const got = await raw(
      'GET /h2 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n',
    );
    expect(got).toMatch(/^HTTP\/1\.1 200 /);
    expect(got).not.toMatch(/upgrade/i);
  });
});

test.each<[string, string | undefined, object]>([
  ['/x?y', 'A.b:80', { host: 'a.b', authority: 'A.b:80', target: '/x?y', path: '/x' }],
  ['/', 'a.b.', { host: 'a.b', authority: 'a.b.', target: '/', path: '/' }],
  ['http://Other:81/z', 'a', { host: 'other', authority: 'Other:81', target: '/z', path: '/z' }],
  ['http://other?q', 'a', { host: 'other', authority: 'other', target: '/?q', path: '/' }],
  ['/', '[FD00::1]:80', { host: 'fd00::1', authority: '[FD00::1]:80', target: '/', path: '/' }],
  ['/', 'a b', { problem: 'The host must be a name or an address, with a port or without, got "a b".' }],
  ['*', 'a', { problem: 'The request\'s target must be a path that begins with "/", got "*".' }],
])('readHead() of %s for host %s', (target, host, expected) => {
  expect(readHead({ method: 'GET', target, headers: { host }, rawHeaders: [] })).toEqual(expected);
});

test('a body keeps its framing whatever the client calls a header of the connection', () => {
  const head = { host: 'a', authority: 'a', target: '/', path: '/' };
  const from = { remoteAddress: '192.0.2.1', secure: true };
  const of = (headers: Record<string, string>) => backendHeaders({ method: 'GET', target: '/', headers, rawHeaders: [] }, head, from);
  expect(of({ connection: 'content-length, host', 'content-length': '3' })).toMatchObject({ 'content-length': '3', host: 'a' });
  expect(of({ 'transfer-encoding': 'gzip, chunked', 'content-length': '3' })['transfer-encoding']).toBe('chunked');
  expect(of({ 'transfer-encoding': 'chunked', 'content-length': '3' })).not.toHaveProperty('content-length');
});
