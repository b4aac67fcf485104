// What no port of this house agrees to in TLS: versions before 1.2, CBC, and key exchange without forward secrecy.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, issueCertificate } from './certificates.ts';
import { systemClock } from './clock.ts';
import { createHttpClient } from './http-client.ts';
import { startHttpServer } from './http-server.ts';
import { createReverseProxy } from './reverse-proxy.ts';

const validity = { notBeforeMs: systemClock.nowMs() - 60_000, notAfterMs: systemClock.nowMs() + 3_600_000 };
const authority = await createAuthority({ commonName: 'ca', ...validity });
const made = await issueCertificate(authority, { commonName: 'a', dnsNames: ['localhost'], usages: ['server'], ...validity });
const pair = { cert: made.certificatePem, key: made.keyPem };

const weak: readonly (readonly [string, tls.SecureContextOptions])[] = [
  ['TLS 1.0', { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL@SECLEVEL=0' }],
  ['TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }],
  ['CBC', { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384' }],
];
const strong: tls.SecureContextOptions = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' };

/** What a client of these settings and the server agree to; undefined: nothing. */
const agreed = (port: number, settings: tls.SecureContextOptions): Promise<string | undefined> =>
  new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false, ...settings });
    const end = (found: string | undefined) => {
      socket.destroy();
      resolve(found);
    };
    socket.on('secureConnect', () => end(`${socket.getProtocol()} ${socket.getCipher().name}`));
    socket.on('error', () => end(undefined));
    socket.on('close', () => resolve(undefined));
  });

/** A server that agrees to whatever the settings allow, and answers HTTP. */
async function server(settings: tls.SecureContextOptions) {
  const web = http.createServer((_request, response) => response.end('{}'));
  const listening = tls.createServer({ ...pair, ...settings }, (socket) => void web.emit('connection', socket));
  listening.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  const close = () => {
    web.closeAllConnections();
    return new Promise((resolve) => listening.close(resolve));
  };
  return { port, close };
}

const ports = { api: 0, ingress: 0 };
const closing: (() => unknown)[] = [];
beforeAll(async () => {
  // The API server's port and the kubelet's.
  const api = await startHttpServer({ host: '127.0.0.1', port: 0, tls: pair, clock: systemClock, handle: async () => {} });
  const ingress = createReverseProxy({
    clock: systemClock,
    route: () => ({ to: 'answer', status: 404, text: '' }),
    certificate: () => pair,
  });
  ports.api = api.port;
  ports.ingress = await ingress.listen({ host: '127.0.0.1', port: 0, secure: true });
  closing.push(
    () => api.close(0),
    () => ingress.close(0),
  );
});
afterAll(async () => {
  for (const close of closing) await close();
});

describe.each(weak)('%s', (_name, settings) => {
  test('is refused by the ports of the API server, the kubelet and the ingress', async () => {
    expect(await agreed(ports.api, settings)).toBeUndefined();
    expect(await agreed(ports.ingress, settings)).toBeUndefined();
  });

  test('is refused by the client that calls webhooks, kubelets and aggregated servers', async () => {
    const { port, close } = await server(settings);
    const client = createHttpClient({ clock: systemClock, tls: { ca: authority.certificatePem, serverName: 'localhost' } });
    try {
      // The server itself would: another client shows it.
      expect(await agreed(port, settings)).toMatch(/^TLSv1/);
      await expect(client.request({ url: `https://127.0.0.1:${port}/` })).rejects.toThrow();
    } finally {
      client.close();
      await close();
    }
  });
});

test('what is strong is agreed to, at both ends', async () => {
  expect(await agreed(ports.api, strong)).toBe('TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256');
  expect(await agreed(ports.ingress, strong)).toBe('TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256');
  const { port, close } = await server(strong);
  const client = createHttpClient({ clock: systemClock, tls: { ca: authority.certificatePem, serverName: 'localhost' } });
  const answer = await client.request({ url: `https://127.0.0.1:${port}/` });
  expect([answer.status, Buffer.from(await answer.readAll(10)).toString()]).toEqual([200, '{}']);
  client.close();
  await close();
});
