// Encryption at rest with a KMS plugin: a real gRPC server at a unix socket keeps the keys; they change, it goes away and comes back, the file changes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SeededRandom, silentLogger, VirtualClock } from '../../base/mod.ts';
import { systemClock, turn } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { grpc } from '../../base/ports/grpc.ts';
import { encryptedStore, openMemoryStore, type Store } from '../../store/mod.ts';
import { openEncryption } from './encryption.ts';
import { kmsMessages } from './kms-plugin.ts';
import type { MachinePorts } from './ports.ts';

let dir: string;
let stop: AbortController;
const ends: (() => unknown)[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'minke-kms-'));
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  for (const end of ends.splice(0)) await end();
  await rm(dir, { recursive: true, force: true });
});

/** Encrypts by turning every bit, under the key that it is told to use. */
interface Plugin {
  keyId: string;
  healthz: string;
  readonly asked: Record<keyof typeof kmsMessages, number>;
}
const flipped = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes, (byte) => byte ^ 0xff);

async function startPlugin(socket: string): Promise<Plugin> {
  const plugin: Plugin = { keyId: 'one', healthz: 'ok', asked: { Status: 0, Encrypt: 0, Decrypt: 0 } };
  const annotations = [{ key: 'version.example.com', value: Buffer.from('1') }];
  // biome-ignore lint/suspicious/noExplicitAny: the messages of three methods.
  const answers: Record<keyof typeof kmsMessages, (request: any) => object> = {
    Status: () => ({ version: 'v2', healthz: plugin.healthz, keyId: plugin.keyId }),
    Encrypt: ({ plaintext }) => ({ ciphertext: flipped(plaintext), keyId: plugin.keyId, annotations }),
    Decrypt: ({ ciphertext, annotations: [first] }) => ({
      plaintext: first?.key === 'version.example.com' ? flipped(ciphertext) : Buffer.of(),
    }),
  };
  const server = new grpc.Server();
  const names = ['Status', 'Encrypt', 'Decrypt'] as const;
  const methods = names.map((name) => {
    const { request, response } = kmsMessages[name];
    const path = `/v2.KeyManagementService/${name}`;
    const read = (bytes: Buffer) => request.decode(bytes);
    const write = (value: object) => response.encode(value as never);
    const streams = { requestStream: false, responseStream: false };
    const codec = {
      requestSerialize: () => Buffer.of(),
      requestDeserialize: read,
      responseSerialize: write,
      responseDeserialize: () => ({}),
    };
    return [name, { path, ...streams, ...codec }] as const;
  });
  const handlers = names.map((name) => {
    // biome-ignore lint/suspicious/noExplicitAny: the library's own types are by method.
    const handle = (call: { request: any }, done: (error: null, value: object) => void) => {
      plugin.asked[name]++;
      done(null, answers[name](call.request));
    };
    return [name, handle] as const;
  });
  server.addService(Object.fromEntries(methods), Object.fromEntries(handlers));
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, grpc.ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
  });
  ends.push(() => server.forceShutdown());
  return plugin;
}

const configOf = (providers: string) =>
  `kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources: [{ resources: [secrets], providers: [${providers}] }]\n`;
const kms = () => `{ kms: { apiVersion: v2, name: vault, endpoint: 'unix://${join(dir, 'kms.sock')}' } }`;
const path = () => join(dir, 'config.yaml');

async function open(disk: Store, { reload = false, clock = systemClock as MachinePorts['clock'] } = {}) {
  const ports = { clock, random: new SeededRandom(ends.length), fs: systemFiles } as unknown as MachinePorts;
  const opened = await openEncryption({ path: path(), reload }, { ports, log: silentLogger, signal: stop.signal });
  ends.push(() => opened.stopped);
  return { ...opened, store: encryptedStore(disk, opened.rules) };
}

const key = (name: string) => `/registry/core/secrets/default/${name}`;
const put = (store: Store, name: string, value = 'precious') => store.write({ do: 'create', key: key(name), value: Buffer.from(value) });
const read = async (store: Store, name: string) => {
  const found = await store.read(key(name));
  return found?.unreadable ?? Buffer.from(found?.value ?? []).toString();
};

test('the plugin encrypts one seed a start; values of earlier starts are read, and it is asked once for each seed', async () => {
  const plugin = await startPlugin(join(dir, 'kms.sock'));
  await systemFiles.write(path(), configOf(`${kms()}, { identity: {} }`), { mode: 0o600 });
  const disk = openMemoryStore();
  const first = await open(disk);
  for (const name of ['a', 'b', 'c']) await put(first.store, name, `precious ${name}`);
  const bytes = Buffer.from((await disk.read(key('a')))?.value ?? []).toString('latin1');
  expect(bytes.startsWith('k8s:enc:kms:v2:vault:')).toBe(true);
  expect(bytes).not.toContain('precious');
  expect(plugin.asked).toEqual({ Status: 1, Encrypt: 1, Decrypt: 0 });
  const second = await open(disk);
  const { items } = await second.store.list('/registry/core/secrets/');
  expect(items.map(({ value }) => Buffer.from(value).toString())).toEqual(['precious a', 'precious b', 'precious c']);
  expect(plugin.asked).toEqual({ Status: 2, Encrypt: 2, Decrypt: 1 });
  // A value that is moved to another key is not accepted.
  await disk.write({ do: 'create', key: key('moved'), value: (await disk.read(key('a')))?.value ?? Buffer.of() });
  expect(await read(second.store, 'moved')).toContain('message authentication failed');
});

test('when the key of the plugin changes, new values are under a new seed, old ones are stale', async () => {
  const plugin = await startPlugin(join(dir, 'kms.sock'));
  await systemFiles.write(path(), configOf(kms()), { mode: 0o600 });
  const clock = new VirtualClock({ settle: turn });
  // Deadlines of gRPC are of the real clock.
  const late = {
    ...clock,
    nowMs: () => Date.now() + clock.monotonicMs(),
    monotonicMs: () => clock.monotonicMs(),
    after: clock.after.bind(clock),
  };
  const { store, health } = await open(openMemoryStore(), { clock: late as unknown as MachinePorts['clock'] });
  const { revision } = await put(store, 'a');
  await read(store, 'a');
  expect(store.isStale?.(key('a'), revision)).toBe(false);
  plugin.keyId = 'two';
  await clock.advance(61_000);
  for (let i = 0; i < 200 && store.isStale?.(key('a'), revision) !== true; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await read(store, 'a')).toBe('precious');
  expect(store.isStale?.(key('a'), revision)).toBe(true);
  expect(health.map(({ name }) => name)).toEqual(['kms-provider-0']);
  expect(() => health[0]?.check()).not.toThrow();
  plugin.healthz = 'sealed';
  await clock.advance(61_000);
  for (let i = 0; i < 200 && plugin.asked.Status < 3; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(() => health[0]?.check()).toThrow('got unexpected healthz status: sealed');
  expect(await read(store, 'a')).toBe('precious');
});

test('a start without the plugin says so', async () => {
  await systemFiles.write(path(), configOf(kms()), { mode: 0o600 });
  await expect(open(openMemoryStore())).rejects.toThrow('the KMS plugin of provider "vault" does not answer');
});

test('the file changes: values are moved to another provider while the server runs; one that does not fit changes nothing', async () => {
  const secret = Buffer.alloc(32, 7).toString('base64');
  const aes = `{ aesgcm: { keys: [{ name: k, secret: ${secret} }] } }`;
  await systemFiles.write(path(), configOf('{ identity: {} }'), { mode: 0o600 });
  const disk = openMemoryStore();
  const { store, health } = await open(disk, { reload: true });
  expect(health.map(({ name }) => name)).toEqual(['kms-providers']);
  await put(store, 'plain');
  await systemFiles.write(path(), configOf('{ rot13: {} }'), { mode: 0o600 });
  await new Promise((resolve) => setTimeout(resolve, 400));
  await put(store, 'still');
  await systemFiles.write(path(), configOf(`${aes}, { identity: {} }`), { mode: 0o600 });
  const isEncrypted = async (name: string) => {
    await put(store, name);
    return Buffer.from((await disk.read(key(name)))?.value ?? [])
      .toString('latin1')
      .startsWith('k8s:enc:aesgcm:');
  };
  let encrypted = false;
  for (let i = 0; i < 100 && !encrypted; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    encrypted = await isEncrypted(`n${i}`);
  }
  expect(encrypted).toBe(true);
  expect(await read(store, 'plain')).toBe('precious');
  expect(await read(store, 'still')).toBe('precious');
});
