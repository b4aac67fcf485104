import http2 from 'node:http2';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, issueCertificate } from './certificates.ts';
import { systemClock, turn } from './clock.ts';
import { createHttpClient, type HttpClient, HttpClientError } from './http-client.ts';
import {
  BodyError,
  type HttpServer,
  type HttpServerRequest,
  type HttpServerResponse,
  ListenError,
  type ServerTls,
  startHttpServer,
} from './http-server.ts';

const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

async function certificates() {
  const authority = await createAuthority({ commonName: 'test-ca', ...validity });
  const foreign = await createAuthority({ commonName: 'foreign-ca', ...validity });
  const server = await issueCertificate(authority, {
    commonName: 'server',
    ipAddresses: ['127.0.0.1'],
    dnsNames: ['localhost'],
    usages: ['server'],
    ...validity,
  });
  const client = await issueCertificate(authority, { commonName: 'jane', organizations: ['dev', 'ops'], usages: ['client'], ...validity });
  const stranger = await issueCertificate(foreign, {
    commonName: 'mallory',
    organizations: ['system:masters'],
    usages: ['client'],
    ...validity,
  });
  return { authority, server, client, stranger };
}

let pki: Awaited<ReturnType<typeof certificates>>;
let serverTls: ServerTls;
beforeAll(async () => {
  pki = await certificates();
  serverTls = { cert: pki.server.certificatePem, key: pki.server.keyPem, clientCa: pki.authority.certificatePem };
});

const opened: { servers: HttpServer[]; clients: HttpClient[] } = { servers: [], clients: [] };
afterAll(async () => {
  for (const client of opened.clients) client.close();
  await Promise.all(opened.servers.map((server) => server.close(0)));
});

async function serve(handle: (request: HttpServerRequest, response: HttpServerResponse) => Promise<void>): Promise<HttpServer> {
  const server = await startHttpServer({ host: '127.0.0.1', port: 0, tls: serverTls, clock: systemClock, handle });
  opened.servers.push(server);
  return server;
}

/** Answers that go on until their client goes, whose targets are `gone` then; `/again` is answered at once. */
async function serveStreams() {
  const streams = new Map<string, HttpServerResponse>();
  const gone: string[] = [];
  const server = await serve(async (request, response) => {
    if (request.target === '/again') return answer(response, 'here');
    response.head(200, { 'content-type': 'text/plain' });
    response.write([]);
    streams.set(request.target, response);
    await new Promise<void>((resolve) => request.signal.addEventListener('abort', () => resolve()));
    gone.push(request.target);
  });
  return { server, streams, gone };
}

function client(who?: { certificatePem: string; keyPem: string }): HttpClient {
  const made = createHttpClient({
    clock: systemClock,
    tls: { ca: pki.authority.certificatePem, ...(who ? { cert: who.certificatePem, key: who.keyPem } : {}) },
  });
  opened.clients.push(made);
  return made;
}

const answer = (response: HttpServerResponse, body: string, status = 200) => {
  response.head(status, { 'content-type': 'text/plain' });
  response.end(Buffer.from(body));
};

/** A raw connection that has asked for `target` and has been given the head of an answer. */
async function openStream(port: number, target: string) {
  const socket = tls.connect({ port, host: '127.0.0.1', ca: pki.authority.certificatePem, ALPNProtocols: ['http/1.1'] });
  let seen = '';
  let look = () => {};
  socket.on('data', (bytes: Buffer) => {
    seen += bytes.toString();
    look();
  });
  const until = (wanted: string) =>
    new Promise<void>((resolve) => {
      look = () => seen.includes(wanted) && resolve();
      look();
    });
  socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await until('\r\n\r\n');
  return { socket, until };
}

async function wholeOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return text(Buffer.concat(chunks));
}

async function overHttp2(
  port: number,
  headers: http2.OutgoingHttpHeaders,
  who?: { certificatePem: string; keyPem: string },
): Promise<{ status: number; body: string }> {
  const session = http2.connect(`https://127.0.0.1:${port}`, {
    ca: pki.authority.certificatePem,
    ...(who ? { cert: who.certificatePem, key: who.keyPem } : {}),
  });
  const stream = session.request(headers);
  const chunks: Buffer[] = [];
  let status = 0;
  stream.on('response', (head) => {
    status = head[':status'] ?? 0;
  });
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  session.close();
  return { status, body: Buffer.concat(chunks).toString() };
}

describe('requests over both protocols', () => {
  const describePeer = async (request: HttpServerRequest, response: HttpServerResponse) => {
    const peer = request.peerCertificate;
    answer(
      response,
      JSON.stringify([request.method, request.target, request.httpVersion, peer?.verified, peer?.commonName, peer?.organizations]),
    );
  };

  test('requests sent before the answer to the one before has left are answered in their order', async () => {
    const { port } = await serve(async (request, response) => {
      // The first is the slowest.
      for (let i = Number(request.target.slice(1)); i < 5; i++) await turn();
      response.head(200, { 'content-length': 2 });
      await response.write([Buffer.from('#')]);
      response.end(Buffer.from(request.target.slice(1)));
    });
    const received = await new Promise<string>((resolve, reject) => {
      let all = '';
      const socket = tls.connect({ host: '127.0.0.1', port, ca: pki.authority.certificatePem }, () =>
        socket.write([1, 2, 3].map((n) => `GET /${n} HTTP/1.1\r\nHost: x\r\n\r\n`).join('')),
      );
      socket.on('data', (part) => {
        all += part;
        if (all.split('#').length === 4 && /#3$/.test(all)) socket.end();
      });
      socket.on('close', () => resolve(all));
      socket.on('error', reject);
    });
    expect(received.match(/#\d/g)).toEqual(['#1', '#2', '#3']);
  });

  test('the client certificate is read and verified, with HTTP/1.1 and HTTP/2', async () => {
    const { port } = await serve(describePeer);
    const response = await client(pki.client).request({ url: `https://127.0.0.1:${port}/a?b=c` });
    expect(text(await response.readAll(1000))).toBe('["GET","/a?b=c","1",true,"jane",["dev","ops"]]');
    expect(await overHttp2(port, { ':path': '/a?b=c' }, pki.client)).toEqual({
      status: 200,
      body: '["GET","/a?b=c","2",true,"jane",["dev","ops"]]',
    });
  });

  test('a certificate of a foreign authority is not verified, and none is none', async () => {
    const { port } = await serve(describePeer);
    const stranger = await client(pki.stranger).request({ url: `https://127.0.0.1:${port}/` });
    expect(text(await stranger.readAll(1000))).toBe('["GET","/","1",false,"mallory",["system:masters"]]');
    expect((await overHttp2(port, { ':path': '/' })).body).toBe('["GET","/","2",null,null,null]');
  });

  test('a resumed TLS session without a certificate is no verified client', async () => {
    const { port } = await serve(describePeer);
    const ask = (session?: Buffer) =>
      new Promise<{ body: string; session: Buffer | undefined }>((resolve, reject) => {
        let kept: Buffer | undefined;
        let body = '';
        const socket = tls.connect({ host: '127.0.0.1', port, ca: pki.authority.certificatePem, ...(session ? { session } : {}) }, () =>
          socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
        );
        socket.on('session', (ticket) => {
          kept = ticket;
        });
        socket.on('data', (chunk) => {
          body += chunk.toString();
        });
        socket.on('error', reject);
        socket.on('close', () => resolve({ body, session: kept }));
      });
    const first = await ask();
    const second = await ask(first.session);
    expect(second.body).toContain('["GET","/","1",null,null,null]');
  });
});

describe('bodies', () => {
  const echo = async (request: HttpServerRequest, response: HttpServerResponse) => {
    try {
      answer(response, String((await request.readBody(1000)).length));
    } catch (error) {
      answer(response, error instanceof BodyError ? error.code : String(error), 413);
    }
  };
  async function* parts(count: number) {
    for (let i = 0; i < count; i++) yield Buffer.alloc(300);
  }

  test.each([
    { name: 'within the limit, whole', body: () => Buffer.alloc(1000), status: 200, text: '1000' },
    { name: 'over the limit by its length', body: () => Buffer.alloc(1001), status: 413, text: 'tooLarge' },
    { name: 'within the limit, in chunks', body: () => parts(3), status: 200, text: '900' },
    { name: 'over the limit in chunks', body: () => parts(4), status: 413, text: 'tooLarge' },
  ])('$name', async ({ body, status, text: wanted }) => {
    const { port } = await serve(echo);
    const response = await client().request({ method: 'POST', url: `https://127.0.0.1:${port}/`, body: body() });
    expect([response.status, text(await response.readAll(1000))]).toEqual([status, wanted]);
  });

  test('the headers have a limit', async () => {
    const { port } = await serve(echo);
    const response = await client().request({ url: `https://127.0.0.1:${port}/`, headers: { 'x-long': 'x'.repeat(70 * 1024) } });
    expect(response.status).toBe(431);
  });
});

describe('answers', () => {
  test('back-pressure: the writer waits for a slow client, and nothing is lost', async () => {
    let waited = 0;
    const { port } = await serve(async (_request, response) => {
      response.head(200, {});
      for (let i = 0; i < 200; i++) {
        const room = response.write([Buffer.alloc(30_000, 1), Buffer.alloc(20_000, 2)]);
        if (room) waited++;
        await room;
      }
      response.end();
    });
    const response = await client().request({ url: `https://127.0.0.1:${port}/` });
    await turn();
    expect((await response.readAll(20_000_000)).length).toBe(200 * 50_000);
    expect(waited).toBeGreaterThan(0);
    const { body } = await overHttp2(port, { ':path': '/' });
    expect(body.length).toBe(200 * 50_000);
  });

  test('of many streams whose clients go at once each sees its signal fire, and those that stay are read and written as before', async () => {
    const { server, streams, gone } = await serveStreams();
    const sockets = await Promise.all(Array.from({ length: 80 }, (_, at) => openStream(server.port, `/${at}`)));
    expect(streams.size).toBe(80);
    for (const { socket } of sockets.slice(0, 70)) socket.destroy();
    while (gone.length < 70) await turn();
    expect(new Set(gone)).toEqual(new Set(Array.from({ length: 70 }, (_, at) => `/${at}`)));
    for (const [at, stream] of [...sockets.entries()].slice(70)) {
      streams.get(`/${at}`)?.end(Buffer.from(`the end of ${at}`));
      await stream.until(`the end of ${at}`);
      stream.socket.write('GET /again HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await stream.until('here');
      stream.socket.destroy();
    }
  });

  test('the same of sessions of HTTP/2, whose clients may ask for more', async () => {
    const { server, streams, gone } = await serveStreams();
    const open = async (target: string) => {
      const session = http2.connect(`https://127.0.0.1:${server.port}`, { ca: pki.authority.certificatePem });
      session.on('error', () => {});
      const stream = session.request({ ':path': target });
      stream.on('error', () => {});
      await new Promise((resolve) => stream.once('response', resolve));
      return { session, stream };
    };
    const all = await Promise.all(Array.from({ length: 60 }, (_, at) => open(`/${at}`)));
    for (const { session } of all.slice(0, 50)) session.destroy();
    const again = await Promise.all(all.slice(50).map(({ session }) => wholeOf(session.request({ ':path': '/again' }))));
    expect(new Set(again)).toEqual(new Set(['here']));
    while (gone.length < 50) await turn();
    for (const [at, { session, stream }] of [...all.entries()].slice(50)) {
      streams.get(`/${at}`)?.end(Buffer.from(`the end of ${at}`));
      expect(await wholeOf(stream)).toBe(`the end of ${at}`);
      session.close();
    }
  });

  test.each(['1', '2'])('the signal fires and the writer does not hang when the client goes (HTTP/%s)', async (version) => {
    let ended: (how: string) => void = () => {};
    const end = new Promise<string>((resolve) => {
      ended = resolve;
    });
    const { port } = await serve(async (request, response) => {
      response.head(200, {});
      while (!request.signal.aborted && !response.closed) {
        await response.write([Buffer.alloc(100_000)]);
        await turn();
      }
      ended(`${request.signal.aborted} ${response.closed}`);
    });
    if (version === '1') {
      const response = await client().request({ url: `https://127.0.0.1:${port}/` });
      response.discard();
    } else {
      const session = http2.connect(`https://127.0.0.1:${port}`, { ca: pki.authority.certificatePem });
      session.on('error', () => {});
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => {});
      stream.once('data', () => session.destroy());
    }
    expect(await end).toMatch(/true/);
  });

  test('a handler that fails drops the connection and is reported', async () => {
    const errors: unknown[] = [];
    const server = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      tls: serverTls,
      clock: systemClock,
      handle: () => Promise.reject(new Error('broken')),
      onError: (error) => errors.push(error),
    });
    opened.servers.push(server);
    await expect(client().request({ url: `https://127.0.0.1:${server.port}/` })).rejects.toBeInstanceOf(HttpClientError);
    expect(errors.map(String)).toEqual(['Error: broken']);
  });
});

describe('upgrades', () => {
  test('the raw socket is handed over, what came with the head included', async () => {
    const { port } = await serve(async (request, response) => {
      expect([response.canUpgrade, request.method, request.headers.upgrade]).toEqual([true, 'POST', 'SPDY/3.1']);
      const { socket } = response.takeSocket();
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nhello ');
      socket.pipe(socket);
    });
    const answered = await client().upgrade({
      method: 'POST',
      url: `https://127.0.0.1:${port}/exec`,
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'content-length': '0' },
    });
    if (answered.as !== 'upgraded') throw new Error('refused');
    let got = text(answered.head);
    answered.socket.end('world');
    for await (const chunk of answered.socket) got += (chunk as Buffer).toString();
    expect(got).toBe('hello world');
  });

  test('a refusal is an ordinary answer', async () => {
    const { port } = await serve(async (_request, response) => answer(response, 'no', 403));
    const answered = await client().upgrade({
      url: `https://127.0.0.1:${port}/exec`,
      headers: { connection: 'Upgrade', upgrade: 'websocket' },
    });
    if (answered.as !== 'refused') throw new Error('upgraded');
    expect([answered.response.status, text(await answered.response.readAll(10))]).toEqual([403, 'no']);
  });
});

describe('life', () => {
  test('a port in use is an error with its code', async () => {
    const { port } = await serve(async () => {});
    const second = startHttpServer({ host: '127.0.0.1', port, tls: serverTls, clock: systemClock, handle: async () => {} });
    await expect(second).rejects.toBeInstanceOf(ListenError);
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE', message: `Cannot listen on 127.0.0.1:${port}: the port is in use` });
  });

  test('renewed certificates are used by new connections, without a restart', async () => {
    const server = await serve(async (_request, response) => answer(response, 'ok'));
    const fingerprint = () =>
      new Promise<string>((resolve, reject) => {
        const socket = tls.connect({ host: '127.0.0.1', port: server.port, ca: pki.authority.certificatePem }, () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    const before = await fingerprint();
    const next = await issueCertificate(pki.authority, {
      commonName: 'server',
      ipAddresses: ['127.0.0.1'],
      usages: ['server'],
      ...validity,
    });
    server.reloadCertificates({ cert: next.certificatePem, key: next.keyPem, clientCa: pki.authority.certificatePem });
    expect(await fingerprint()).not.toBe(before);
  });

  test('a client that never finishes its head is cut off', async () => {
    const server = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      tls: serverTls,
      clock: systemClock,
      headersTimeoutMs: 100,
      handle: async () => {},
    });
    opened.servers.push(server);
    const socket = tls.connect({ host: '127.0.0.1', port: server.port, ca: pki.authority.certificatePem }, () =>
      socket.write('GET / HTTP/1.1\r\nX-Slow: '),
    );
    let got = '';
    for await (const chunk of socket) got += (chunk as Buffer).toString();
    expect(got).toMatch(/^HTTP\/1.1 408 Request Timeout/);
  });

  test('close() lets a request under way finish, drops idle connections, and refuses new ones', async () => {
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const server = await serve(async (request, response) => {
      if (request.target === '/slow') await gate;
      answer(response, 'done');
    });
    const url = `https://127.0.0.1:${server.port}`;
    await (await client().request({ url: `${url}/idle` })).readAll(10);
    const session = http2.connect(url, { ca: pki.authority.certificatePem });
    await new Promise((resolve) => session.once('connect', resolve));
    const slow = client().request({ url: `${url}/slow` });
    await client().request({ url: `${url}/other` });
    const closed = server.close(10_000);
    await expect(client().request({ url })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    release();
    expect(text(await (await slow).readAll(10))).toBe('done');
    await closed;
  });

  test('close() drops what has not finished within its grace', async () => {
    const server = await serve(async (request) => {
      await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
    });
    const hanging = client().request({ url: `https://127.0.0.1:${server.port}/` });
    const failed = expect(hanging).rejects.toBeInstanceOf(HttpClientError);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server.close(20);
    await failed;
  });
});

test('a chunk that many connections are sent arrives whole and in its place, among others', async () => {
  const [shared, other] = [Buffer.from('shared,'), Buffer.alloc(100_000, 'x')];
  const server = await serve(async (request, response) => {
    response.head(200, {});
    await response.write(request.target === '/late' ? [shared] : []);
    for (const chunks of [[shared], [shared, other], [shared], [other], [shared]]) await response.write(chunks);
    response.end(Buffer.from('end'));
  });
  const body = (start: string) => `${start}shared,shared,${other}shared,${other}shared,end`;
  const read = (target: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = tls.connect({ port: server.port, host: '127.0.0.1', ca: pki.authority.certificatePem }, () => {
        // Two requests at once: the second answer has no connection before the first has been sent.
        for (const connection of ['keep-alive', 'close'])
          socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\n\r\n`);
      });
      let got = '';
      socket.on('data', (chunk: Buffer) => {
        got += chunk.toString('latin1');
      });
      socket.on('end', () => resolve(got));
      socket.on('error', reject);
    });
  for (const [target, start] of [
    ['/', ''],
    ['/late', 'shared,'],
  ] as const) {
    const answers = (await read(target)).split(/(?=HTTP\/1.1 200)/);
    expect(answers.map((one) => unchunked(one.slice(one.indexOf('\r\n\r\n') + 4)))).toEqual([body(start), body(start)]);
  }
  expect((await overHttp2(server.port, { ':path': '/' })).body).toBe(body(''));
});

/** The content of a chunked body. */
function unchunked(text: string): string {
  let content = '';
  for (let at = 0; ; ) {
    const line = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, line), 16);
    if (!(size > 0)) return content;
    content += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
}
