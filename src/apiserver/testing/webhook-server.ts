// An HTTPS server with a CA of its own, as webhooks are served: for tests.
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { type CertifiedKey, createAuthority, issueCertificate } from '../../base/ports/certificates.ts';

const hourMs = 3_600_000;

export interface Asked {
  readonly path: string;
  readonly host: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever they like.
  readonly body: any;
}

/** What the server says: an object is sent as JSON with 200, a string as it is; `hang` never answers, `drop` breaks the connection. */
export type Say = object | string | 'hang' | 'drop' | { readonly status: number; readonly text: string };

export interface TestWebhook {
  /** `https://127.0.0.1:12345` */
  readonly url: string;
  readonly port: number;
  /** PEM in base64, as configurations have it. */
  readonly caBundle: string;
  /** Every request so far. */
  readonly asked: Asked[];
  /** Connections that were opened so far. */
  readonly connections: () => number;
  /** Closes what stands, as a server does that restarts. */
  dropIdle(): void;
  close(): Promise<void>;
}

export interface TestWebhookOptions {
  readonly answer: (asked: Asked) => Say | Promise<Say>;
  /** Default: the address 127.0.0.1 alone. */
  readonly dnsNames?: readonly string[];
}

/** Keys take a while to make: one authority serves a test file. */
let authority: Promise<CertifiedKey> | undefined;

export async function startTestWebhook({ answer, dnsNames = [] }: TestWebhookOptions): Promise<TestWebhook> {
  const validity = { notBeforeMs: Date.now() - hourMs, notAfterMs: Date.now() + hourMs };
  authority ??= createAuthority({ commonName: 'webhook-ca', ...validity });
  const ca = await authority;
  const leaf = await issueCertificate(ca, { commonName: 'hook', dnsNames, ipAddresses: ['127.0.0.1'], usages: ['server'], ...validity });
  const asked: Asked[] = [];
  let connections = 0;
  const server = https.createServer({ cert: leaf.certificatePem, key: leaf.keyPem }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const one: Asked = { path: request.url ?? '', host: request.headers.host, body: text === '' ? undefined : JSON.parse(text) };
      asked.push(one);
      const say = await answer(one);
      if (say === 'hang') return;
      if (say === 'drop') return void request.socket.destroy();
      if (typeof say === 'string') return void response.end(say);
      if ('status' in say && 'text' in say) return void response.writeHead(say.status).end(say.text);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(say));
    });
  });
  server.on('secureConnection', () => {
    connections++;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    caBundle: Buffer.from(ca.certificatePem).toString('base64'),
    asked,
    connections: () => connections,
    dropIdle: () => server.closeIdleConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
