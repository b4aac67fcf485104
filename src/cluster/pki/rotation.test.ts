// Every certificate that a cluster makes is renewed before its end while it runs, and connections go on: over real sockets, under a clock of ours.
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger, VirtualClock } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { createHttpClient } from '../../base/ports/http-client.ts';
import { type HttpServerRequest, type HttpServerResponse, startHttpServer } from '../../base/ports/http-server.ts';
import { systemRandom } from '../../base/ports/random.ts';
import type { Client } from '../../client/mod.ts';
import { keepNodeCertificates, type NodeCertificate, requestCertificate } from './node-credentials.ts';
import { ensurePki, keepRenewed, type Pki, readAuthority } from './pki.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** Sockets judge certificates by the machine's time: the first ones are 300 days old by then, of a year. */
const startMs = systemClock.nowMs() - 300 * dayMs;

let dataDir: string;
const closing: (() => unknown)[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'minke-rotation-'));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(dataDir, { recursive: true });
});

/** Signing uses the machine's threads, so that "settled" must also wait for real work. */
const makeClock = () => new VirtualClock({ startMs, settle: () => new Promise((resolve) => setTimeout(resolve, 0)) });

/** Two thirds of a year later and more; then until `done`. */
async function daysLater(clock: VirtualClock, done: () => boolean): Promise<void> {
  clock.nowMs = () => startMs + 300 * dayMs;
  await clock.advance(60 * 60 * 1000);
  for (let i = 0; i < 1_000 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(done()).toBe(true);
}

test('the server’s own: each before its end, a request under way goes on, and the next one meets the new certificates', async () => {
  const clock = makeClock();
  const names = { nodeName: 'n1', addresses: ['192.0.2.7'], serviceAddress: '10.96.0.1' };
  const options = { dataDir, names, fs: systemFiles, clock, randomBytes: systemRandom.bytes };
  const first = await ensurePki(options);
  let finish: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const handle = async (request: HttpServerRequest, response: HttpServerResponse) => {
    response.head(200, {});
    response.write([Buffer.from(`${request.peerCertificate?.verified} ${request.peerCertificate?.commonName}`)]);
    if (request.target === '/watch') await gate;
    response.end(Buffer.from(' done'));
  };
  // As the API server asks a kubelet: with `apiserver-kubelet-client`, at a port with the certificate `kubelet`.
  const tlsOf = ({ leaves, authorityPem }: Pki) => ({
    server: { cert: leaves.kubelet.certificatePem, key: leaves.kubelet.keyPem, clientCa: authorityPem },
    client: {
      ca: authorityPem,
      cert: leaves['apiserver-kubelet-client'].certificatePem,
      key: leaves['apiserver-kubelet-client'].keyPem,
    },
  });
  const server = await startHttpServer({ host: '127.0.0.1', port: 0, tls: tlsOf(first).server, clock: systemClock, handle });
  const client = createHttpClient({ clock: systemClock, tls: tlsOf(first).client });
  closing.push(
    () => server.close(0),
    () => client.close(),
  );
  const url = `https://127.0.0.1:${server.port}`;
  const watch = await client.request({ url: `${url}/watch` });

  const renewed: Pki[] = [];
  const stop = new AbortController();
  const onRenewed = (next: Pki) => {
    server.reloadCertificates(tlsOf(next).server);
    client.setTls(tlsOf(next).client);
    renewed.push(next);
  };
  const keeping = keepRenewed({ ...options, log: silentLogger, signal: stop.signal, onRenewed }, first);
  await clock.settle();
  await daysLater(clock, () => renewed.length > 0);
  stop.abort();
  await keeping;

  const [next] = renewed as [Pki];
  for (const [name, before] of Object.entries(first.leaves)) {
    const [old, now] = [before, next.leaves[name as keyof Pki['leaves']]].map((pair) => new X509Certificate(pair.certificatePem));
    const endMs = Date.parse(old?.validTo ?? '');
    // The admin's lasts as long as the authority: nothing of it is to be renewed.
    if (name === 'admin') expect(endMs).toBeGreaterThan(startMs + 99 * 365 * dayMs);
    else {
      expect(Date.parse(now?.validFrom ?? '')).toBeLessThan(endMs);
      expect(Date.parse(now?.validTo ?? '')).toBeGreaterThan(endMs);
    }
  }
  expect([next.authorityPem, next.serviceAccountKeyPem]).toEqual([first.authorityPem, first.serviceAccountKeyPem]);

  const after = await client.request({ url: `${url}/` });
  expect(Buffer.from(await after.readAll(100)).toString()).toBe('true kube-apiserver-kubelet-client done');
  finish();
  expect(Buffer.from(await watch.readAll(100)).toString()).toBe('true kube-apiserver-kubelet-client done');
});

test('a node’s on another machine: asked of the cluster before their end', async () => {
  const clock = makeClock();
  const names = { nodeName: 'n1', addresses: [], serviceAddress: '10.96.0.1' };
  const pki = { dataDir, names, fs: systemFiles, clock, randomBytes: systemRandom.bytes };
  await ensurePki(pki);
  const { signCertificateRequest } = await import('../../base/ports/request-signing.ts');
  const nodeDir = mkdtempSync(join(tmpdir(), 'minke-rotation-'));
  closing.push(() => rmSync(nodeDir, { recursive: true }));
  await systemFiles.mkdir(join(nodeDir, 'pki'), { mode: 0o700 });
  // The cluster: it signs what is asked for, for a year.
  const signed: string[] = [];
  const client = {
    create: async (_type: unknown, { spec }: { spec: { request: string; usages: readonly string[]; signerName: string } }) => {
      signed.push(spec.signerName);
      const requestPem = Buffer.from(spec.request, 'base64').toString('latin1');
      const validity = { notBeforeMs: clock.nowMs(), notAfterMs: clock.nowMs() + 365 * dayMs };
      const pem = await signCertificateRequest(await readAuthority(pki), { requestPem, usages: spec.usages, ...validity });
      return { metadata: { name: Buffer.from(pem).toString('base64') } };
    },
    get: async (_type: unknown, { name }: { name: string }) => ({ status: { certificate: name } }),
  } as unknown as Client;
  const stop = new AbortController();
  const node = { dataDir: nodeDir, fs: systemFiles, clock, nodeName: 'n2', addresses: ['192.0.2.8'], signal: stop.signal };
  const first = {
    'kubelet-client': await requestCertificate(node, client, 'kubelet-client'),
    kubelet: await requestCertificate(node, client, 'kubelet'),
  };
  signed.length = 0;

  const renewed = new Map<NodeCertificate, string>();
  const onRenewed = (name: NodeCertificate, pair: { certificatePem: string }) => void renewed.set(name, pair.certificatePem);
  const keeping = keepNodeCertificates({ ...node, client, log: silentLogger, onRenewed });
  for (let i = 0; i < 200 && clock.timers === 0; i++) await clock.settle();
  expect(renewed.size).toBe(0);
  await daysLater(clock, () => renewed.size === 2);
  stop.abort();
  await keeping;
  expect(signed).toEqual(['kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kubelet-serving']);
  for (const name of ['kubelet-client', 'kubelet'] as const) {
    const [old, now] = [first[name].certificatePem, renewed.get(name) ?? ''].map((pem) => new X509Certificate(pem));
    expect(Date.parse(now?.validFrom ?? '')).toBeLessThan(Date.parse(old?.validTo ?? ''));
    expect(now?.subject).toContain('CN=system:node:n2');
  }
});
