import http2 from 'node:http2';
import { networkInterfaces } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject } from '../api/mod.ts';
import { silentLogger } from '../base/mod.ts';
import { createAuthority, issueCertificate } from '../base/ports/certificates.ts';
import { systemClock } from '../base/ports/clock.ts';
import { createHttpClient, type HttpClient } from '../base/ports/http-client.ts';
import { type HttpServer, startHttpServer } from '../base/ports/http-server.ts';
import { systemRandom } from '../base/ports/random.ts';
import { acceptWebSocket, connectWebSocket } from '../base/ports/websocket.ts';
import { staticTokens } from './authn/static-tokens.ts';
import { adminToken, createFakeCore, encoded, type FakeCore, nodeKind, podKind } from './core.fake.ts';
import { versionInfo } from './health/health.ts';
import { httpNodeConnection } from './proxy/node-connection.ts';
import { type ApiServer, startApiServer } from './server.ts';

const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
type Certificate = { certificatePem: string; keyPem: string };
let ca: string;
let serverCertificate: Certificate;
let adminCertificate: Certificate;
let kubeletClientCertificate: Certificate;
let kubelet: HttpServer;
let client: HttpClient;
const seenByKubelet: string[] = [];

beforeAll(async () => {
  const authority = await createAuthority({ commonName: 'ca', ...validity });
  const issue = (commonName: string, organizations: string[], usages: ('server' | 'client')[]) =>
    issueCertificate(authority, { commonName, organizations, usages, ipAddresses: ['127.0.0.1'], ...validity });
  ca = authority.certificatePem;
  serverCertificate = await issue('server', [], ['server']);
  adminCertificate = await issue('root', ['system:masters'], ['client']);
  kubeletClientCertificate = await issue('kube-apiserver-kubelet-client', [], ['client']);
  client = createHttpClient({ clock: systemClock, tls: { ca, cert: adminCertificate.certificatePem, key: adminCertificate.keyPem } });
  kubelet = await startKubelet();
});
afterAll(async () => {
  client.close();
  await kubelet.close(0);
});

/** Answers logs in two pieces, and echoes on upgraded connections. */
function startKubelet(): Promise<HttpServer> {
  return startHttpServer({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    tls: { cert: serverCertificate.certificatePem, key: serverCertificate.keyPem, clientCa: ca },
    handle: async (request, response) => {
      seenByKubelet.push(
        `${request.method} ${request.target} by ${request.peerCertificate?.commonName} auth=${request.headers.authorization}`,
      );
      if (request.target.includes('/creating')) {
        response.head(400, {});
        return response.end(Buffer.from('container "app" in pod "web" is waiting to start: ContainerCreating'));
      }
      if (request.target.startsWith('/containerLogs/')) {
        response.head(200, { 'content-type': 'text/plain' });
        await response.write([Buffer.from('line 1\n')]);
        if (request.target.includes('follow'))
          return void (await new Promise((resolve) => request.signal.addEventListener('abort', resolve)).then(() =>
            seenByKubelet.push('gone'),
          ));
        return response.end(Buffer.from('line 2\n'));
      }
      if (request.target.includes('/gone/')) {
        response.head(404, { 'content-type': 'text/plain' });
        return response.end(Buffer.from('container not found ("app")'));
      }
      const upgraded = response.takeSocket();
      if (request.headers.upgrade === 'websocket') {
        const connection = acceptWebSocket({
          method: request.method,
          headers: request.headers,
          ...upgraded,
          protocol: 'v5.channel.k8s.io',
        });
        for await (const { data } of connection?.messages ?? []) await connection?.send(data);
        return;
      }
      upgraded.socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\nhi ',
      );
      upgraded.socket.pipe(upgraded.socket);
    },
  });
}

const running: { server: ApiServer; stop: AbortController }[] = [];
afterEach(async () => {
  for (const { server, stop } of running.splice(0)) {
    stop.abort();
    await server.closed;
  }
});

async function start(
  core: FakeCore = createFakeCore(),
): Promise<{ server: ApiServer; core: FakeCore; url: string; stop: AbortController }> {
  const nodeClient = createHttpClient({
    clock: systemClock,
    tls: { ca, cert: kubeletClientCertificate.certificatePem, key: kubeletClientCertificate.keyPem },
  });
  const stop = new AbortController();
  stop.signal.addEventListener('abort', () => nodeClient.close());
  const server = await startApiServer({
    core,
    nodes: httpNodeConnection(nodeClient),
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    tokens: [staticTokens([{ token: adminToken, user: { name: 'admin', groups: ['system:masters'] } }])],
    version: versionInfo({ minke: '0.1.0', runtime: 'v20', platform: 'linux/amd64' }),
    listen: { host: '127.0.0.1', port: 0 },
    tls: { cert: serverCertificate.certificatePem, key: serverCertificate.keyPem, clientCa: ca },
    signal: stop.signal,
  });
  running.push({ server, stop });
  return { server, core, url: `https://127.0.0.1:${server.port}`, stop };
}

const getText = async (url: string, headers = {}) => {
  const response = await client.request({ url, headers });
  return { status: response.status, headers: response.headers, text: Buffer.from(await response.readAll(50_000_000)).toString() };
};

const pod = (name: string, spec: object): KubeObject => ({ metadata: { name, namespace: 'default' }, spec }) as KubeObject;
const node = (port: number): KubeObject =>
  ({
    metadata: { name: 'n1' },
    status: {
      addresses: [
        { type: 'Hostname', address: 'nowhere.invalid' },
        { type: 'InternalIP', address: '127.0.0.1' },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    },
  }) as KubeObject;
const web = { nodeName: 'n1', containers: [{ name: 'app' }] };

describe('over real sockets', () => {
  test('HTTP/1.1 with a client certificate', async () => {
    const { url, core } = await start();
    core.put(podKind, pod('web', {}));
    const { status, headers, text } = await getText(`${url}/api/v1/namespaces/default/pods/web`);
    expect([status, text]).toEqual([200, '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"default"},"spec":{}}\n']);
    expect(headers['audit-id']).toMatch(/-/);
    expect(core.requests[0]?.context.user).toMatchObject({ name: 'root', groups: ['system:masters', 'system:authenticated'] });
  });

  test('HTTP/2 with a token; POST; HEAD without a body', async () => {
    const { url } = await start();
    const session = http2.connect(url, { ca });
    const ask = async (headers: http2.OutgoingHttpHeaders, body = '') => {
      const stream = session.request({ authorization: `Bearer ${adminToken}`, ...headers });
      if (body !== '') stream.end(body);
      let status = 0;
      stream.on('response', (head) => {
        status = head[':status'] ?? 0;
      });
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      return [status, Buffer.concat(chunks).toString()];
    };
    const path = '/api/v1/namespaces/default/pods';
    expect(await ask({ ':path': path, ':method': 'POST' }, '{"metadata":{"name":"a"}}')).toEqual([201, '{"metadata":{"name":"a"}}\n']);
    expect((await ask({ ':path': `${path}/b` }))[0]).toBe(404);
    expect(await ask({ ':path': `${path}/a`, ':method': 'HEAD' })).toEqual([405, '']);
    session.close();
  });

  test('a list of many megabytes streams whole', async () => {
    const { url, core } = await start();
    for (let i = 0; i < 2000; i++) core.put(podKind, pod(`p${i}`, { text: 'x'.repeat(5000) }));
    const { text } = await getText(`${url}/api/v1/pods`);
    expect((JSON.parse(text) as { items: unknown[] }).items.length).toBe(2000);
  });

  test('3 MB is the most that a body may have', async () => {
    const { url } = await start();
    const post = (size: number) =>
      client.request({
        method: 'POST',
        url: `${url}/api/v1/namespaces/a/pods`,
        body: Buffer.from(JSON.stringify({ metadata: { name: 'a' }, x: 'x'.repeat(size) })),
      });
    const fits = await post(3_000_000);
    expect(fits.status).toBe(201);
    fits.discard();
    const large = await post(3_200_000);
    expect(large.status).toBe(413);
    large.discard();
  });

  test('a watch gives its head at once and events as they come, and ends when the server stops', async () => {
    const { url, core, stop, server } = await start();
    core.frames = [[{ type: 'ADDED', entry: encoded(pod('a', {})) }]];
    const response = await client.request({ url: `${url}/api/v1/pods?watch=true` });
    const lines: string[] = [];
    const read = (async () => {
      for await (const chunk of response.body) {
        lines.push(Buffer.from(chunk).toString());
        stop.abort();
      }
    })();
    await read;
    await server.closed;
    expect(lines.join('')).toBe('{"type":"ADDED","object":{"metadata":{"name":"a","namespace":"default"},"spec":{}}}\n');
  });

  test('a client that goes ends its watch', async () => {
    const { url, core } = await start();
    const response = await client.request({ url: `${url}/api/v1/pods?watch=true` });
    const { signal } = core.requests[0]?.context ?? {};
    const ended = new Promise((resolve) => signal?.addEventListener('abort', resolve));
    response.discard();
    await ended;
    expect(signal?.aborted).toBe(true);
  });

  test('a watch over WebSocket, the token among the subprotocols', async () => {
    const { url, core } = await start();
    core.frames = [[{ type: 'ADDED', entry: encoded(pod('a', {})) }]];
    core.endWatch = true;
    const token = `base64url.bearer.authorization.k8s.io.${Buffer.from(adminToken).toString('base64url')}`;
    const connection = await connectWebSocket({ url: `${url}/api/v1/pods?watch=true`, protocols: [token, 'minke'], tls: { ca } });
    const messages: string[] = [];
    for await (const { data } of connection.messages) messages.push(Buffer.from(data).toString());
    expect([connection.protocol, messages]).toEqual([
      'minke',
      ['{"type":"ADDED","object":{"metadata":{"name":"a","namespace":"default"},"spec":{}}}'],
    ]);
  });

  test('a watch over WebSocket in protobuf: one binary message an event, without a length before it', async () => {
    const { url, core } = await start();
    core.frames = [[{ type: 'ADDED', entry: encoded(pod('a', {})) }]];
    core.endWatch = true;
    const headers = { authorization: `Bearer ${adminToken}`, accept: 'application/vnd.kubernetes.protobuf;stream=watch' };
    const connection = await connectWebSocket({ url: `${url}/api/v1/pods?watch=true`, headers, tls: { ca } });
    const messages: Buffer[] = [];
    for await (const { data } of connection.messages) messages.push(Buffer.from(data));
    const head = Buffer.from('\n\u0005ADDED');
    expect(messages.map((message) => [message.subarray(0, head.length).equals(head), message.includes('k8s\0')])).toEqual([[true, true]]);
  });
});

test('what listens in a pod may have any certificate, and is shown none', async () => {
  // The pod's address may not be on loopback.
  const host = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
  if (host === undefined) throw new Error('This machine has no address but loopback');
  const other = await createAuthority({ commonName: 'other', ...validity });
  const certificate = await issueCertificate(other, { commonName: 'pod', organizations: [], usages: ['server'], ...validity });
  const inPod = await startHttpServer({
    ...{ host, port: 0, clock: systemClock, tls: { cert: certificate.certificatePem, key: certificate.keyPem } },
    handle: async (request, response) => {
      response.head(200, {});
      response.end(Buffer.from(`${request.method} ${request.target} ${request.peerCertificate} ${request.headers.authorization}`));
    },
  });
  try {
    const { url, core } = await start();
    core.put(podKind, { ...pod('web', {}), ...{ status: { podIP: host } } });
    const { status, text } = await getText(`${url}/api/v1/namespaces/default/pods/https:web:${inPod.port}/proxy/a?b=c`);
    expect([status, text]).toEqual([200, 'GET /a?b=c undefined undefined']);
  } finally {
    await inPod.close(0);
  }
});

describe('on to the kubelet', () => {
  const startWithPod = async (spec: object = web) => {
    const made = await start();
    made.core.put(podKind, pod('web', spec));
    made.core.put(podKind, pod('creating', web));
    made.core.put(podKind, pod('gone', web));
    made.core.put(nodeKind, node(kubelet.port));
    return { ...made, path: `${made.url}/api/v1/namespaces/default/pods` };
  };

  test('logs stream, by the server’s own certificate', async () => {
    const { path } = await startWithPod();
    expect(await getText(`${path}/web/log?tailLines=2`)).toMatchObject({ status: 200, text: 'line 1\nline 2\n' });
    expect(seenByKubelet.at(-1)).toBe('GET /containerLogs/default/web/app?tailLines=2 by kube-apiserver-kubelet-client auth=undefined');
  });

  test('a followed log comes as it is written, and ends at the kubelet when the client goes', async () => {
    const { path } = await startWithPod();
    const response = await client.request({ url: `${path}/web/log?follow=true` });
    for await (const chunk of response.body) {
      expect(Buffer.from(chunk).toString()).toBe('line 1\n');
      break;
    }
  });

  test.each([
    ['', ['', 'line 1\n', 'line 2\n']],
    ['binary.k8s.io', ['', 'line 1\n', 'line 2\n']],
    ['base64.binary.k8s.io', ['', 'bGluZSAxCg==', 'bGluZSAyCg==']],
  ])('a log over WebSocket by protocol %j: %j', async (protocol, expected) => {
    const { path } = await startWithPod();
    const headers = { authorization: `Bearer ${adminToken}` };
    const protocols = protocol === '' ? [] : [protocol];
    const connection = await connectWebSocket({ url: `${path}/web/log`, protocols, headers, tls: { ca } });
    const messages: string[] = [];
    for await (const { data } of connection.messages) messages.push(Buffer.from(data).toString());
    expect([connection.protocol, messages, (await connection.closed).code]).toEqual([protocol, expected, 1000]);
  });

  test('a followed log over WebSocket ends at the kubelet when the client goes; no other protocol is spoken', async () => {
    const { path } = await startWithPod();
    const headers = { authorization: `Bearer ${adminToken}` };
    const connection = await connectWebSocket({ url: `${path}/web/log?follow=true`, headers, tls: { ca } });
    for await (const { data } of connection.messages) if (Buffer.from(data).toString() === 'line 1\n') break;
    const before = seenByKubelet.length;
    connection.close();
    await expect.poll(() => seenByKubelet.slice(before)).toEqual(['gone']);
    const strange = connectWebSocket({ url: `${path}/web/log`, protocols: ['soap'], headers, tls: { ca } });
    await expect(strange).rejects.toMatchObject({
      code: 400,
      body: expect.stringContaining('server speaks [binary.k8s.io, base64.binary.k8s.io]'),
    });
  });

  test('the kubelet’s reason reaches the client as a Status', async () => {
    const { path } = await startWithPod();
    const { status, text } = await getText(`${path}/creating/log`);
    expect([status, JSON.parse(text)]).toMatchObject([
      400,
      { reason: 'BadRequest', message: 'container "app" in pod "web" is waiting to start: ContainerCreating' },
    ]);
  });

  test('a pod without a node has an empty log', async () => {
    const { path } = await startWithPod({ containers: [{ name: 'app' }] });
    expect((await getText(`${path}/web/log`)).status).toBe(204);
  });

  test('a node that does not answer is a 500 that says so', async () => {
    const { path, core } = await startWithPod();
    core.put(nodeKind, node(1));
    const { status, text } = await getText(`${path}/web/log`);
    expect([status, text]).toMatchObject([500, expect.stringContaining('error dialing backend')]);
  });

  test('exec over SPDY is passed through as raw bytes both ways, without the client’s credentials', async () => {
    const { path } = await startWithPod();
    const answer = await client.upgrade({
      method: 'POST',
      url: `${path}/web/exec?command=sh&command=-c&stdin=true&stdout=true&tty=true`,
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'content-length': '0', authorization: `Bearer ${adminToken}` },
    });
    if (answer.as !== 'upgraded') throw new Error('refused');
    expect(answer.headers['x-stream-protocol-version']).toBe('v4.channel.k8s.io');
    let text = Buffer.from(answer.head).toString();
    answer.socket.write('there');
    for await (const chunk of answer.socket) {
      text += (chunk as Buffer).toString();
      if (text.length >= 8) break;
    }
    expect(text).toBe('hi there');
    expect(seenByKubelet.at(-1)).toBe(
      'POST /exec/default/web/app?input=1&output=1&tty=1&command=sh&command=-c by kube-apiserver-kubelet-client auth=undefined',
    );
  });

  test('exec over WebSocket', async () => {
    const { path } = await startWithPod();
    const connection = await connectWebSocket({
      url: `${path}/web/exec?command=ls&stdout=1`,
      protocols: ['v5.channel.k8s.io'],
      headers: { authorization: `Bearer ${adminToken}` },
      tls: { ca },
    });
    await connection.send(Buffer.from('echo'));
    for await (const { data } of connection.messages) {
      expect(Buffer.from(data).toString()).toBe('echo');
      break;
    }
    connection.close();
    expect(connection.protocol).toBe('v5.channel.k8s.io');
  });

  test('a refusal of the kubelet’s is the answer; without an upgrade there is none', async () => {
    const { path } = await startWithPod();
    const upgrade = { connection: 'Upgrade', upgrade: 'SPDY/3.1' };
    const answer = await client.upgrade({ method: 'POST', url: `${path}/gone/exec?command=ls`, headers: upgrade });
    if (answer.as !== 'refused') throw new Error('upgraded');
    expect([answer.response.status, Buffer.from(await answer.response.readAll(100)).toString()]).toEqual([
      404,
      'container not found ("app")',
    ]);
    expect(JSON.parse((await getText(`${path}/web/exec?command=ls`)).text)).toMatchObject({
      code: 400,
      message: 'Upgrade request required',
    });
    const foreign = await client.upgrade({ url: `${path}/web/exec?command=ls&container=nope`, headers: upgrade });
    if (foreign.as !== 'refused') throw new Error('upgraded');
    expect(JSON.parse(Buffer.from(await foreign.response.readAll(1000)).toString())).toMatchObject({
      code: 400,
      message: 'container nope is not valid for pod web',
    });
  });

  test('stopping the server ends connections to containers', async () => {
    const { path, stop, server } = await startWithPod();
    const answer = await client.upgrade({
      method: 'POST',
      url: `${path}/web/exec?command=sh`,
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1' },
    });
    if (answer.as !== 'upgraded') throw new Error('refused');
    answer.socket.on('error', () => {});
    const ended = new Promise((resolve) => answer.socket.on('close', resolve));
    answer.socket.resume();
    stop.abort();
    await ended;
    await server.closed;
    expect(answer.socket.destroyed).toBe(true);
  });
});
