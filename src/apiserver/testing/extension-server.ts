// An aggregated API server for tests: HTTPS with a CA of its own, which believes the front proxy about who asks, and serves one kind.
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createAuthority, issueCertificate } from '../../base/ports/certificates.ts';
import { acceptWebSocket } from '../../base/ports/websocket.ts';

const hourMs = 3_600_000;
export const extensionGroup = 'wardle.example.com';
const root = `/apis/${extensionGroup}/v1alpha1`;

export interface Seen {
  readonly method: string;
  readonly path: string;
  /** Each X-Remote-* field, in the order in which it came: `x-remote-group: dev`. */
  readonly remote: readonly string[];
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export interface TestExtension {
  readonly port: number;
  /** PEM in base64, as an APIService has it. */
  readonly caBundle: string;
  readonly seen: Seen[];
  /** False: every request is answered with 500. */
  healthy: boolean;
  close(): Promise<void>;
}

export interface TestExtensionOptions {
  readonly host: string;
  /** Whose clients are believed. */
  readonly frontProxyCaPem: string;
  readonly service?: string;
}

const flunder = (name: string) => ({ apiVersion: `${extensionGroup}/v1alpha1`, kind: 'Flunder', metadata: { name, namespace: 'default' } });
const schema = 'com.example.wardle.v1alpha1.Flunder';
const documents: Readonly<Record<string, object>> = {
  [root]: {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: `${extensionGroup}/v1alpha1`,
    resources: [
      {
        ...{ name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', shortNames: ['flu'] },
        verbs: ['create', 'delete', 'get', 'list', 'watch'],
      },
      { name: 'flunders/status', singularName: '', namespaced: true, kind: 'Flunder', verbs: ['get', 'patch', 'update'] },
    ],
  },
  '/openapi/v2': {
    swagger: '2.0',
    paths: {
      [`${root}/namespaces/{namespace}/flunders`]: { get: { responses: { 200: { schema: { $ref: `#/definitions/${schema}` } } } } },
      '/healthz': { get: {} },
    },
    definitions: {
      [schema]: {
        type: 'object',
        description: 'A flunder.',
        properties: { metadata: { $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' } },
        'x-kubernetes-group-version-kind': [{ group: extensionGroup, version: 'v1alpha1', kind: 'Flunder' }],
      },
      'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta': { type: 'object', description: 'Another one.' },
      unused: { type: 'object' },
    },
  },
  '/openapi/v3': { paths: { [root.slice(1)]: { serverRelativeURL: `/openapi/v3${root}?hash=ABC` }, version: { serverRelativeURL: '/x' } } },
  [`/openapi/v3${root}`]: { openapi: '3.0.0', info: { title: 'wardle', version: '0' }, paths: {} },
  [`${root}/namespaces/default/flunders`]: {
    ...flunder(''),
    kind: 'FlunderList',
    metadata: { resourceVersion: '1' },
    items: [flunder('a')],
  },
  [`${root}/namespaces/default/flunders/a`]: flunder('a'),
};

/** Listens on a free port of `host`. */
export async function startTestExtension({ host, frontProxyCaPem, service = 'api.wardle' }: TestExtensionOptions): Promise<TestExtension> {
  const validity = { notBeforeMs: Date.now() - hourMs, notAfterMs: Date.now() + hourMs };
  const authority = await createAuthority({ commonName: 'extension-ca', ...validity });
  const leaf = await issueCertificate(authority, {
    commonName: 'extension',
    dnsNames: [`${service}.svc`],
    usages: ['server'],
    ...validity,
  });
  const tls = { cert: leaf.certificatePem, key: leaf.keyPem, ca: frontProxyCaPem, requestCert: true, rejectUnauthorized: false };
  const seen: Seen[] = [];
  const state = { healthy: true };
  const server = https.createServer(tls, (request, response) => {
    const { method = '', url = '', headers, rawHeaders } = request;
    const socket = request.socket as TLSSocket;
    const remote = rawHeaders.flatMap((name, i) =>
      i % 2 === 0 && name.toLowerCase().startsWith('x-remote-') ? [`${name.toLowerCase()}: ${rawHeaders[i + 1]}`] : [],
    );
    seen.push({ method, path: url, remote, headers });
    const path = url.split('?')[0] ?? '';
    if (!state.healthy) return void response.writeHead(500).end('broken');
    if (!socket.authorized || socket.getPeerCertificate().subject.CN !== 'front-proxy-client') return void response.writeHead(401).end();
    if (path.endsWith('/flunders/elsewhere')) return void response.writeHead(302, { location: 'https://evil.example/' }).end();
    if (url.includes('watch=true')) {
      response.writeHead(200, { 'content-type': 'application/json' });
      return void response.write(`${JSON.stringify({ type: 'ADDED', object: flunder('a') })}\n`);
    }
    const document = documents[path];
    response
      .writeHead(document ? 200 : 404, { 'content-type': 'application/json' })
      .end(JSON.stringify(document ?? { kind: 'Status', code: 404 }));
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {});
    const { method = '', url = '', headers } = request;
    seen.push({ method, path: url, remote: [], headers });
    if (url.endsWith('/refused')) return void socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
    const connection = acceptWebSocket({ method, headers, socket, head, protocol: 'chat' });
    void (async () => {
      for await (const { data } of connection?.messages ?? []) await connection?.send(data);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return Object.assign(state, {
    port: (server.address() as AddressInfo).port,
    caBundle: Buffer.from(authority.certificatePem).toString('base64'),
    seen,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
