import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { systemRandom } from '../../base/ports/random.ts';
import { ensurePki, keepRenewed, type Pki } from './pki.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'minke-pki-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const names = { nodeName: 'n1', addresses: ['192.0.2.7'], serviceAddress: '10.96.0.1' };
const options = (clock: VirtualClock) => ({ dataDir, names, fs: systemFiles, clock, randomBytes: systemRandom.bytes });

test('the first start makes everything, the second takes it as it is', async () => {
  const clock = new VirtualClock({ settle: turn });
  const first = await ensurePki(options(clock));
  expect(await ensurePki(options(clock))).toEqual(first);
  const authority = new X509Certificate(first.authorityPem);
  const frontProxy = new X509Certificate(first.frontProxyAuthorityPem);
  for (const [name, leaf] of Object.entries(first.leaves)) {
    const signer = name === 'front-proxy-client' ? frontProxy : authority;
    for (const one of [authority, frontProxy]) expect(new X509Certificate(leaf.certificatePem).verify(one.publicKey)).toBe(one === signer);
  }
  expect(first.adminToken).toMatch(/^[0-9a-f]{64}$/);
  for (const file of ['pki/ca.key', 'pki/front-proxy-ca.key', 'pki/apiserver.key', 'pki/sa.key', 'admin.token'])
    expect(statSync(join(dataDir, file)).mode & 0o777).toBe(0o600);
});

test('a new address gets a new certificate; the authority and the token stay', async () => {
  const clock = new VirtualClock({ settle: turn });
  const first = await ensurePki(options(clock));
  const second = await ensurePki({ ...options(clock), names: { ...names, addresses: ['198.51.100.9'] } });
  expect(second.leaves.apiserver.certificatePem).not.toBe(first.leaves.apiserver.certificatePem);
  expect(second.leaves.admin).toEqual(first.leaves.admin);
  expect(second.authorityPem).toBe(first.authorityPem);
  expect(second.adminToken).toBe(first.adminToken);
});

test('a running cluster renews its certificates before they end, and leaves the admin alone', async () => {
  // Signing uses the machine's threads, so that "settled" must also wait for real work.
  const clock = new VirtualClock({ settle: () => new Promise((resolve) => setTimeout(resolve, 0)) });
  const first = await ensurePki(options(clock));
  const renewed: Pki[] = [];
  const stop = new AbortController();
  const running = keepRenewed({ ...options(clock), log: silentLogger, signal: stop.signal, onRenewed: (pki) => renewed.push(pki) }, first);
  await clock.settle();
  clock.nowMs = () => Date.UTC(2026, 0, 1) + 300 * 24 * 60 * 60 * 1000;
  await clock.advance(60 * 60 * 1000);
  for (let i = 0; i < 500 && renewed.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 2));
  stop.abort();
  await running;
  expect(renewed).toHaveLength(1);
  expect(renewed[0]?.leaves.apiserver.certificatePem).not.toBe(first.leaves.apiserver.certificatePem);
  expect(renewed[0]?.leaves.admin).toEqual(first.leaves.admin);
});
