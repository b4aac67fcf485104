// The proxy over real sockets: the API server before it, what "listens in a pod" behind it.
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../api/mod.ts';
import { createAuthority, issueCertificate } from '../../base/ports/certificates.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { createHttpClient, type HttpClient, type HttpRequest } from '../../base/ports/http-client.ts';
import { type HttpServer, startHttpServer } from '../../base/ports/http-server.ts';
import { acceptWebSocket, connectWebSocket } from '../../base/ports/websocket.ts';
import { adminToken, createEdge, createFakeCore, type FakeCore, janeToken, kindOf, nodeKind, podKind } from '../core.fake.ts';
import { handle } from '../server.ts';

const serviceKind = kindOf({ kind: 'Service', resource: 'services' });
const sliceKind = kindOf({ group: 'discovery.k8s.io', kind: 'EndpointSlice', resource: 'endpointslices' });
const podIP = '10.9.8.7';

let backend: http.Server;
let backendSockets: Set<Socket>;
let server: HttpServer;
let client: HttpClient;
let core: FakeCore;
let ca: string;
/** What the server dialled, and what its client was told to send along. */
const dialled: HttpRequest[] = [];
const kubeletAsked: string[] = [];
const askedToUpgrade: Duplex[] = [];
const slow: Duplex[] = [];
const url = () => `https://127.0.0.1:${server.port}`;
const path = '/api/v1/namespaces/default';

/** Tells what it was asked; some paths do more. */
function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  if (request.url === '/redirect') return void response.writeHead(302, { location: '/elsewhere?x=1' }).end();
  if (request.url === '/slow') {
    response.write('first ');
    slow.push(request.socket);
    return;
  }
  if (request.url === '/broken') {
    response.write('half');
    setImmediate(() => response.destroy());
    return;
  }
  let size = 0;
  let text = '';
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size < 1000) text += chunk.toString();
  });
  request.on('end', () => {
    response.writeHead(request.url === '/teapot' ? 418 : 200, { 'content-type': 'application/json', 'access-control-allow-origin': '*' });
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, size, text }));
  });
}

beforeAll(async () => {
  backend = http.createServer(answer);
  backendSockets = new Set();
  backend.on('connection', (socket) => {
    backendSockets.add(socket);
    socket.on('close', () => backendSockets.delete(socket));
  });
  backend.on('upgrade', (request, socket, head) => {
    // A raw socket has nobody else to hear its errors.
    socket.on('error', () => {});
    askedToUpgrade.push(socket);
    if (request.url === '/refuses') return void socket.resume().write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    if (request.headers.upgrade === 'SPDY/3.1') {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nhi ');
      return void socket.pipe(socket);
    }
    const connection = acceptWebSocket({ method: 'GET', headers: request.headers, socket, head, protocol: 'chat' });
    void (async () => {
      for await (const { data } of connection?.messages ?? []) await connection?.send(data);
    })();
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
  const authority = await createAuthority({ commonName: 'ca', ...validity });
  const certificate = await issueCertificate(authority, {
    commonName: 's',
    organizations: [],
    usages: ['server'],
    ipAddresses: ['127.0.0.1'],
    ...validity,
  });
  ca = authority.certificatePem;
  client = createHttpClient({ clock: systemClock, tls: { ca } });
  const real = createHttpClient({ clock: systemClock });
  // The one pod listens on this machine; every other address refuses.
  const moved = (request: HttpRequest): HttpRequest => {
    dialled.push(request);
    const here = request.url === `http://${podIP}:8080/`;
    return { ...request, url: here ? `http://127.0.0.1:${(backend.address() as AddressInfo).port}/` : 'http://127.0.0.1:1/' };
  };
  core = createFakeCore([podKind, nodeKind, serviceKind, sliceKind]);
  const edge = createEdge({
    core,
    clock: systemClock as never,
    backends: {
      ...real,
      request: async (request) => real.request(moved(request)),
      upgrade: async (request) => real.upgrade(moved(request)),
    },
    nodes: {
      async request({ method, target, headers, body }) {
        let sent = '';
        for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) sent += Buffer.from(chunk).toString();
        kubeletAsked.push(`${method} ${target} ${headers.authorization} ${sent}`);
        return {
          status: 200,
          headers: {},
          body: (async function* () {
            yield Buffer.from('of the kubelet');
          })(),
        };
      },
      upgrade: () => Promise.reject(new Error('connection refused')),
    },
  });
  server = await startHttpServer({
    ...{ host: '127.0.0.1', port: 0, clock: systemClock },
    tls: { cert: certificate.certificatePem, key: certificate.keyPem },
    handle: (request, response) => handle(edge.serve, request, response),
  });
});
afterAll(async () => {
  client.close();
  await server.close(0);
  for (const socket of backendSockets) socket.destroy();
  await new Promise((resolve) => backend.close(resolve));
});

const put = (kind: typeof podKind, name: string, rest: object) =>
  core.put(kind, { metadata: { name, namespace: 'default' }, ...rest } as KubeObject);
const endpoint = (address: string, more: object = {}) => ({
  ...{ addresses: [address], conditions: { ready: true }, targetRef: { kind: 'Pod', namespace: 'default', name: 'web' } },
  ...more,
});
const slice = (...endpoints: object[]) =>
  put(sliceKind, 'web-1', { addressType: 'IPv4', ports: [{ name: 'http', port: 8080 }], endpoints });
beforeEach(() => {
  dialled.length = 0;
  kubeletAsked.length = 0;
  put(podKind, 'web', {
    spec: { containers: [{ name: 'a', ports: [{ containerPort: 8080 }] }] },
    status: { podIP, podIPs: [{ ip: podIP }] },
  });
  put(serviceKind, 'web', { spec: { ports: [{ name: 'http', port: 80 }] } });
  slice(endpoint(podIP));
});

async function ask(method: string, target: string, more: Partial<HttpRequest> = {}, token = adminToken) {
  const headers = { authorization: `Bearer ${token}`, ...more.headers };
  const response = await client.request({ method, url: `${url()}/`, target, ...more, headers });
  const text = Buffer.from(await response.readAll(50_000_000)).toString();
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) as Record<string, unknown> };
}

describe('a set of valid responses', () => {
  const places = ['pods/web', 'pods/http:web:8080', 'services/web:http', 'services/web:80', 'services/http:web:http'];
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'];
  test.each(places.flatMap((place) => methods.map((method) => [place, method] as const)))('%s, %s', async (place, method) => {
    const { status, headers, text, json } = await ask(method, `${path}/${place}/proxy/some/path?method=${method}&x=%2F`);
    expect([status, headers['content-type'], headers['access-control-allow-origin']]).toEqual([200, 'application/json', undefined]);
    if (method === 'HEAD') return expect(text).toBe('');
    expect(json()).toMatchObject({ method, url: `/some/path?method=${method}&x=%2F` });
  });

  test.each(['GET', 'HEAD'])('%s without a path is led to one that ends in a slash', async (method) => {
    const { status, headers } = await ask(method, `${path}/pods/web/proxy?a=b`);
    expect([status, headers.location]).toEqual([301, `${path}/pods/web/proxy/?a=b`]);
    expect((await ask('POST', `${path}/pods/web/proxy`)).json()).toMatchObject({ url: '/' });
  });

  test('status and headers are the backend’s; a redirect to itself leads through the proxy', async () => {
    expect((await ask('GET', `${path}/pods/web/proxy/teapot`)).status).toBe(418);
    const { status, headers } = await ask('GET', `${path}/services/web:http/proxy/redirect`);
    expect([status, headers.location]).toEqual([302, `${path}/services/web:http/proxy/elsewhere?x=1`]);
  });

  test('a body streams up, whatever its size; what tells who the client is stays behind', async () => {
    const chunk = Buffer.alloc(100_000, 'x');
    const body = (async function* () {
      for (let i = 0; i < 60; i++) yield chunk;
    })();
    const sent = { body, headers: { 'x-remote-user': 'root', 'x-mine': 'yes' } };
    const seen = (await ask('POST', `${path}/pods/web/proxy/up`, sent)).json() as { size: number; headers: Record<string, string> };
    expect(seen.size).toBe(6_000_000);
    expect(seen.headers).toMatchObject({
      ...{ 'x-mine': 'yes', 'x-forwarded-for': '127.0.0.1', host: `127.0.0.1:${server.port}` },
      'x-forwarded-uri': `${path}/pods/web/proxy/up`,
    });
    for (const name of ['authorization', 'x-remote-user']) expect(seen.headers).not.toHaveProperty(name);
  });

  test('an answer streams down as it comes, and ends at the backend when the client goes', async () => {
    const response = await client.request({
      url: `${url()}${path}/pods/web/proxy/slow`,
      headers: { authorization: `Bearer ${adminToken}` },
    });
    for await (const chunk of response.body) {
      expect(Buffer.from(chunk).toString()).toBe('first ');
      break;
    }
    await expect.poll(() => slow.at(-1)?.destroyed).toBe(true);
  });

  test('an answer that breaks off does not look complete', async () => {
    await expect(ask('GET', `${path}/pods/web/proxy/broken`)).rejects.toThrow();
  });

  test('WebSocket', async () => {
    const connection = await connectWebSocket({
      url: `${url()}${path}/services/web:http/proxy/chat`,
      protocols: ['chat'],
      headers: { authorization: `Bearer ${adminToken}` },
      tls: { ca },
    });
    await connection.send(Buffer.from('echo'));
    for await (const { data } of connection.messages) {
      expect(Buffer.from(data).toString()).toBe('echo');
      break;
    }
    connection.close();
    expect(connection.protocol).toBe('chat');
  });

  test('SPDY, or whatever else both sides speak, as raw bytes', async () => {
    const answer = await client.upgrade({
      ...{ method: 'POST', url: `${url()}${path}/pods/web/proxy/raw` },
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'content-length': '0', authorization: `Bearer ${adminToken}` },
    });
    if (answer.as !== 'upgraded') throw new Error('refused');
    let got = Buffer.from(answer.head).toString();
    answer.socket.write('there');
    for await (const chunk of answer.socket) {
      got += (chunk as Buffer).toString();
      if (got.length >= 8) break;
    }
    expect([got, answer.headers.upgrade]).toEqual(['hi there', 'SPDY/3.1']);
  });

  test('a node’s kubelet, by the server’s own connection', async () => {
    core.put(nodeKind, { metadata: { name: 'n1' }, ...{ status: { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }] } } });
    for (const name of ['n1', 'n1:10250', 'https:n1:10250']) {
      const { text } = await ask('POST', `/api/v1/nodes/${name}/proxy/metrics?x=1`, { body: 'sent' });
      expect([text, kubeletAsked.pop()]).toEqual(['of the kubelet', 'POST /metrics?x=1 undefined sent']);
    }
    // The kubelet may be on loopback; nothing else is asked for there.
    expect((await ask('GET', '/api/v1/nodes/n1:2379/proxy/')).json()).toMatchObject({ code: 400, message: 'address not allowed' });
  });
});

describe('what cannot be had', () => {
  const cases: [string, () => void, number, string][] = [
    ['services/web:http', () => slice(), 503, 'no endpoints available for service "web:http"'],
    ['services/web', () => {}, 503, 'no endpoints available for service "web"'],
    [
      'services/web:http',
      () => slice(endpoint(podIP, { conditions: { ready: false } })),
      503,
      'no endpoints available for service "web:http"',
    ],
    ['services/web:81', () => {}, 503, 'no service port 81 found for service "web"'],
    ['services/ftp:web:http', () => {}, 400, 'invalid service request "ftp:web:http"'],
    ['services/none:80', () => {}, 404, 'services "none" not found'],
    ['pods/none', () => {}, 404, 'pods "none" not found'],
    ['pods/web:81', () => {}, 503, `error trying to reach service: dial tcp ${podIP}:81: connect: connection refused`],
    ['pods/web', () => put(podKind, 'web', { spec: {}, status: {} }), 400, 'address not allowed'],
  ];
  test.each(cases)('%s', async (place, prepare, code, message) => {
    prepare();
    expect((await ask('GET', `${path}/${place}/proxy/`)).json()).toMatchObject({ kind: 'Status', code, message });
  });

  test('whoever may read pods may not speak with them', async () => {
    const { status, json } = await ask('POST', `${path}/pods/web/proxy/x`, {}, janeToken);
    expect([status, (json() as { message: string }).message]).toEqual([
      403,
      expect.stringContaining(
        'pods "web" is forbidden: User "jane" cannot create resource "pods/proxy" in API group "" in the namespace "default"',
      ),
    ]);
    expect(dialled).toEqual([]);
  });
});

describe('CVE-2018-1002105: a refused upgrade leaves no channel to the backend', () => {
  const upgrade = (target: string, token = adminToken) =>
    client.upgrade({
      url: `${url()}${path}/pods/web/proxy${target}`,
      headers: { connection: 'Upgrade', upgrade: 'websocket', authorization: `Bearer ${token}` },
    });

  test('the backend’s refusal is an ordinary answer, and its connection is dropped', async () => {
    const answered = await upgrade('/refuses');
    if (answered.as !== 'refused') throw new Error('upgraded');
    expect([answered.response.status, Buffer.from(await answered.response.readAll(100)).toString()]).toEqual([403, 'no']);
    await expect.poll(() => askedToUpgrade.at(-1)?.readableEnded).toBe(true);
  });

  test('one that the backend is never asked for, neither', async () => {
    const answered = await upgrade('/chat', janeToken);
    if (answered.as !== 'refused') throw new Error('upgraded');
    expect([answered.response.status, dialled.length]).toEqual([403, 0]);
    answered.response.discard();
  });

  test('an upgrade that the connection does not ask for is none', async () => {
    const { json } = await ask('GET', `${path}/pods/web/proxy/x`, { headers: { upgrade: 'websocket', connection: 'keep-alive' } });
    expect((json() as { headers: object }).headers).not.toHaveProperty('upgrade');
  });
});

describe('CVE-2020-8562: endpoints and pods that point elsewhere', () => {
  test.each([
    ['127.0.0.1', 'the loopback address that a pod claims', '127.0.0.1', 400],
    ['169.254.169.254', 'the link-local address that a pod claims', '169.254.169.254', 400],
    ['192.0.2.1', 'an address that the pod does not have', podIP, 503],
  ])('%s: %s', async (address, _, ofPod, code) => {
    put(podKind, 'web', { spec: {}, status: { podIP: ofPod, podIPs: [{ ip: ofPod }] } });
    slice(endpoint(address));
    expect((await ask('GET', `${path}/services/web:http/proxy/`)).status).toBe(code);
    expect(dialled).toEqual([]);
  });

  test('an endpoint without a pod, or with one of another namespace', async () => {
    for (const targetRef of [undefined, { kind: 'Pod', namespace: 'other', name: 'web' }, { kind: 'Node', name: 'web' }]) {
      slice(endpoint(podIP, { targetRef }));
      expect((await ask('GET', `${path}/services/web:http/proxy/`)).status).toBe(503);
    }
    expect(dialled).toEqual([]);
  });
});

test('CVE-2022-3172: a redirect is never followed, and nobody’s credentials go with it', async () => {
  const { status } = await ask('GET', `${path}/pods/web/proxy/redirect`);
  expect([status, dialled.map(({ target, headers }) => [target, headers?.authorization])]).toEqual([302, [['/redirect', undefined]]]);
});
